"""Training: time to a training perplexity, time of an epoch, cost as the work grows."""

import math
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import embedding

from bench.peers import Peer, Settings, minibatches
from bench.reference import Article
from bench.rows import Row
from bench.text import synthetic
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import ARTICLE, DEFAULT, SAMPLERS, Material, Network, Sampler
from core.rnn.batches import updates_per_epoch
from core.rnn.device import choose_products
from core.rnn.run import Entry, Run

CPU = torch.device("cpu")
TARGETS: dict[Sampler, float] = {"random": 1.287, "consecutive": 1.199}  # after 250 epochs
LEARNING_RATES = (4e-3, 8e-3, 1.2e-2, 1.5e-2, 2e-2)  # the grid, for all who use Adam
# The article's network and text, trained as we would.
QUICK = replace(
    ARTICLE,
    network=Network(start="scaled"),
    optimizer="adam",
    clip=1.0,
    average=0.7,
    products="fastest",
)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    epochs: int  # at most, to a perplexity
    learning_rates: tuple[float, ...]
    repeats: int
    characters: tuple[int, ...]  # as work grows
    vocabularies: tuple[int, ...]


FULL = Size(400, LEARNING_RATES, 7, (10_000, 100_000, 1_000_000), (1_000, 10_000))
SMALL = Size(2, LEARNING_RATES[2:3], 1, (3_000, 6_000), (200, 400))


@torch.no_grad()
def training_perplexity(
    weights: Sequence[Tensor], sampler: Sampler, indices: Tensor, sort: str = "rnn"
) -> float:
    """Of a plain network over its training text, in the sampler's minibatches, without updates.

    The same for every contender: weights are W_xh (a row a character), W_hh, b_h, W_hq, b_q.
    """
    W_xh, W_hh, b_h, W_hq, b_q = weights
    total, count, state = 0.0, 0, torch.zeros(32, len(W_hh))
    for X, Y in minibatches(sampler, indices, torch.Generator().manual_seed(0)):
        if sampler == "random":
            state = torch.zeros(32, len(W_hh))
        states = []
        for x in embedding(X.T, W_xh):
            state = torch.tanh(x + state @ W_hh + b_h)
            states.append(state)
        logits = torch.cat(states) @ W_hq + b_q
        total += torch.nn.functional.cross_entropy(logits, Y.T.flatten(), reduction="sum").item()
        count += Y.numel()
    return math.exp(total / count)


@dataclass
class Contender:
    """Whoever learns: an epoch at a time, its weights to be looked at."""

    name: str
    epoch: Callable[[], object]
    weights: Callable[[], Sequence[Tensor]]


def reference(material: Material, sampler: Sampler) -> Contender:
    indices = material.vocabulary.encode(material.train)
    is_random = sampler == "random"
    article = Article(indices, len(material.vocabulary), is_random_iter=is_random, seed=0)
    return Contender("article", article.epoch, lambda: article.params)


def peer(material: Material, sampler: Sampler, settings: Settings) -> Contender:
    indices = torch.tensor(material.vocabulary.encode(material.train))
    model = Peer(settings, len(material.vocabulary), seed=0)
    chance = torch.Generator().manual_seed(0)

    def weights() -> list[Tensor]:
        cell = model.cell
        W_xh, W_hh, b_x, b_h = cell.parameters()
        out = model.projection
        rows = model.embedding.weight @ W_xh.T + b_x
        return [rows, W_hh.T, b_h, out.weight.T, out.bias]

    return Contender(
        f"nn.{settings.cell.upper()} {settings.optimizer} {settings.lr:g}",
        lambda: model.epoch(sampler, indices, chance),
        weights,
    )


def ours(material: Material, sampler: Sampler, lr: float) -> Contender:
    dtype = choose_products(CPU, "fastest").dtype
    run = Run(material, replace(QUICK, lr=lr), [Entry(sampler, 0)], CPU, dtype)
    names = ("W_xh", "W_hh", "b_h", "W_hq", "b_q")
    return Contender(
        f"lyricbot adam {lr:g}",
        run.learn,
        lambda: [getattr(run.average, name)[0] for name in names],
    )


