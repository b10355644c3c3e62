"""Pictures: that they are pictures, and show what they are given."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from factories import make_pair

from bot.pictures import COLOURS, draw_curves, standings_picture
from bot.texts import LANGUAGES, texts_for
from core.arena.bets import Ledger, Score
from core.arena.sums import Sums
from core.arena.verdict import verdict_of
from core.lyrics.checkpoint import Checkpoint, EpochFigures


def pixels(file: Path, *, below: float = 0.0) -> set[tuple[int, ...]]:
    """The colours there are; `below`: further down than that share of the height."""
    image = matplotlib.image.imread(file)
    assert image.shape[0] > 400
    assert image.shape[1] > 800
    image = image[int(below * len(image)) :]
    return {
        tuple(colour)
        for colour in np.unique(
            (image * 255).round().astype(int)[..., :3].reshape(-1, 3), axis=0
        ).tolist()
    }


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def with_figures(pair: tuple[Checkpoint, Checkpoint], *figures: EpochFigures) -> list[Checkpoint]:
    return [replace(one, figures=figures, epoch=len(figures)) for one in pair]


def test_curves_of_both_samplers_are_drawn(tmp_path: Path) -> None:
    draw_curves([make_pair()], tmp_path / "folder" / "c.png")
    colours = pixels(tmp_path / "folder" / "c.png")
    assert {rgb(colour) for colour in COLOURS.values()} <= colours
    draw_curves([make_pair()[:1]], tmp_path / "one.png")
    assert rgb(COLOURS["consecutive"]) not in pixels(tmp_path / "one.png")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_star_of_a_release_is_its_winners_even_if_others_came_later(
    language: str, tmp_path: Path
) -> None:
    called = Ledger.of([Score(5, 5)] * 12 + [Score(1, 0)] * 20)
    sums = Sums(random=60, consecutive=240, ledger=called)
    assert verdict_of(sums).winner == "random"
    past = [(datetime(2026, 1, 2, hour, tzinfo=UTC), sums) for hour in (3, 5)]
    picture = standings_picture(1, past, {1: sums}, texts_for(language))
    (tmp_path / "s.png").write_bytes(picture)
    of_releases = pixels(tmp_path / "s.png", below=0.65)
    assert rgb(COLOURS["random"]) in of_releases
    assert rgb(COLOURS["consecutive"]) not in of_releases


@pytest.mark.parametrize("held_out", [None, math.inf, 3.0])
def test_missing_and_endless_figures_are_no_hindrance(
    held_out: float | None, tmp_path: Path
) -> None:
    pair = with_figures(
        make_pair(), EpochFigures(1, math.inf, held_out), EpochFigures(2, 4.0, held_out)
    )
    draw_curves([pair, pair], tmp_path / "c.png")
    assert len(pixels(tmp_path / "c.png")) > 3
