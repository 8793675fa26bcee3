"""What operators and load balancers ask: is it well, how much does it do."""

from __future__ import annotations

import asyncio

from services.gateway.edge.domain import Json
from services.gateway.edge.errors import Draining, Unhealthy
from services.gateway.edge.ports import Cache, Neighbours, Runs
from services.gateway.edge.streams import OpenStreams
from services.kit.clock import Clock
from services.kit.errors import MeshError


class LookAfter:
    """`instance_id` names this process."""

    def __init__(
        self, runs: Runs, neighbours: Neighbours, cache: Cache, streams: OpenStreams, clock: Clock, instance_id: str
    ) -> None:
        self._runs = runs
        self._neighbours = neighbours
        self._cache = cache
        self._streams = streams
        self._clock = clock
        self._instance_id = instance_id

    def health(self) -> Json:
        """Whether this instance takes requests. Draining."""
        if self._streams.draining:
            raise Draining(params={"status": "shutting_down", "instance_id": self._instance_id})
        return {"status": "healthy", **self._signature()}

    async def health_of_all(self) -> Json:
        """Every service with its storage, and Redis. Unhealthy, with the state of each in `params`."""
        self.health()
        parts, cache = await asyncio.gather(self._neighbours.ask(), self._state_of_cache())
        parts["redis"] = cache
        if any(state != "healthy" for state in parts.values()):
            raise Unhealthy(params={"status": "unhealthy", "services": dict(parts), "instance_id": self._instance_id})
        metrics = {"open_streams": self._streams.count, "watched_runs": self._streams.runs}
        return {"status": "healthy", **self._signature(), "services": parts, "metrics": metrics}

    async def metrics(self) -> Json:
        """Runs and streams of the whole mesh."""
        stats, (streams, eternal) = await asyncio.gather(self._runs.stats(), self._cache.streams())
        return {
            "active_agent_runs": stats.running + stats.queued,
            "active_redis_streams": streams,
            "orphaned_streams": eternal,
            "running": stats.running,
            "queued": stats.queued,
            "oldest_queued_s": stats.oldest_queued_s,
            "outbox_pending": stats.outbox_pending,
            "orphaned_runs": stats.orphaned,
            "open_streams": self._streams.count,
        }

    def debug(self) -> Json:
        """This instance alone: runs are executed by workers, here they are watched."""
        return {
            **self._signature(),
            "active_runs_on_instance": self._streams.runs,
            "open_streams": self._streams.count,
            "is_shutting_down": self._streams.draining,
        }

    async def debug_cache(self) -> Json:
        """Redis' state. CacheUnavailable."""
        return {"status": "healthy", **(await self._cache.describe()), **self._signature()}

    async def _state_of_cache(self) -> str:
        try:
            await self._cache.ping()
        except MeshError as away:
            return away.reason.lower()
        return "healthy"

    def _signature(self) -> Json:
        return {"timestamp": self._clock.now().isoformat(), "instance_id": self._instance_id}
