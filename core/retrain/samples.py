"""What a model writes while it learns, for those who watch."""

from dataclasses import replace

from core.errors import PrefixUnknown
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.writer import Writer

PREFIXES = ("分开", "不分开")  # the article's
SAMPLE_LINES = 2


def samples(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """What the model writes after each of the article's prefixes that it can read."""
    writer = Writer(checkpoint)
    decoding = replace(checkpoint.recipe.decoding, lines=SAMPLE_LINES)
    written = []
    for prefix in PREFIXES:
        try:
            read = writer.read_prefix(prefix)
        except PrefixUnknown:
            continue
        lyric = writer.write(read, seed=checkpoint.seed, decoding=decoding)
        written.append((prefix, lyric.text))
    return written
