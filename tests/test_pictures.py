"""Pictures: that they are pictures, and show what they are given."""

import math
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from factories import make_pair

from bot.pictures import COLOURS, draw_curves
from core.lyrics.checkpoint import Checkpoint, EpochFigures


def pixels(file: Path) -> set[tuple[int, ...]]:
    image = matplotlib.image.imread(file)
    assert image.shape[0] > 400
    assert image.shape[1] > 800
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


@pytest.mark.parametrize("held_out", [None, math.inf, 3.0])
def test_missing_and_endless_figures_are_no_hindrance(
    held_out: float | None, tmp_path: Path
) -> None:
    pair = with_figures(
        make_pair(), EpochFigures(1, math.inf, held_out), EpochFigures(2, 4.0, held_out)
    )
    draw_curves([pair, pair], tmp_path / "c.png")
    assert len(pixels(tmp_path / "c.png")) > 3
