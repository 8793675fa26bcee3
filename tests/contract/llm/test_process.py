"""The model server as a process: what tests of the whole mesh and benchmarks rely on."""

from __future__ import annotations

import httpx

from services.agent.llm.openai_compatible import OpenAiCompatible
from tests.contract.llm.asking import ask, request
from tests.fakes.llm.process import spawned


async def test_process_answers_keeps_its_log_and_forgets_it() -> None:
    async with spawned("--flush", "token", "--key", "sk-x") as url, httpx.AsyncClient(base_url=url[:-3]) as client:
        adapter = OpenAiCompatible(url, "sk-x")
        heard = await ask(adapter, request("[[tokens 20]]", "any:crlf", request_id="run:1"))
        await adapter.aclose()

        (call,) = (await client.get("/_log")).json()
        asked = (await client.get(f"/_log/{call['call']}")).json()
        await client.delete("/_log")
        forgotten = (await client.get("/_log")).json()
        missing = await client.get("/elsewhere")

    assert heard.usage.completion_tokens == 20
    assert (call["request_id"], call["dialect"], call["tokens"], call["attempt"]) == ("run:1", "crlf", 20, 1)
    assert call["received_at"] <= call["first_byte_at"] <= call["completed_at"]
    assert asked["messages"] == [{"role": "user", "content": "[[tokens 20]]"}]
    assert forgotten == []
    assert missing.status_code == 404
