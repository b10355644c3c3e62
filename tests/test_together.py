"""Many callers at once: one batch, each its own result, and nobody is left waiting."""

import asyncio
from collections.abc import Sequence

import pytest

from core.together import Together


class Work:
    """Doubles numbers, and tells in which batches; it does not begin before it may."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_begin = asyncio.Event()
        self.may_begin.set()

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append([*numbers])
        await self.may_begin.wait()
        if 999 in numbers:
            raise LookupError("a batch that fails")
        return [2 * one if one >= 0 else ValueError(str(one)) for one in numbers]


@pytest.fixture
async def work() -> Work:
    return Work()


async def test_who_comes_alone_is_served_at_once(work: Work) -> None:
    double = Together(work)
    assert [await double(1), await double(2)] == [2, 4]
    assert work.batches == [[1], [2]]


async def test_who_comes_in_the_same_turn_of_the_loop_comes_along(work: Work) -> None:
    double = Together(work)
    assert await asyncio.gather(*(double(one) for one in range(50))) == [*range(0, 100, 2)]
    assert work.batches == [[*range(50)]]


async def test_who_comes_while_a_batch_is_done_makes_the_next_one(work: Work) -> None:
    double = Together(work)
    work.may_begin.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(double(0))]
        while not work.batches:
            await asyncio.sleep(0)
        tasks += [group.create_task(double(one)) for one in (1, 2, 3)]
        await asyncio.sleep(0)
        work.may_begin.set()
    assert [task.result() for task in tasks] == [0, 2, 4, 6]
    assert work.batches == [[0], [1, 2, 3]]


async def test_a_batch_has_a_largest_size_and_keeps_the_order(work: Work) -> None:
    double = Together(work, most=2)
    await asyncio.gather(*(double(one) for one in range(5)))
    assert work.batches == [[0, 1], [2, 3], [4]]


async def test_one_that_fails_fails_alone(work: Work) -> None:
    double = Together(work)
    first, second, third = await asyncio.gather(
        double(1), double(-2), double(3), return_exceptions=True
    )
    assert (first, third) == (2, 6)
    assert isinstance(second, ValueError)


async def test_a_batch_that_fails_fails_for_all_of_it_and_the_next_is_done(work: Work) -> None:
    double = Together(work, most=2)
    found = await asyncio.gather(*(double(one) for one in (1, 999, 3)), return_exceptions=True)
    assert [type(one) for one in found] == [LookupError, LookupError, int]
    assert await double(4) == 8


async def test_a_caller_that_has_gone_disturbs_nobody(work: Work) -> None:
    double = Together(work)
    work.may_begin.clear()
    async with asyncio.TaskGroup() as group:
        gone, stays = group.create_task(double(-1)), group.create_task(double(2))
        while not work.batches:
            await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        work.may_begin.set()
    assert gone.cancelled()
    assert stays.result() == 4


async def test_too_few_results_are_an_error_for_everybody() -> None:
    async def half(numbers: Sequence[int]) -> Sequence[int]:
        return numbers[::2]

    same = Together(half)
    outcomes = await asyncio.gather(*(same(one) for one in range(4)), return_exceptions=True)
    assert all(isinstance(one, ValueError) for one in outcomes)
    assert await same(7) == 7
