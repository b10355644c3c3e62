"""Models for tests: real files and real writers, of random weights, made without torch."""

from dataclasses import replace

import numpy as np

from core.arena.releases import TrainedPair
from core.lyrics.checkpoint import Checkpoint, EpochFigures, weight_shapes
from core.lyrics.copies import Copies
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import ARTICLE, DEFAULT, Network, Recipe, Sampler
from core.lyrics.vocabulary import Vocabulary

TEXT = "分开的雨落下来\n不分开的人等着\n月光照进旧车站\n我把歌唱给你听\n" * 100
SMALL = replace(
    DEFAULT,
    network=Network(num_hiddens=16, start="scaled"),
    batch_size=4,
    num_steps=5,
    offset="none",
    noise=0.0,
    num_epochs=2,
    patience=None,
    lr=2e-3,
    schedule="constant",
    warmup=0,
    weight_decay=0.0,
    average=0.0,
    products="float32",
    report_every=1,
)

ARTICLE_LIKE = replace(SMALL, line_ends="as spaces", decoding=ARTICLE.decoding)


def make_corpus(name: str = "small", text: str = TEXT) -> Corpus:
    return Corpus(name, text)


def make_checkpoint(
    sampler: Sampler = "random", *, seed: int = 0, recipe: Recipe = SMALL, text: str = TEXT
) -> Checkpoint:
    """A model of random weights that knows the characters of `text`."""
    corpus = make_corpus(text=text)
    vocabulary = Vocabulary.of(
        text if recipe.line_ends == "kept" else text.replace("\n", " "),
        has_unknown=recipe.has_unknown,
    )
    chance = np.random.default_rng([seed, len(sampler)])
    shapes = weight_shapes(recipe.network, len(vocabulary))
    return Checkpoint(
        weights={
            name: chance.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()
        },
        vocabulary=vocabulary,
        recipe=recipe,
        sampler=sampler,
        seed=seed,
        epoch=2,
        updates=2,
        corpus_name=corpus.name,
        corpus_sha256=corpus.sha256,
        openings=corpus.openings(),
        figures=(EpochFigures(1, 9.0, 10.0), EpochFigures(2, 5.0, 8.0)),
        copies=Copies(corpus.text),
    )


def make_pair(*, seed: int = 0, recipe: Recipe = SMALL) -> TrainedPair:
    """One model of each sampler."""
    return (
        make_checkpoint("random", seed=seed, recipe=recipe),
        make_checkpoint("consecutive", seed=seed, recipe=recipe),
    )
