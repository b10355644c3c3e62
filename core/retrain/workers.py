"""Which workers there are: each says every few seconds that it is alive, for people to see."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from core.arena.schema import workers
from core.arena.store import Store, insert

ALIVE_FOR = timedelta(seconds=30)  # since the last sign


@dataclass(frozen=True)
class WorkerInfo:
    """One worker."""

    name: str
    host: str
    pid: int
    device: str
    started_at: datetime


class Workers:
    """The workers of one database."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def sign(self, worker: WorkerInfo) -> None:
        """It is alive."""
        values = {
            "host": worker.host,
            "pid": worker.pid,
            "device": worker.device,
            "started_at": worker.started_at,
            "seen_at": self._clock(),
        }
        async with self._store.write() as connection:
            row = insert(connection, workers).values(name=worker.name, **values)
            await connection.execute(
                row.on_conflict_do_update(index_elements=[workers.c.name], set_=values)
            )

    async def leave(self, name: str) -> None:
        """It has stopped."""
        async with self._store.write() as connection:
            await connection.execute(delete(workers).where(workers.c.name == name))

    async def alive(self) -> tuple[WorkerInfo, ...]:
        """Those that have shown themselves of late."""
        wanted = select(workers).where(workers.c.seen_at > self._clock() - ALIVE_FOR)
        async with self._store.read() as connection:
            rows = await connection.execute(wanted.order_by(workers.c.name))
            return tuple(WorkerInfo(r.name, r.host, r.pid, r.device, r.started_at) for r in rows)
