"""Draws pictures. matplotlib is slow to import: whoever draws imports this when it draws."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from core.lyrics.checkpoint import Checkpoint, write_aside
from core.lyrics.recipe import Sampler

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
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


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
