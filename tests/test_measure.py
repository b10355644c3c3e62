"""What is measured of lyrics, beside values counted by hand."""

from dataclasses import replace

import pytest
from factories import ARTICLE_LIKE, TEXT, make_checkpoint

from core.lyrics.measure import Mean, Measures, measure, measure_corpus
from core.lyrics.writer import Writer


def test_a_mean_has_its_interval() -> None:
    mean = Mean.of([0.0, 1.0] * 50)
    assert mean.value == 0.5
    assert mean.within == pytest.approx(1.96 * 0.5 / 10, rel=0.01)
    assert Mean.of([0.3]) == Mean(0.3, 0.0)


def test_a_corpus_by_hand() -> None:
    found = measure_corpus("分开分开分开\n天边\n年前\n")
    assert found.num == 1
    assert found.distinct_1.value == pytest.approx(6 / 10)
    assert found.distinct_2.value == pytest.approx(6 / 9)
    assert found.repeated.value == pytest.approx(4 / 10)
    assert found.rhyming.value == pytest.approx(1 / 2)
    assert found.line_lengths == {2: pytest.approx(2 / 3), 6: pytest.approx(1 / 3)}


def test_what_a_model_writes_is_measured_the_same_each_time() -> None:
    writer = Writer(make_checkpoint())
    found = measure(writer, 30)
    assert found.num == 30
    assert found.perplexity == 8.0
    assert found.in_6 is not None
    assert 0 <= found.in_6.value <= 1
    assert sum(found.line_lengths.values()) == pytest.approx(1)
    assert measure(writer, 30) == found


def test_the_articles_models_are_measured_too() -> None:
    found = measure(Writer(make_checkpoint(recipe=ARTICLE_LIKE)), 5)
    assert found.num == 5
    assert found.in_8 is not None


def test_a_model_that_reads_no_opening_begins_with_what_it_knows() -> None:
    checkpoint = make_checkpoint(text="ab cd\nef gh\n" * 40)
    first = next(c for c in checkpoint.vocabulary.characters if not c.isspace())
    unseen = replace(checkpoint, openings=(), unseen=first)
    assert measure(Writer(unseen), 3).num == 3


def test_measures_are_kept_as_json() -> None:
    for found in (measure(Writer(make_checkpoint()), 5), measure_corpus(TEXT)):
        assert Measures.from_json(found.to_json()) == found
