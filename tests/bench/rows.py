"""One row a measurement, and how they are shown: a table, a JSON file, a picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """What was measured of one contender in one work."""

    work: str
    contender: str
    figure: float | None  # None: it did not get there
    unit: str
    note: str = ""
    ratio: float | None = None  # how many times better than `than`
    than: str = ""
    wanted: float | None = None  # the ratio, or the figure where there is none, to reach

    @property
    def reached(self) -> bool | None:
        """Whether it is as good as wanted."""
        if self.wanted is None:
            return None
        if self.ratio is not None:
            return self.ratio >= self.wanted
        if self.figure is None:
            return False
        at_least = self.unit.endswith("/s") or self.unit == "% of the rate"
        return self.figure >= self.wanted if at_least else self.figure <= self.wanted


def show(rows: Sequence[Row], console: Console) -> None:
    """A table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("work", "contender", "figure", "unit", "ratio", "wanted", "", "note"):
        right = heading in ("figure", "ratio", "wanted")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    work = ""
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}x {row.than}"
        reached = {True: "yes", False: "no", None: ""}[row.reached]
        table.add_row(
            row.work if row.work != work else "",
            row.contender,
            "not reached" if row.figure is None else f"{row.figure:.4g}",
            row.unit,
            ratio,
            "" if row.wanted is None else f"{row.wanted:g}",
            reached,
            row.note,
        )
        work = row.work
    console.print(table)


def keep(rows: Sequence[Row], about: dict[str, Any], folder: Path) -> None:
    """bench.json and bench.png in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    all_rows = [asdict(row) | {"reached": row.reached} for row in rows]
    text = json.dumps({"about": about, "rows": all_rows}, ensure_ascii=False, indent=1)
    (folder / "bench.json").write_text(text + "\n", encoding="utf-8")
    draw(rows, folder / "bench.png")


def draw(rows: Sequence[Row], file: Path) -> None:
    """How many times better than the peer named, beside what was wanted."""
    shown = [row for row in rows if row.ratio is not None]
    figure = Figure(figsize=(9, 1.2 + 0.42 * len(shown)), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    places = range(len(shown))
    axes.barh(places, [row.ratio or 0 for row in shown], color="#0072B2")
    axes.set_yticks(places, [f"{row.work}\nthan {row.than}" for row in shown], fontsize=8)
    axes.invert_yaxis()
    for place, row in zip(places, shown, strict=True):
        axes.text(row.ratio or 0, place, f" {row.ratio:.3g}×", va="center", fontsize=8)
        if row.wanted is not None:
            axes.plot([row.wanted] * 2, [place - 0.4, place + 0.4], color="#D55E00", lw=2)
    axes.set_xscale("log")
    axes.set_xlabel("times faster (orange: wanted)")
    axes.margins(x=0.15)
    FigureCanvasAgg(figure).print_png(str(file))  # type: ignore[no-untyped-call]