def seconds_to(
    make: Callable[[], Contender],
    material: Material,
    sampler: Sampler,
    epochs: int,
    most: float = math.inf,
) -> tuple[float | None, int]:
    """How long the epochs take until the training perplexity is reached, and how many; or None."""
    indices = torch.tensor(material.vocabulary.encode(material.train))
    contender, seconds = make(), 0.0
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        contender.epoch()
        seconds += time.perf_counter() - began
        reached = training_perplexity(contender.weights(), sampler, indices) <= TARGETS[sampler]
        if reached or seconds > most:
            return (seconds if reached else None), epoch
    return None, epochs


def to_perplexity(corpus: Corpus, size: Size) -> list[Row]:
    """Time to what the article came to, and both samplers together."""
    material = ARTICLE.prepare(corpus)
    rows: list[Row] = []
    best: dict[str, dict[Sampler, float | None]] = {"article": {}, "nn.RNN": {}, "lyricbot": {}}
    for sampler in SAMPLERS:
        target = f"to perplexity {TARGETS[sampler]}, {sampler}"
        makers: dict[str, list[Callable[[], Contender]]] = {
            "article": [partial(reference, material, sampler)],
            "nn.RNN": [
                partial(peer, material, sampler, Settings("rnn", lr=lr))
                for lr in size.learning_rates
            ],
            "lyricbot": [partial(ours, material, sampler, lr) for lr in size.learning_rates],
        }
        for name, its in makers.items():
            row, best[name][sampler] = _fastest(name, target, its, material, sampler, size)
            rows.append(row)
        rows += _times_faster(target, {k: v[sampler] for k, v in best.items()}, (200, 3))
    both = {
        k: None if None in v.values() else sum(filter(None, v.values())) for k, v in best.items()
    }
    rows.append(Row("both samplers", "lyricbot", both["lyricbot"], "s"))
    return rows + _times_faster("both samplers", both, (200, None))


def _fastest(
    name: str,
    work: str,
    makers: Sequence[Callable[[], Contender]],
    material: Material,
    sampler: Sampler,
    size: Size,
) -> tuple[Row, float | None]:
    """The settings that get there first; the article's have no others beside them."""
    tried: list[tuple[float, int, str]] = []
    epochs = size.epochs if len(makers) == 1 else min(60, size.epochs)
    for make in makers:
        for _ in range(1 if name == "article" else min(3, size.repeats)):
            most = 1.5 * min(tried)[0] if tried else math.inf
            took, made = seconds_to(make, material, sampler, epochs, most)
            if took is not None:
                tried.append((took, made, make().name))
    if not tried:
        return Row(work, name, None, "s", f"not within {epochs} epochs"), None
    least, made, settings = min(tried)
    return Row(work, name, least, "s", f"{made} epochs, {settings}"), least


def _times_faster(
    work: str, seconds: dict[str, float | None], wanted: tuple[float | None, float | None]
) -> list[Row]:
    mine = seconds["lyricbot"]
    return [
        Row(work, "lyricbot", mine, "s", ratio=theirs / mine, than=name, wanted=want)
        for (name, theirs), want in zip(seconds.items(), wanted, strict=False)
        if mine and theirs
    ]


def alternating(contenders: Sequence[Contender], repeats: int) -> list[float]:
    """The least seconds of an epoch of each; they take turns, so that a busy moment meets all."""
    least = [math.inf] * len(contenders)
    for contender in contenders:
        contender.epoch()
    for _ in range(repeats):
        for i, contender in enumerate(contenders):
            began = time.perf_counter()
            contender.epoch()
            least[i] = min(least[i], time.perf_counter() - began)
    return least


def article_epoch(corpus: Corpus, size: Size, rate: float) -> list[Row]:
    """An epoch of recipe `article` in three ways; torch's has an embedding and a second bias."""
    material = ARTICLE.prepare(corpus)
    run = Run(material, ARTICLE, [Entry("random", 0)], CPU)
    sgd = Settings("rnn", optimizer="sgd", lr=1e2, clip=1e-2)
    contenders = [
        reference(material, "random"),
        peer(material, "random", sgd),
        Contender("lyricbot", run.learn, list),
    ]
    theirs, torchs, mine = alternating(contenders, size.repeats)
    work = "an epoch of recipe article"
    h, v = ARTICLE.network.num_hiddens, len(material.vocabulary)
    n = ARTICLE.batch_size * ARTICLE.num_steps * run.updates_per_epoch
    share = 100 * 6 * n * h * (h + v) / mine / rate
    return [
        Row(work, "article", theirs, "s"),
        Row(work, "nn.RNN", torchs, "s"),
        Row(work, "lyricbot", mine, "s", ratio=theirs / mine, than="article", wanted=3),
        Row(work, "lyricbot", mine, "s", ratio=torchs / mine, than="nn.RNN", wanted=1.5),
        Row(work, "lyricbot", share, "% of the rate", "float32", wanted=60),
    ]


