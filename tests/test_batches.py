"""The two samplers against their definitions."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.lyrics.recipe import ARTICLE, Recipe
from core.rnn.batches import (
    Minibatch,
    consecutive_batches,
    random_batches,
    updates_per_epoch,
)


def reading(batch_size: int, num_steps: int) -> Recipe:
    return replace(ARTICLE, batch_size=batch_size, num_steps=num_steps)


Rows = list[list[int]]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain(minibatches: list[Minibatch]) -> list[tuple[Rows, Rows]]:
    return [(X.tolist(), Y.tolist()) for X, Y in minibatches]


def random_by_definition(
    text: list[int], batch: int, steps: int, order: list[int]
) -> list[tuple[Rows, Rows]]:
    """Pieces of `steps` that have a successor, in the order given, a batch at a time."""
    starts = [piece * steps for piece in order]
    result = []
    while len(starts) >= batch:
        now, starts = starts[:batch], starts[batch:]
        X = [[text[start + step] for step in range(steps)] for start in now]
        Y = [[text[start + step + 1] for step in range(steps)] for start in now]
        result.append((X, Y))
    return result


def consecutive_by_definition(text: list[int], batch: int, steps: int) -> list[tuple[Rows, Rows]]:
    """Row i is the i-th of `batch` equal parts of the text; all are read `steps` at a time."""
    part = len(text) // batch
    result = []
    at = 0
    while at + steps + 1 <= part:
        X = [[text[row * part + at + step] for step in range(steps)] for row in range(batch)]
        Y = [[text[row * part + at + step + 1] for step in range(steps)] for row in range(batch)]
        result.append((X, Y))
        at += steps
    return result


TEXTS = st.lists(st.integers(0, 50), min_size=1, max_size=150)
BATCHES, STEPS = st.integers(1, 6), st.integers(1, 9)


@given(text=TEXTS, batch=BATCHES, steps=STEPS, seed=st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_random_batches_are_those_of_the_definition(
    text: list[int], batch: int, steps: int, seed: int
) -> None:
    ours = plain(list(random_batches(torch.tensor(text), batch, steps, seeded(seed))))
    order = torch.randperm((len(text) - 1) // steps, generator=seeded(seed)).tolist()
    assert ours == random_by_definition(text, batch, steps, order)


@given(text=TEXTS, batch=BATCHES, steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_consecutive_batches_are_those_of_the_definition(
    text: list[int], batch: int, steps: int
) -> None:
    ours = plain(list(consecutive_batches(torch.tensor(text), batch, steps)))
    assert ours == consecutive_by_definition(text, batch, steps)


@given(length=st.integers(1, 150), batch=BATCHES, steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_a_row_goes_on_where_it_ended_and_never_leaves_its_part(
    length: int, batch: int, steps: int
) -> None:
    minibatches = list(consecutive_batches(torch.arange(length), batch, steps))
    for (_, Y), (X, _) in pairwise(minibatches):
        assert X[:, 0].tolist() == Y[:, -1].tolist()
    for X, Y in minibatches:
        assert X.shape == Y.shape == (batch, steps)
        assert torch.equal(Y, X + 1)
        assert all(len({n // (length // batch) for n in row}) == 1 for row in X.tolist())


@given(length=st.integers(1, 150), batch=BATCHES, steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_random_batches_visit_a_piece_at_most_once_a_pass(
    length: int, batch: int, steps: int
) -> None:
    minibatches = list(random_batches(torch.arange(length), batch, steps, seeded()))
    for X, Y in minibatches:
        assert X.shape == Y.shape == (batch, steps)
        assert torch.equal(Y, X + 1)
    starts = [row[0] for X, _ in minibatches for row in X.tolist()]
    assert len(set(starts)) == len(starts)
    assert all(start % steps == 0 for start in starts)
    pieces = (length - 1) // steps
    assert len(starts) == pieces - pieces % batch


@given(length=st.integers(1, 400), batch=BATCHES, steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_an_epoch_has_as_many_updates_as_one_consecutive_pass_and_never_too_many_for_random(
    length: int, batch: int, steps: int
) -> None:
    text = torch.arange(length)
    consecutive = len(list(consecutive_batches(text, batch, steps)))
    assert consecutive <= len(list(random_batches(text, batch, steps, seeded())))
    if length >= batch:
        assert updates_per_epoch(length, reading(batch, steps)) == consecutive


@given(batch=st.integers(1, 40), steps=st.integers(1, 40), more=st.integers(0, 50))
@settings(max_examples=100, deadline=None)
def test_the_length_a_recipe_asks_for_always_gives_a_minibatch(
    batch: int, steps: int, more: int
) -> None:
    length = batch * (steps + 1) + more
    text = torch.arange(length)
    assert updates_per_epoch(length, reading(batch, steps)) >= 1
    assert next(consecutive_batches(text, batch, steps))[0].shape == (batch, steps)
    assert next(random_batches(text, batch, steps, seeded()))[0].shape == (batch, steps)
    assert updates_per_epoch(batch * (steps + 1) - 1, reading(batch, steps)) == 0


@given(batch=st.integers(1, 8), steps=st.integers(1, 9), more=st.integers(0, 90), data=st.data())
@settings(max_examples=100, deadline=None)
def test_wherever_a_drawn_pass_begins_both_samplers_have_an_epochs_updates(
    batch: int, steps: int, more: int, data: st.DataObject
) -> None:
    recipe = replace(reading(batch, steps), offset="drawn")
    length = batch * (steps + 1) + steps - 1 + more
    updates = updates_per_epoch(length, recipe)
    assert updates >= 1
    text = torch.arange(length)[data.draw(st.integers(0, steps - 1)) :]
    assert len(list(consecutive_batches(text, batch, steps))) >= updates
    assert len(list(random_batches(text, batch, steps, seeded()))) >= updates
    latest = torch.arange(length)[steps - 1 :]
    assert len(list(consecutive_batches(latest, batch, steps))) == updates


def rows(first: int, second: int) -> Tensor:
    return torch.stack([torch.arange(first, first + 6), torch.arange(second, second + 6)])


def test_the_books_example_of_consecutive_batches() -> None:
    minibatches = list(consecutive_batches(torch.arange(30), 2, 6))
    assert [X.tolist() for X, _ in minibatches] == [rows(0, 15).tolist(), rows(6, 21).tolist()]
    assert [Y.tolist() for _, Y in minibatches] == [rows(1, 16).tolist(), rows(7, 22).tolist()]


@pytest.mark.parametrize("seed", range(5))
def test_the_books_example_of_random_batches(seed: int) -> None:
    minibatches = list(random_batches(torch.arange(30), 2, 6, seeded(seed)))
    assert len(minibatches) == 2
    pieces = sorted(row for X, _ in minibatches for row in X.tolist())
    assert pieces == [list(range(start, start + 6)) for start in (0, 6, 12, 18)]
    assert all(torch.equal(Y, X + 1) for X, Y in minibatches)


def test_each_pass_draws_an_order_of_its_own() -> None:
    generator = seeded()
    text = torch.arange(301)
    passes = [plain(list(random_batches(text, 5, 3, generator))) for _ in range(3)]
    assert passes[0] != passes[1] != passes[2]
    again = seeded()
    assert [plain(list(random_batches(text, 5, 3, again))) for _ in range(3)] == passes


def test_pieces_that_a_pass_leaves_out_come_in_another() -> None:
    generator = seeded()
    text = torch.arange(5 * 3 + 1)  # five pieces, two a minibatch: one stays out each time
    met = {
        row[0]
        for _ in range(40)
        for X, _ in random_batches(text, 2, 3, generator)
        for row in X.tolist()
    }
    assert met == {0, 3, 6, 9, 12}


def test_the_bundled_articles_epoch_is_eight_updates() -> None:
    assert updates_per_epoch(10_000, reading(32, 35)) == 8
    text = torch.arange(10_000)
    assert len(list(random_batches(text, 32, 35, seeded()))) == 8
