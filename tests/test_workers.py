"""Workers say that they are alive."""

from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import Clock

from core.arena.store import Store
from core.retrain.workers import ALIVE_FOR, WorkerInfo, Workers


@pytest.fixture
def workers(store: Store, clock: Clock) -> Workers:
    return Workers(store, clock)


@pytest.fixture
def info(clock: Clock) -> WorkerInfo:
    return WorkerInfo("gpu-box-0", "gpu-box", 4242, "cuda:0", clock())


async def test_who_gives_a_sign_is_alive_for_a_while(
    workers: Workers, info: WorkerInfo, clock: Clock
) -> None:
    assert await workers.alive() == ()
    await workers.sign(info)
    clock.advance(ALIVE_FOR - timedelta(seconds=1))
    assert await workers.alive() == (info,)
    await workers.sign(info)
    clock.advance(ALIVE_FOR - timedelta(seconds=1))
    assert await workers.alive() == (info,)
    clock.advance(timedelta(seconds=2))
    assert await workers.alive() == ()


async def test_started_again_it_is_there_once_as_it_is_now(
    workers: Workers, info: WorkerInfo, clock: Clock
) -> None:
    await workers.sign(info)
    clock.advance(timedelta(seconds=5))
    again = replace(info, pid=4243, device="cpu", started_at=clock())
    await workers.sign(again)
    assert await workers.alive() == (again,)


async def test_who_leaves_is_gone_at_once_and_the_others_stay(
    workers: Workers, info: WorkerInfo
) -> None:
    other = replace(info, name="cellar-0")
    await workers.sign(info)
    await workers.sign(other)
    assert await workers.alive() == (other, info)  # by name
    await workers.leave(info.name)
    await workers.leave("nobody")
    assert await workers.alive() == (other,)
