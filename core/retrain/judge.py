"""Decides whether what was trained may go live: in numpy, by the writer that will use it.

The bar is low on purpose: a model must beat the frequencies of single characters, which know
nothing of order. Whatever does not has not learned, and whoever reads it would see so at once.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.errors import DecodingError, PrefixError, Unsound
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Material
from core.lyrics.writer import Writer

SAMPLE_SEED = 0


def check_sound(pair: Sequence[Checkpoint], corpus: Corpus) -> None:
    """Refuse a pair that is not fit to be read.

    Raises:
        Unsound: naming the sampler, and what is wrong with its model.
    """
    material = pair[0].recipe.prepare(corpus)
    bar = frequencies_perplexity(material)
    for model in pair:
        try:
            _check(model, material, bar)
        except (Unsound, DecodingError, ValueError) as error:
            raise Unsound(f"The model of {model.sampler} sampling: {error}") from error


def frequencies_perplexity(material: Material) -> float:
    """Perplexity of single-character frequencies, on the text that a model is measured on.

    That is what is held out, by the frequencies of what is learned from, or the latter itself
    where nothing is held out. Characters never met share what Good and Turing leave them, as in
    core/rnn/held_out.py: P = characters met once / length, evenly spread over them.
    """
    counts = Counter(material.train)
    length = len(material.train)
    text = material.held_out[1:] or material.train  # the first one is read, not foretold
    unseen = len(material.vocabulary) - len(counts)  # the mark for unknown ones is one of them
    share = max(list(counts.values()).count(1), 1) / length if unseen else 0.0
    loss = 0.0
    for character, times in Counter(text).items():
        known = counts[character]
        p = (1 - share) * known / length if known else share / unseen
        loss -= times * math.log(p)
    return math.exp(loss / len(text))


def _check(model: Checkpoint, material: Material, bar: float) -> None:
    broken = [name for name, weight in model.weights.items() if not np.isfinite(weight).all()]
    if broken:
        raise Unsound(f"training diverged, {', '.join(broken)} holds no numbers.")
    reached = model.reached
    kind = "perplexity in training" if reached.held_out is None else "held-out perplexity"
    ppl = reached.perplexity if reached.held_out is None else reached.held_out
    if not ppl < bar:  # also true of what is no number
        raise Unsound(
            f"its {kind} is {ppl:.4g}; the frequencies of single characters alone reach "
            f"{bar:.4g}. It has not learned: give a longer text or more epochs."
        )
    if model.vocabulary != material.vocabulary:
        raise Unsound("its vocabulary is not that of the corpus.")
    _try_to_write(model)


def _try_to_write(model: Checkpoint) -> None:
    writer = Writer(model)
    known = [c for c in model.vocabulary.characters if c not in model.unseen and not c.isspace()]
    for opening in [*model.openings, *known]:
        try:
            read = writer.read_prefix(opening)
        except PrefixError:
            continue
        lyric = writer.write(read, seed=SAMPLE_SEED)
        if len(lyric.text.strip()) <= len(read.text):
            raise Unsound(f"it writes nothing after {opening}.")
        return
    raise Unsound("there is no beginning that it could read.")
