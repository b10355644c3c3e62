"""`python -m bench.recipes [--corpus FILE]`: what the default recipe was read off.

Every contender learns from the same first nine tenths, for the same seconds at most, on one core;
two learn at a time on two cores. Held-out perplexity is that of the last tenth, read once with the
state carried, at the best epoch, which is chosen on that tenth for all alike: with the share that
core/rnn/held_out.py gives to characters never met, and as the plain softmax has it.
"""

import argparse
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench import text
from bench.peers import Peer, Settings
from core.lyrics.corpus import Corpus, read_bundled
from core.lyrics.recipe import DEFAULT, CellName, Recipe, Sampler
from core.rnn.chance import For, generator
from core.rnn.device import choose_products, num_cores
from core.rnn.held_out import Unseen
from core.rnn.run import Entry, Run

CPU = torch.device("cpu")
CELLS: tuple[CellName, ...] = ("rnn", "gru", "lstm")
HIDDENS: dict[CellName, int] = {"rnn": 256, "gru": 384, "lstm": 384}
DROPOUTS = (0.0, 0.5)
LEARNING_RATES = (2e-3, 4e-3)
PATIENCE = 3


@dataclass(frozen=True)
class Outcome:
    """The best epoch of one contender."""

    held_out: float
    softmax: float  # the same without a share for what was never met
    epoch: int
    seconds: float  # of all its updates
    each: float  # seconds an epoch


Job = tuple[str, Callable[[Corpus, float], Outcome]]


def ours(recipe: Recipe, sampler: Sampler, corpus: Corpus, seconds: float) -> Outcome:
    """A recipe of ours."""
    dtype = choose_products(CPU, recipe.products).dtype
    material = recipe.prepare(corpus)
    run = Run(material, recipe, [Entry(sampler, 0)], CPU, dtype)
    held_out = torch.tensor(material.vocabulary.encode(material.held_out))

    def logits() -> Tensor:
        state = run.average.begin_state(1)
        result: Tensor = run.average(held_out[None, None, :-1], state)[0][0]
        return result

    return best_epoch(run.learn, logits, material, recipe.num_epochs, seconds)


def theirs(settings: Settings, corpus: Corpus, seconds: float) -> Outcome:
    """A network of torch's own parts."""
    material = DEFAULT.prepare(corpus)
    indices = torch.tensor(material.vocabulary.encode(material.train))
    held_out = torch.tensor(material.vocabulary.encode(material.held_out))
    peer = Peer(settings, len(material.vocabulary), seed=0)
    chance = generator(0, For.ORDER)

    def logits() -> Tensor:
        peer.eval()
        result: Tensor = peer(held_out[None, :-1])[0]
        return result

    return best_epoch(
        lambda: peer.epoch("consecutive", indices, chance), logits, material, 60, seconds
    )


def best_epoch(
    learn: Callable[[], object],
    logits: Callable[[], Tensor],
    material: Any,
    num_epochs: int,
    seconds: float,
) -> Outcome:
    """Learn until it gets no better, or the time is up."""
    indices = torch.tensor(material.vocabulary.encode(material.train))
    targets = torch.tensor(material.vocabulary.encode(material.held_out))[1:]
    unseen = Unseen.of(indices, len(material.vocabulary))
    plain = Unseen(torch.zeros_like(unseen.mask), 0.0)
    best, took = Outcome(math.inf, math.inf, 0, 0, 0), 0.0
    for epoch in range(1, num_epochs + 1):
        began = time.perf_counter()
        learn()
        took += time.perf_counter() - began
        with torch.no_grad():
            now = logits()
            found, raw = (
                math.exp(one.losses(now, targets).mean().item()) for one in (unseen, plain)
            )
        if found < best.held_out:
            best = Outcome(found, raw, epoch, took, took / epoch)
        if epoch - best.epoch >= PATIENCE or took > seconds:
            break
    return replace(best, seconds=took, each=took / epoch)


