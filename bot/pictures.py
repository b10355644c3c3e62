"""Draws pictures. matplotlib is slow to import: whoever draws imports this when it draws."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)

from core.lyrics.checkpoint import Checkpoint, write_aside
from core.lyrics.measure import Measures
from core.lyrics.recipe import Sampler

SHARES = {
    "in_6": "copied\nin runs of 6",
    "distinct_2": "distinct\npairs",
    "repeated": "repeated",
    "rhyming": "lines\nthat rhyme",
}
# Apart for every kind of colour vision: Okabe and Ito, Color universal design, 2008.
COLOURS: dict[Sampler, str] = {"random": "#0072B2", "consecutive": "#D55E00"}


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
