"""How far a job is, made of what its training tells."""

import json
import math

import pytest

from core.lyrics.recipe import Sampler
from core.retrain.progress import Progress, Tracker

PAIR: list[tuple[Sampler, int]] = [("random", 1), ("consecutive", 1)]
TWO_PAIRS: list[tuple[Sampler, int]] = [*PAIR, ("random", 2), ("consecutive", 2)]


class Seconds:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_it_makes_can_be_kept_as_json_and_read_back() -> None:
    progress = Progress(
        stage="training",
        device="cuda:0",
        epoch=2,
        num_epochs=9,
        perplexity={"random": 12.5, "consecutive": None},
        held_out={"random": 20.25, "consecutive": 21.0},
        seconds_left=7.5,
        samples={"random": "分开的雨\n落下来"},
    )
    assert Progress.from_json(json.loads(json.dumps(progress.to_json()))) == progress
    assert Progress.from_json(Progress().to_json() | {"mood": "sunny"}) == Progress()
    assert Progress.from_json({}) == Progress()


def test_before_the_training_begins_it_is_preparing() -> None:
    assert Tracker(PAIR, 9).progress == Progress(num_epochs=9)


def test_an_epoch_counts_when_all_models_have_made_it() -> None:
    tracker = Tracker(TWO_PAIRS, 9)
    tracker.start("cpu", 0)
    assert (tracker.progress.stage, tracker.progress.device) == ("training", "cpu")
    for index, expected in ((0, 0), (2, 0), (1, 0), (3, 1)):
        tracker.epoch(index, 1, 5.0, 6.0)
        assert tracker.progress.epoch == expected


def test_perplexities_are_geometric_means_over_the_pairs_of_a_sampler() -> None:
    tracker = Tracker(TWO_PAIRS, 9)
    tracker.start("cpu", 0)
    tracker.epoch(0, 1, 2.0, 3.0)
    assert tracker.progress.perplexity == {"random": None, "consecutive": None}
    tracker.epoch(2, 1, 8.0, 12.0)
    assert tracker.progress.perplexity["random"] == pytest.approx(4)
    assert tracker.progress.held_out["random"] == pytest.approx(6)
    assert tracker.progress.perplexity["consecutive"] is None


@pytest.mark.parametrize("figure", [None, math.nan, math.inf])
def test_a_figure_that_is_no_number_makes_no_mean_and_json_holds_none(
    figure: float | None,
) -> None:
    tracker = Tracker(PAIR, 9)
    tracker.start("cpu", 0)
    tracker.epoch(0, 1, figure, figure)
    tracker.epoch(1, 1, 5.0, 6.0)
    assert tracker.progress.perplexity == {"random": None, "consecutive": pytest.approx(5)}
    assert tracker.progress.held_out == {"random": None, "consecutive": pytest.approx(6)}
    json.dumps(tracker.progress.to_json(), allow_nan=False)


def test_the_time_left_follows_from_the_epochs_made_since_it_started() -> None:
    clock = Seconds()
    tracker = Tracker(PAIR, 10, clock)
    clock.now += 500  # of getting ready
    tracker.start("cpu", 4)
    assert tracker.progress.seconds_left is None
    for epoch, expected in ((5, 5 * 3.0), (6, 4 * 3.0), (10, 0.0)):
        clock.now += 3.0 * (epoch - tracker.progress.epoch)
        tracker.epoch(0, epoch, 5.0, None)
        tracker.epoch(1, epoch, 5.0, None)
        assert tracker.progress.seconds_left == pytest.approx(expected)
    assert tracker.progress.epoch == 10


def test_started_anew_it_counts_from_where_it_goes_on() -> None:
    clock = Seconds()
    tracker = Tracker(PAIR, 10, clock)
    tracker.start("cpu", 0)
    clock.now += 60
    for index in (0, 1):
        tracker.epoch(index, 6, 5.0, None)
    tracker.start("cpu", 4)
    assert tracker.progress.epoch == 4
    clock.now += 2
    for index in (0, 1):
        tracker.epoch(index, 5, 5.0, None)
    assert tracker.progress.seconds_left == pytest.approx(5 * 2.0)


def test_samples_are_those_of_the_first_pair_and_stay_till_there_are_others() -> None:
    tracker = Tracker(TWO_PAIRS, 9)
    tracker.start("cpu", 0)
    tracker.epoch(0, 1, 5.0, None, "分开一")
    tracker.epoch(1, 1, 5.0, None, "分开二")
    tracker.epoch(2, 1, 5.0, None, "分开三")
    tracker.epoch(0, 2, 5.0, None)
    assert tracker.progress.samples == {"random": "分开一", "consecutive": "分开二"}
    tracker.epoch(0, 3, 5.0, None, "分开四")
    assert tracker.progress.samples == {"random": "分开四", "consecutive": "分开二"}


def test_after_the_training_no_time_is_left_to_tell() -> None:
    clock = Seconds()
    tracker = Tracker(PAIR, 9, clock)
    tracker.start("cpu", 0)
    clock.now += 1
    for index in (0, 1):
        tracker.epoch(index, 1, 5.0, None)
    assert tracker.progress.seconds_left is not None
    told = tracker.progress
    tracker.enter("judging")
    later = tracker.progress.to_json()
    assert (later["stage"], later["seconds_left"]) == ("judging", None)
    assert tracker.progress.perplexity == told.perplexity


def test_a_moment_once_told_stays_as_it_was() -> None:
    tracker = Tracker(PAIR, 9)
    tracker.start("cpu", 0)
    tracker.epoch(0, 1, 5.0, None, "分开一")
    told, kept = tracker.progress, tracker.progress.to_json()
    tracker.epoch(0, 2, 4.0, None, "分开二")
    assert told.to_json() == kept