def jobs(*, small: bool = False) -> Iterator[Job]:
    """Every contender with its name.

    First one grid of cells, dropout and learning rates for both sides: torch's parts as they are
    commonly put together, and ours with all else as in the default. Then the default's parts.
    """
    for cell in CELLS:
        for dropout in DROPOUTS:
            for lr in LEARNING_RATES:
                h = 16 if small else HIDDENS[cell]
                grid = f"{cell} {h}, dropout {dropout:g}, lr {lr:g}"
                settings = Settings(cell, h, h, tied=True, dropout=dropout, lr=lr)
                yield f"torch.nn {grid}", partial(theirs, settings)
                yield (
                    f"lyricbot {grid}",
                    partial(ours, gridded(cell, h, dropout, lr), "consecutive"),
                )
    for name, recipe in parts():
        yield name, partial(ours, sized(recipe, 16) if small else recipe, "consecutive")
    yield "default, random sampling", partial(ours, DEFAULT, "random")


def gridded(cell: CellName, hiddens: int, dropout: float, lr: float) -> Recipe:
    """The default with another cell, size, dropout and learning rate."""
    network = replace(
        DEFAULT.network,
        cell=cell,
        num_hiddens=hiddens,
        num_embed=hiddens,
        dropout_input=dropout,
        dropout_output=dropout,
        dropout_weights=0.6 * dropout,
    )
    return replace(DEFAULT, network=network, lr=lr)


def parts() -> Iterator[tuple[str, Recipe]]:
    """The default, and what it is without each of its parts."""
    network = DEFAULT.network
    yield "default", DEFAULT
    yield "default, 256 hidden units", sized(DEFAULT, 256)
    yield "default, 512 hidden units", sized(DEFAULT, 512)
    yield (
        "default without dropout",
        replace(
            DEFAULT,
            network=replace(network, dropout_input=0.0, dropout_output=0.0, dropout_weights=0.0),
        ),
    )
    yield "default without noise", replace(DEFAULT, noise=0.0)
    yield "default without weight decay", replace(DEFAULT, weight_decay=0.0)
    yield "default without averaging", replace(DEFAULT, average=0.0)
    yield "default without tied weights", replace(DEFAULT, network=replace(network, tied=False))
    yield "default, passes from the start", replace(DEFAULT, offset="none")
    yield "default, constant learning rate", replace(DEFAULT, schedule="constant")
    for lr in (0.5, 2.0):
        yield (
            f"default, plain gradient descent at {lr:g}",
            replace(DEFAULT, optimizer="sgd", lr=lr, weight_decay=0.0),
        )
    yield "default, products in float32", replace(DEFAULT, products="float32")


def sized(recipe: Recipe, hiddens: int) -> Recipe:
    """The recipe with as many hidden and embedding units."""
    network = replace(recipe.network, num_hiddens=hiddens, num_embed=hiddens)
    return replace(recipe, network=network)


def work(job: Job, corpus: Corpus, seconds: float) -> tuple[str, Outcome]:
    """In a process of its own."""
    torch.set_num_threads(1)
    return job[0], job[1](corpus, seconds)


def markdown(outcomes: Sequence[tuple[str, Outcome]]) -> Iterator[str]:
    """The table."""
    yield "| contender | held out | softmax alone | best epoch | s an epoch |"
    yield "|---|---:|---:|---:|---:|"
    for name, one in outcomes:
        yield f"| {name} | {one.held_out:.1f} | {one.softmax:.1f} | {one.epoch} | {one.each:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make recipes", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a .txt or .zip; else synthetic text")
    parser.add_argument("--bundled", action="store_true", help="the bundled lyrics")
    parser.add_argument("--seconds", type=float, default=90, help="of updates, each, at most")
    parser.add_argument("--small", action="store_true", help="only see that it works")
    options = parser.parse_args()
    corpus = read_bundled() if options.bundled else text.corpus(options.corpus)
    chosen = list(jobs(small=options.small))
    if options.small:
        chosen = [chosen[0], chosen[1], chosen[24]]
    print(f"corpus {corpus.name}, {len(corpus.text):,} characters")
    do = partial(work, corpus=corpus, seconds=options.seconds)
    with multiprocessing.get_context("spawn").Pool(num_cores()) as pool:
        outcomes = []
        for done in pool.imap(do, chosen):
            outcomes.append(done)
            print(f"{len(outcomes)} of {len(chosen)}: {done}", flush=True)
    print("\n".join(markdown(outcomes)))


if __name__ == "__main__":
    main()
