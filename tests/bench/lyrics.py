"""`python -m bench.lyrics [--corpus FILE] [--bundled]`: what three contenders write, measured.

The article's recipe, the default, and a GRU of torch's own parts whose softmax is drawn from as it
is (temperature 1, nothing kept off). Each learns from the same corpus, once by random and once by
consecutive sampling; the last two stop where the held-out tenth says so. --samples FILE keeps all
that was written, a JSON object a line, for readers who are not told which is whose.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench import text
from bench.peers import Peer, Settings
from bench.recipes import PATIENCE
from bot.judge_view import ROWS, said_lengths, said_value
from core.lyrics.copies import Copies
from core.lyrics.corpus import Corpus, read_bundled
from core.lyrics.measure import (
    Measures,
    measure_corpus,
    measure_lyrics,
    measure_written,
    write_some,
)
from core.lyrics.recipe import ARTICLE, DEFAULT, SAMPLERS, Material, Recipe, Sampler, recipe_named
from core.lyrics.writer import Writer
from core.rnn.chance import For, generator
from core.rnn.held_out import Unseen
from core.rnn.run import Entry
from core.rnn.train import train

CPU = torch.device("cpu")
Written = list[tuple[str, str]]  # prefix and lyric
LINES = 8, 12
MOST_EPOCHS = 60


def trained(recipe: Recipe, corpus: Corpus) -> list[Writer]:
    """A writer for each sampler."""
    entries = [Entry(sampler, 0) for sampler in SAMPLERS]
    return [Writer(one) for one in train(corpus, recipe, entries, device=CPU)]


def learned(
    settings: Settings, sampler: Sampler, material: Material, num_epochs: int
) -> tuple[Peer, float]:
    """A network of torch's own parts at its best epoch, with its held-out perplexity."""
    indices, held_out = (
        torch.tensor(material.vocabulary.encode(one))
        for one in (material.train, material.held_out)
    )
    unseen = Unseen.of(indices, len(material.vocabulary))
    peer, chance = Peer(settings, len(material.vocabulary), seed=0), generator(0, For.ORDER)
    best, weights, without = math.inf, peer.state_dict(), 0
    for _ in range(num_epochs):
        peer.epoch(sampler, indices, chance)
        peer.eval()
        with torch.no_grad():
            losses = unseen.losses(peer(held_out[None, :-1])[0], held_out[1:])
        found, without = math.exp(losses.mean().item()), without + 1
        if found < best:
            best, without = found, 0
            weights = {name: one.clone() for name, one in peer.state_dict().items()}
        if without == PATIENCE:
            break
    peer.load_state_dict(weights)
    return peer.eval(), best


@torch.no_grad()
def drawn(peer: Peer, material: Material, prefixes: Sequence[str]) -> Written:
    """A lyric for each prefix, drawn character by character from the softmax as it is."""
    chance, lines = torch.Generator().manual_seed(0), random.Random(0)
    written: Written = []
    for prefix in prefixes:
        indices, state = material.vocabulary.encode("\n" + prefix), None
        lyric, wanted = prefix, lines.randint(*LINES)
        while lyric.count("\n") < wanted and len(lyric) < 40 * wanted:
            logits, state = peer(torch.tensor([indices]), state)
            weights = logits[-1].softmax(0)
            weights[material.vocabulary.unknown] = 0.0  # which is no character
            indices = [int(weights.multinomial(1, generator=chance))]
            lyric += material.vocabulary.decode(indices)
        written.append((prefix, lyric.strip("\n")))
    return written


def contenders(
    corpus: Corpus, num: int, *, small: bool
) -> Iterator[tuple[str, Measures, Written]]:
    """Each with its measures and what it wrote."""
    prefixes: list[str] = []
    for recipe in (ARTICLE, DEFAULT):
        quick = recipe_named(recipe.name, num_epochs=1) if small else recipe
        for sampler, writer in zip(SAMPLERS, trained(quick, corpus), strict=True):
            lyrics = write_some(writer, num)
            prefixes = [one.prefix for one in lyrics]
            written = [(one.prefix, one.text) for one in lyrics]
            yield f"`{recipe.name}`, {sampler}", measure_written(writer, lyrics), written
    material, copies, h = DEFAULT.prepare(corpus), Copies(corpus.text), 16 if small else 384
    for sampler in SAMPLERS:
        settings = Settings("gru", h, h, tied=True, dropout=0.5, lr=4e-3)
        peer, perplexity = learned(settings, sampler, material, 1 if small else MOST_EPOCHS)
        written = drawn(peer, material, prefixes)
        texts = [text for _, text in written]
        measures = measure_lyrics(texts, copies.measure(texts, prefixes))
        yield f"torch.nn, {sampler}", replace(measures, perplexity=perplexity), written
    yield "the corpus itself", measure_corpus(corpus.text), []


def markdown(columns: Sequence[tuple[str, Measures]]) -> Iterator[str]:
    """The table, a row a contender; shares with half of their 95 % intervals."""
    yield "| | " + " | ".join(label for label, _ in ROWS) + " | characters a line |"
    yield "|---" * (len(ROWS) + 2) + "|"
    for name, one in columns:
        values = [said_value(getattr(one, field)) for _, field in ROWS]
        yield " | ".join([f"| {name}", *values, f"{said_lengths(one)} |"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make lyrics", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a .txt or .zip; else synthetic text")
    parser.add_argument("--bundled", action="store_true", help="the bundled lyrics")
    parser.add_argument("--num", type=int, default=200, help="lyrics by each model")
    parser.add_argument("--samples", type=Path, help="where to keep what was written")
    parser.add_argument("--small", action="store_true", help="only see that it works")
    options = parser.parse_args()
    corpus = read_bundled() if options.bundled else text.corpus(options.corpus)
    num = 4 if options.small else options.num
    print(f"corpus {corpus.name}, {len(corpus.text):,} characters; {num} lyrics by each model")
    columns: list[tuple[str, Measures]] = []
    samples: list[dict[str, Any]] = []
    for name, measures, written in contenders(corpus, num, small=options.small):
        columns.append((name, measures))
        samples += [{"by": name, "prefix": one, "lyric": lyric} for one, lyric in written]
        print(f"{name}: measured", flush=True)
    print("\n".join(markdown(columns)))
    if options.samples is not None:
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in samples]
        options.samples.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
