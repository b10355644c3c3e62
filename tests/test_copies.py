"""Runs copied from the corpus: found all, and kept off when asked."""

import numpy as np
import pytest
from factories import TEXT
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lyrics.copies import Copied, Copies, Guard, bare, sort_suffixes
from core.lyrics.corpus import read_bundled

TEXTS = st.text("分开不我你 \n", max_size=60)


def slow(corpus: str, text: str, prefix: str) -> tuple[int, ...]:
    """The same as `measure`, by looking for every run everywhere."""
    whole, written, given_ = bare(corpus), bare(text), len(bare(prefix))
    runs = []
    for start in range(len(written)):
        run = 0
        while start + run < len(written) and written[start : start + run + 1] in whole:
            run += 1
        runs.append(run)
    covered = [
        {at for start, run in enumerate(runs) if run >= least for at in range(start, start + run)}
        for least in (6, 8)
    ]
    counts = [len([at for at in one if at >= given_]) for one in covered]
    longest = max((run for at, run in enumerate(runs) if at + run > given_), default=0)
    return len(written) - given_, *counts, longest


def measured(copies: Copies, text: str, prefix: str = "") -> Copied:
    return copies.measure([text], [prefix])[0]


@given(corpus=TEXTS, text=TEXTS, given_=st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_what_is_measured_is_what_a_slow_search_finds(corpus: str, text: str, given_: int) -> None:
    found = measured(Copies(corpus), text, text[:given_])
    counted = (found.characters, found.in_6, found.in_8, found.longest)
    assert counted == slow(corpus, text, text[:given_])


@given(corpus=TEXTS)
@settings(max_examples=200, deadline=None)
def test_suffixes_are_sorted(corpus: str) -> None:
    text = bare(corpus)
    codes = np.array([ord(c) for c in text], np.uint32)
    ordered = sort_suffixes(codes).tolist()
    assert ordered == sorted(range(len(text)), key=lambda at: text[at:])


def test_breaks_and_spaces_do_not_end_a_run() -> None:
    found = measured(Copies("我们慢慢\n走过 那条街\n"), "我们\n慢慢走 过那\n条")
    assert found == Copied(8, 8, 8, 8)
    assert found.originality == 0


def test_the_longest_run_tells_the_line_where_it_begins() -> None:
    copies = Copies("第一行\n我们慢慢走\n\n那条街\n")
    assert measured(copies, "他说慢慢走那").source == "我们慢慢走"
    assert measured(copies, "xyz").source == ""


def test_a_prefix_is_not_counted_but_a_run_goes_on_from_it() -> None:
    copies = Copies("一二三四五六七八九\n")
    assert measured(copies, "一二三四五六七八九", "一二三四五六七八九") == Copied(0, 0, 0, 0)
    assert measured(copies, "一二三四五六x", "一二三四五") == Copied(2, 1, 0, 6)


def test_many_are_measured_as_one_by_one() -> None:
    copies = Copies(TEXT)
    texts = [TEXT[at : at + 20] + "雨" * (at % 7) for at in range(40)]
    prefixes = [text[: at % 5] for at, text in enumerate(texts)]
    one_by_one = [measured(copies, *pair) for pair in zip(texts, prefixes, strict=True)]
    assert copies.measure(texts, prefixes) == one_by_one
    assert copies.measure([], []) == []


@given(corpus=TEXTS, run=st.text("分开不我你", max_size=8), limit=st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_what_is_forbidden_is_what_would_carry_a_run_past_the_limit(
    corpus: str, run: str, limit: int
) -> None:
    vocabulary = "分开不我你"
    window = np.full((1, limit), -1, np.intp)
    last = [vocabulary.index(c) for c in run[-limit:]]
    if last:
        window[0, -len(last) :] = last
    rows, indices = Guard(Copies(corpus), limit, vocabulary).forbidden(window)
    assert set(rows.tolist()) <= {0}
    forbidden = {vocabulary[index] for index in indices.tolist()}
    past = {c for c in vocabulary if len(run) >= limit and run[-limit:] + c in bare(corpus)}
    assert forbidden == past


def test_neither_weighs_more_than_twenty_times_the_corpus() -> None:
    text = read_bundled().text
    copies = Copies(text)
    measured(copies, text[:100])  # so that all is there that is ever made
    guards = [Guard(copies, limit, sorted(set(text))) for limit in (5, 7)]
    held = [one for part in (copies, *guards) for one in vars(part).values()]
    arrays = [one.nbytes for one in held if isinstance(one, np.ndarray)]
    assert len(arrays) == 10
    assert len(text.encode()) + sum(arrays) < 20 * len(text.encode())


@pytest.mark.parametrize("corpus", ["", "分", "\n \n"])
def test_the_smallest_corpora_have_nothing_to_copy(corpus: str) -> None:
    copies = Copies(corpus)
    assert measured(copies, "不我").in_6 == 0
    rows, _ = Guard(copies, 7, "分").forbidden(np.zeros((1, 7), np.intp))
    assert len(rows) == 0
