"""The same unary read as a FastAPI + asyncpg app in one process: what the mesh's is measured beside.

python -m tests.bench.peer DATABASE_URL JWT_SECRET PORT
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import jwt
import uvicorn
from fastapi import FastAPI, Header, HTTPException


def make_app(dsn: str, secret: str) -> FastAPI:
    """GET /v1/agent-runs/{id}/status over the mesh's own table."""
    state: dict[str, Any] = {}

    @asynccontextmanager
    async def connected(_: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=8, max_size=8) as state["pool"]:
            yield

    app = FastAPI(lifespan=connected)

    @app.get("/v1/agent-runs/{run_id}/status")
    async def status(run_id: UUID, authorization: Annotated[str, Header()]) -> dict[str, Any]:
        claims = jwt.decode(authorization.removeprefix("Bearer "), secret, algorithms=["HS256"])
        row = await state["pool"].fetchrow("SELECT account_id, status, error FROM agent.runs WHERE run_id = $1", run_id)
        if row is None or str(row["account_id"]) != claims["sub"]:
            raise HTTPException(404, "not found")
        return {"status": row["status"], "error": row["error"]}

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1], sys.argv[2]), host="127.0.0.1", port=int(sys.argv[3]), log_level="warning")
