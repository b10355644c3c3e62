"""Shows what was measured of models: a table for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from core.lyrics.measure import Mean, Measures

ROWS = (
    ("held-out perplexity", "perplexity"),
    ("in copied runs of 6", "in_6"),
    ("in copied runs of 8", "in_8"),
    ("longest copied run", "longest"),
    ("distinct characters", "distinct_1"),
    ("distinct pairs", "distinct_2"),
    ("distinct triples", "distinct_3"),
    ("repeated", "repeated"),
    ("lines that rhyme", "rhyming"),
)


def judge_table(columns: Sequence[tuple[str, Measures]]) -> Table:
    """Named measures side by side; ± is half of the 95 % interval."""
    table = Table(box=None, pad_edge=False)
    table.add_column("of what is written")
    for name, _ in columns:
        table.add_column(name, justify="right")
    for label, field in ROWS:
        table.add_row(label, *(said_value(getattr(one, field)) for _, one in columns))
    table.add_row("characters a line", *(said_lengths(one) for _, one in columns))
    return table


def said_value(value: Mean | float | int | None) -> str:
    """A share with half of its interval, or a number."""
    match value:
        case None:
            return "–"
        case Mean(value=share, within=within):
            return f"{share:.1%} ± {within:.1%}"
        case int():
            return str(value)
        case _:
            return f"{value:.4g}"


def said_lengths(measures: Measures) -> str:
    """The middle half of lines, and the median."""
    total = 0.0
    quartiles: list[int] = []
    for length, share in measures.line_lengths.items():
        total += share
        while len(quartiles) < 3 and total >= (len(quartiles) + 1) / 4 - 1e-9:
            quartiles.append(length)
    return f"{quartiles[0]}–{quartiles[2]}, median {quartiles[1]}" if quartiles else "–"
