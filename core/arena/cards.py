"""The card beside a model's file: what it is, for people. It holds no lyrics."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from core.lyrics.checkpoint import Checkpoint


def card(checkpoint: Checkpoint, file_sha256: str, kept_at: datetime) -> str:
    """The card of the model in that file, in Markdown."""
    recipe, reached = checkpoint.recipe, checkpoint.reached
    held_out = "nothing held out" if reached.held_out is None else f"{reached.held_out:.2f}"
    about = {
        "file": f"{file_sha256}.safetensors",
        "kept": f"{kept_at:%Y-%m-%d %H:%M} UTC",
        "corpus": checkpoint.corpus_name,
        "corpus sha256": checkpoint.corpus_sha256,
        "recipe": f"{recipe.name} ({recipe.hash})",
        "sampler": checkpoint.sampler,
        "seed": checkpoint.seed,
        "epoch": checkpoint.epoch,
        "updates": checkpoint.updates,
        "perplexity in training": f"{reached.perplexity:.2f}",
        "perplexity held out": held_out,
    }
    settings = _flat(recipe.to_json())
    return "\n".join(
        [
            f"# {_cell(checkpoint.corpus_name)}, {checkpoint.sampler} sampler",
            "",
            "A character-level recurrent network of lyricbot; it writes lyrics.",
            "To know what it copies, the file holds its corpus: who passes it on passes that on.",
            "",
            *_table(about.items()),
            "",
            "## The recipe's settings",
            "",
            *_table((key, value) for key, value in settings if key != "name"),
            "",
        ]
    )


def _flat(settings: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{key}.")
        else:
            yield within + key, value


def _table(rows: Iterable[tuple[str, object]]) -> Iterator[str]:
    yield from ("| what | value |", "|---|---|")
    for key, value in rows:
        yield f"| {key} | {_cell(value)} |"


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
