"""Draws pictures. matplotlib is slow to import: whoever draws imports this when it draws."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)

from bot.texts import Texts
from core.arena.sums import Sums
from core.arena.verdict import Interval, Verdict, plain_share, verdict_of
from core.lyrics.checkpoint import Checkpoint, write_aside
from core.lyrics.measure import Measures
from core.lyrics.recipe import SAMPLERS, Sampler

SHARES = {
    "in_6": "copied\nin runs of 6",
    "distinct_2": "distinct\npairs",
    "repeated": "repeated",
    "rhyming": "lines\nthat rhyme",
}
# Apart for every kind of colour vision: Okabe and Ito, Color universal design, 2008.
COLOURS: dict[Sampler, str] = {"random": "#0072B2", "consecutive": "#D55E00"}


RELEASES = 6
GREY = "#555555"
BEHIND: dict[str, Any] = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}
# Whoever is ahead, by so much: up and to the right random, down and to the left the other.
FROM_THE_MIDDLE = FuncFormatter(lambda share, _: f"{100 * max(share, 1 - share):.0f}%")


@cache
def font() -> FontProperties:
    """A font with Chinese characters: matplotlib brings none.

    zhplot is not imported, since that would change how everything is drawn.
    """
    found = find_spec("zhplot")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("zhplot is not installed: pip install lyricbot")
    return FontProperties(fname=Path(found.origin).with_name("fonts") / "NotoSansSC-Regular.ttf")


def draw_curves(pairs: Sequence[Sequence[Checkpoint]], file: Path) -> None:
    """Draw the perplexity of every model by epoch, in training and held out, into a PNG."""
    write_aside(file, curves(pairs))


def curves(pairs: Sequence[Sequence[Checkpoint]]) -> bytes:
    """The same as the bytes of a PNG."""
    figure = Figure(figsize=(7, 4.2), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for number, pair in enumerate(pairs):
        for one in pair:
            _draw_model(axes, one, named=number == 0, alpha=1.0 if len(pairs) == 1 else 0.6)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="perplexity")
    first, last = pairs[0][0], pairs[-1][0]
    seeds = f"seed {first.seed}" if len(pairs) == 1 else f"seeds {first.seed} to {last.seed}"
    axes.set_title(f"recipe {first.recipe.name}, {seeds}")
    axes.grid(which="both", alpha=0.25)
    axes.legend()
    return _png(figure)


def draw_measures(columns: Sequence[tuple[str, Measures]], file: Path) -> None:
    """Draw measures side by side into a PNG: shares with their intervals, and line lengths."""
    figure = Figure(figsize=(9, 4.2), dpi=150, layout="constrained")
    bars, lines = figure.subplots(1, 2, width_ratios=(3, 2))
    width = 0.8 / len(columns)
    for number, (name, one) in enumerate(columns):
        known = [(place, getattr(one, field)) for place, field in enumerate(SHARES)]
        shown = [(place, share) for place, share in known if share is not None]
        bars.bar(
            [place + (number - (len(columns) - 1) / 2) * width for place, _ in shown],
            [share.value for _, share in shown],
            width,
            yerr=[share.within for _, share in shown],
            color=_colour(name),
            alpha=_alpha(name),
            label=name,
        )
        lines.plot(
            *(list(one.line_lengths.keys()), list(one.line_lengths.values())),
            color=_colour(name),
            alpha=_alpha(name),
            label=name,
        )
    bars.set_xticks(range(len(SHARES)), SHARES.values())
    bars.yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.legend(
        *bars.get_legend_handles_labels(), loc="outside upper center", ncols=len(columns)
    )
    lines.set(xlabel="characters a line", ylabel="share of lines")
    lines.yaxis.set_major_formatter(PercentFormatter(1.0))
    write_aside(file, _png(figure))


def standings_picture(
    release: int,
    past: Sequence[tuple[datetime, Sums]],
    by_release: Mapping[int, Sums],
    texts: Texts,
) -> bytes:
    """The share over time and by release, as the bytes of a PNG that a phone's width can hold.

    Args:
        release: the current one.
        past: how its sums stood, by time; the last with at least one vote.
        by_release: those of all releases, by number.
    """
    figure = Figure(figsize=(6, 7), dpi=180, layout="constrained")
    over_time, of_all = figure.subplots(2, 1, height_ratios=(3, 2))
    _draw_past(over_time, past, texts)
    over_time.set_title(texts.picture_title.format(number=release), font=font(), size=17)
    _draw_releases(of_all, by_release, texts)
    of_all.set_title(texts.picture_releases, font=font(), size=14)
    return _png(figure)


def _draw_past(axes: Axes, past: Sequence[tuple[datetime, Sums]], texts: Texts) -> None:
    """Random's share is drawn upwards, so the other's is what lies below.

    Of the votes that count, with their interval; dashed beside it, of every vote.
    """
    drawn = [(moment, sums, verdict_of(sums)) for moment, sums in past if sums.votes]
    if not drawn:
        return
    moments = [moment.timestamp() for moment, _, _ in drawn]
    bands = [one.counted.interval if one.counted else Interval(0, 1) for _, _, one in drawn]
    counted = [one.counted.share if one.counted else math.nan for _, _, one in drawn]
    plain = [sums.random / sums.votes for _, sums, _ in drawn]
    axes.fill_between(
        *(moments, [one.low for one in bands], [one.high for one in bands]),
        color="#888888",
        alpha=0.25,
        linewidth=0,
    )
    axes.plot(moments, plain, "--", color=GREY, linewidth=1.5)
    axes.plot(moments, counted, "-", color="black", linewidth=2.5)
    axes.axhline(0.5, color="black", linewidth=1, linestyle=":")
    _mark_now(axes, moments[-1], drawn[-1][2], texts)
    for sampler, height, side in ((SAMPLERS[0], 0.97, "top"), (SAMPLERS[1], 0.03, "bottom")):
        axes.text(
            *(0.02, height, texts.picture_ahead.format(sampler=texts.sampler(sampler))),
            transform=axes.transAxes,
            color=COLOURS[sampler],
            font=font(),
            size=14,
            va=side,
        )
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(FROM_THE_MIDDLE)
    ticks = np.linspace(moments[0], moments[-1], 3 if len(moments) > 1 else 1)
    form = "%m-%d\n%H:%M UTC" if moments[-1] - moments[0] < 3 * 86_400 else "%Y-%m-%d"
    axes.set_xticks(ticks, [f"{datetime.fromtimestamp(tick, UTC):{form}}" for tick in ticks])
    axes.tick_params(labelsize=12)
    axes.set_xlabel(texts.picture_band, font=font(), size=12, linespacing=1.4)


def _mark_now(axes: Axes, moment: float, verdict: Verdict, texts: Texts) -> None:
    estimate = verdict.counted or verdict.plain
    if estimate is None:
        return
    share = estimate.share
    ahead = None if estimate.is_even else SAMPLERS[share < 0.5]
    colour = COLOURS[ahead] if ahead else GREY
    said = texts.picture_now.format(
        share=f"{100 * max(share, 1 - share):.0f}", votes=f"{estimate.votes:,}"
    )
    axes.plot(moment, share, "o", color=colour, markersize=10)
    axes.annotate(
        ("★ " if ahead and verdict.winner == ahead else "") + said,
        *((moment, share), (-8, 14 if share < 0.8 else -24)),
        textcoords="offset points",
        ha="right",
        font=font(),
        size=14,
        color=colour,
        bbox=BEHIND,
    )


def _draw_releases(axes: Axes, by_release: Mapping[int, Sums], texts: Texts) -> None:
    """The latest releases that have votes, the last one on top."""
    voted = [(number, one) for number, one in sorted(by_release.items()) if one.votes][-RELEASES:]
    for place, (_, sums) in enumerate(voted):
        plain, verdict = plain_share(sums), verdict_of(sums)
        if plain is not None:
            share, within = plain.share, plain.interval
            axes.errorbar(
                *(share, place),
                xerr=[[max(0.0, share - within.low)], [max(0.0, within.high - share)]],
                fmt="*" if verdict.winner else "o",
                markersize=14 if verdict.winner else 8,
                color=COLOURS[verdict.winner or SAMPLERS[share < 0.5]],
                linewidth=2,
                clip_on=False,
            )
    axes.set_yticks(
        range(len(voted)),
        [
            texts.picture_release.format(number=number, votes=f"{sums.votes:,}")
            for number, sums in voted
        ],
        font=font(),
        size=12,
    )
    axes.set_ylim(-0.6, max(len(voted), 2) - 0.4)
    axes.axvline(0.5, color="black", linewidth=1, linestyle=":")
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(FROM_THE_MIDDLE)
    axes.tick_params(axis="x", labelsize=12)
    left, right = texts.sampler(SAMPLERS[1]), texts.sampler(SAMPLERS[0])
    axes.set_xlabel(f"← {left}　{right} →", font=font(), size=12)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _colour(name: str) -> str:
    return next((colour for one, colour in COLOURS.items() if name.startswith(one)), "#555555")


def _alpha(name: str) -> float:
    """The first pair of a release is drawn full, the others fainter."""
    number = int(name.rpartition(" ")[2]) if name[-1].isdigit() else 1
    return max(0.25, 1.2 - 0.2 * number)


def _draw_model(axes: Axes, model: Checkpoint, *, named: bool, alpha: float) -> None:
    epochs = [figures.epoch for figures in model.figures]
    colour = COLOURS[model.sampler]
    label = f"{model.sampler}, {{}}" if named else "_"  # what begins so is not in the legend
    training = [figures.perplexity for figures in model.figures]
    axes.plot(epochs, training, ":", color=colour, label=label.format("training"), alpha=alpha)
    held_out = [figures.held_out for figures in model.figures if figures.held_out is not None]
    if held_out:
        name = label.format("held out (● kept)")
        axes.plot(epochs, held_out, "-", color=colour, label=name, alpha=alpha)
        axes.plot(model.epoch, held_out[model.epoch - 1], "o", color=colour, alpha=alpha)
