"""The desk: what is asked for at once is written at once, in threads or in a process apart."""

import asyncio
import math
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from factories import SMALL, make_checkpoint

from core.errors import AcrosticImpossible
from core.lyrics.desk import BUSY_BEAM, MOST_CANDIDATES, Desk
from core.lyrics.form import BEAM
from core.lyrics.recipe import Network
from core.lyrics.writer import Writer


@pytest.fixture(params=[False, True], ids=["threads", "apart"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    one = Desk(apart=request.param)
    yield one
    await one.close()


async def test_each_gets_the_lyric_that_they_asked_for(desk: Desk) -> None:
    writers = [Writer(make_checkpoint("random")), Writer(make_checkpoint("consecutive"))]
    prefix = writers[0].read_prefix("分开")
    orders = [(writer, seed) for seed in range(20) for writer in writers]
    written = await asyncio.gather(*(desk.write(w, prefix, seed=seed) for w, seed in orders))
    for n, writer in enumerate(writers):
        assert written[n::2] == writer.write_many([prefix] * 20, seeds=range(20))


async def test_what_is_asked_for_at_once_is_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, writer = Desk(), Writer(make_checkpoint())
    prefix = writer.read_prefix("分开")
    sizes = []
    write_many = writer.write_many

    def counted(prefixes: object, **others: object) -> object:
        sizes.append(len(prefixes))  # type: ignore[arg-type]
        return write_many(prefixes, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "write_many", counted)
    await asyncio.gather(*(desk.write(writer, prefix, seed=n) for n in range(10)))
    assert sizes == [10]


async def test_a_process_that_is_killed_is_started_again() -> None:
    desk, writer = Desk(apart=True), Writer(make_checkpoint())
    prefix = writer.read_prefix("分开")
    first = await desk.write(writer, prefix, seed=1)
    assert desk._scribe is not None
    processes = desk._scribe._pool._processes
    assert processes
    (pid,) = processes
    os.kill(pid, signal.SIGKILL)
    assert await desk.write(writer, prefix, seed=1) == first
    await desk.close()


@pytest.mark.parametrize("apart", [False, True], ids=["threads", "apart"])
async def test_the_event_loop_goes_on_while_much_is_written(apart: bool) -> None:
    large = replace(SMALL, network=Network(cell="gru", num_hiddens=1024, start="scaled"))
    desk, writer = Desk(apart=apart), Writer(make_checkpoint(recipe=large))
    prefix = writer.read_prefix("分开")
    await desk.write(writer, prefix, seed=0)  # it is loaded
    began = time.perf_counter()
    writing = asyncio.gather(*(desk.write(writer, prefix, seed=n) for n in range(64)))
    longest = 0.0
    while not writing.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    took = time.perf_counter() - began
    await desk.close()
    # Were anything of it computed in the loop, it would stand still for as long as a batch takes.
    assert longest < took / 2


async def test_while_others_wait_there_is_one_candidate_and_a_narrow_beam() -> None:
    desk = Desk()
    with desk.duel():
        assert desk.candidates > 1
        assert desk.beam == BEAM
        with desk.duel():
            assert desk.candidates == 1
            assert desk.beam == BUSY_BEAM
        assert desk.candidates > 1


async def test_who_writes_most_of_the_time_writes_one_candidate() -> None:
    now, step = 0.0, 0.2

    def clock() -> float:
        nonlocal now
        now += step
        return now

    desk, writer = Desk(clock=clock), Writer(make_checkpoint())
    prefix = writer.read_prefix("分开")
    assert desk.candidates > 1
    for seed in range(4):
        await desk.write(writer, prefix, seed=seed)  # which takes a step, or more
    step = 0.0
    assert desk.candidates == 1
    now += 5.0
    assert desk.candidates > 1


async def test_what_takes_too_long_has_fewer_candidates_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = Writer(make_checkpoint())
    prefix = writer.read_prefix("分开")
    for allowed, most in ((0.0, 1), (3600.0, MOST_CANDIDATES)):
        monkeypatch.setattr("core.lyrics.desk.DUEL_TAKES", allowed)
        monkeypatch.setattr("core.lyrics.desk.BUSY_SHARE", math.inf)
        desk = Desk()
        for seed in range(2 * MOST_CANDIDATES):
            way = replace(SMALL.decoding, candidates=desk.candidates)
            await desk.write(writer, prefix, seed=seed, decoding=way)
        assert desk.candidates == most


async def test_who_asks_for_what_cannot_be_spoils_nobody_elses(desk: Desk) -> None:
    writer = Writer(make_checkpoint())
    prefix = writer.read_prefix("分开")
    odd = replace(SMALL.decoding, acrostic="龙凤", lines=2)
    one, two = await asyncio.gather(
        desk.write(writer, prefix, seed=1),
        desk.write(writer, prefix, seed=1, decoding=odd),
        return_exceptions=True,
    )
    assert one == writer.write(prefix, seed=1)
    assert isinstance(two, AcrosticImpossible)