def gru_epoch(corpus: Corpus, size: Size, hiddens: int = 512) -> list[Row]:
    """An epoch of a large GRU."""
    recipe = replace(
        DEFAULT,
        network=Network(cell="gru", num_hiddens=hiddens, num_embed=hiddens, start="scaled"),
        offset="none",
        noise=0.0,
        average=0.0,
        held_out=0.0,
    )
    material = recipe.prepare(corpus)
    dtype = choose_products(CPU, "fastest").dtype
    exact = Run(material, recipe, [Entry("consecutive", 0)], CPU)
    fast = Run(material, recipe, [Entry("consecutive", 0)], CPU, dtype)
    contenders = [
        peer(material, "consecutive", Settings("gru", num_hiddens=hiddens, num_embed=hiddens)),
        Contender("lyricbot", exact.learn, list),
        Contender("lyricbot", fast.learn, list),
    ]
    theirs, in_float32, mine = alternating(contenders, max(1, size.repeats // 3))
    work = f"an epoch of gru {hiddens} on {len(material.train):,} characters"
    name = str(dtype).removeprefix("torch.")
    return [
        Row(work, "nn.GRU", theirs, "s"),
        Row(work, "lyricbot", in_float32, "s", "float32", theirs / in_float32, "nn.GRU"),
        Row(work, "lyricbot", mine, "s", f"products {name}", theirs / mine, "nn.GRU", 2.5),
    ]


def growth(size: Size) -> list[Row]:
    """Seconds a character as the text and the vocabulary grow."""
    rows: list[Row] = []
    recipe = replace(QUICK, max_characters=None, lr=2e-3)
    dtype = choose_products(CPU, "fastest").dtype
    for work, sizes in (
        ("text", [(length, size.vocabularies[0]) for length in size.characters]),
        ("vocabulary", [(size.characters[1], distinct) for distinct in size.vocabularies]),
    ):
        for length, distinct in sizes:
            material = recipe.prepare(synthetic(length, distinct=distinct))
            run = Run(material, recipe, [Entry("random", 0)], CPU, dtype)
            run.learn()
            began = time.perf_counter()
            run.learn()
            updates = updates_per_epoch(len(material.train), recipe)
            read = updates * recipe.batch_size * recipe.num_steps
            per_character = 1e6 * (time.perf_counter() - began) / read
            note = f"{length:,} characters, {len(material.vocabulary):,} distinct"
            rows.append(
                Row(
                    f"an epoch as the {work} grows",
                    "lyricbot",
                    per_character,
                    "µs a character",
                    note,
                )
            )
    return rows


def memory(size: Size) -> list[Row]:
    """What a training holds at most, in a process of its own, as the text grows."""
    work = "memory as the text grows"
    rows, context = [], multiprocessing.get_context("spawn")
    for length in size.characters[-2:]:
        with context.Pool(1) as pool:
            megabytes = pool.apply(_peak, (length, size.vocabularies[0]))
        rows.append(Row(work, "lyricbot", megabytes, "MB at most", f"{length:,} characters"))
    first, last = size.characters[-2:]
    growth = 2**20 * ((rows[-1].figure or 0) - (rows[0].figure or 0)) / (last - first)
    rows.append(Row(work, "lyricbot", growth, "bytes a character", "in UTF-8 the text has 3"))
    return rows


def _peak(length: int, distinct: int) -> float:
    """MiB of memory, at its peak, once a training of so long a text is under way."""
    recipe = replace(QUICK, max_characters=None, lr=2e-3)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    material = recipe.prepare(synthetic(length, distinct=distinct))
    run = Run(material, recipe, [Entry("random", 0)], CPU)
    run.updates_per_epoch = 5  # the first of many: what grows with them is there from the start
    run.learn()
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024
