"""Our training against the article's own way of it, update by update.

The reference is written as the article is: one-hot inputs, a product a step, autograd, its
clipping and its plain SGD. It shares no code with ours but torch itself.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from bench.reference import data_iter_consecutive, data_iter_random
from torch import Tensor
from torch.nn.functional import one_hot

from core.lyrics.corpus import read_bundled
from core.lyrics.recipe import ARTICLE, Sampler
from core.rnn.chance import For, generator
from core.rnn.run import Entry, Run

NAMES = ["W_xh", "W_hh", "b_h", "W_hq", "b_q"]
BATCH, STEPS, LR, THETA = 32, 35, 1e2, 1e-2  # the article's
HIDDENS = 32  # not its 256, for the test's time; nothing here depends on it
EPOCHS, SEED = 2, 5


def corpus_indices(text: str) -> tuple[list[int], int]:
    """The article's load_data_jay_lyrics, numbered in sorted order."""
    chars = text.replace("\n", " ").replace("\r", " ")[0:10000]
    idx_to_char = sorted(set(chars))
    char_to_idx = {char: i for i, char in enumerate(idx_to_char)}
    return [char_to_idx[char] for char in chars], len(idx_to_char)


class Article:
    """The article's model and its train_and_predict_rnn, without the predicting."""

    def __init__(self, weights: dict[str, Tensor], sampler: Sampler, text: str) -> None:
        self.params = [weights[name].clone().requires_grad_() for name in NAMES]
        self.corpus, self.vocab_size = corpus_indices(text)
        self.is_random_iter = sampler == "random"
        self.epochs = 0

    def rnn(self, inputs: list[Tensor], state: Tensor) -> tuple[list[Tensor], Tensor]:
        W_xh, W_hh, b_h, W_hq, b_q = self.params
        H = state
        outputs = []
        for X in inputs:
            H = torch.tanh(torch.matmul(X, W_xh) + torch.matmul(H, W_hh) + b_h)
            outputs.append(torch.matmul(H, W_hq) + b_q)
        return outputs, H

    def epoch(self, perplexity: list[float]) -> Iterator[dict[str, Tensor]]:
        """The weights after each update; at the end the perplexity is appended."""
        zeros = torch.zeros(BATCH, HIDDENS, dtype=torch.float64)
        state = zeros
        l_sum, n = 0.0, 0
        data_iter = (
            data_iter_random(self.corpus, generator(SEED, For.ORDER, self.epochs))
            if self.is_random_iter
            else data_iter_consecutive(self.corpus)
        )
        for X, Y in data_iter:
            state = zeros if self.is_random_iter else state.detach()
            inputs = [one_hot(X[:, i], self.vocab_size).double() for i in range(X.shape[1])]
            outputs, state = self.rnn(inputs, state)
            y_hat = torch.cat(outputs, dim=0)
            y = torch.transpose(Y, 0, 1).contiguous().view(-1)
            loss = torch.nn.CrossEntropyLoss()(y_hat, y)
            for param in self.params:
                param.grad = None
            loss.backward()
            self.grad_clipping()
            with torch.no_grad():
                for param in self.params:
                    assert param.grad is not None
                    param.sub_(LR * param.grad)  # the loss is a mean already: no batch size here
            l_sum += loss.item() * y.shape[0]
            n += y.shape[0]
            yield {name: p.detach().clone() for name, p in zip(NAMES, self.params, strict=True)}
        self.epochs += 1
        perplexity.append(math.exp(l_sum / n))

    def grad_clipping(self) -> None:
        norm = 0.0
        for param in self.params:
            assert param.grad is not None
            norm += (param.grad**2).sum().item()
        norm = math.sqrt(norm)
        if norm > THETA:
            for param in self.params:
                assert param.grad is not None
                param.grad *= THETA / norm


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("sampler", ["random", "consecutive"])
def test_training_equals_the_articles_after_every_update(sampler: Sampler) -> None:
    corpus = read_bundled()
    recipe = replace(ARTICLE, network=replace(ARTICLE.network, num_hiddens=HIDDENS))
    run = Run(
        recipe.prepare(corpus),
        recipe,
        [Entry(sampler, SEED)],
        torch.device("cpu"),
        torch.float64,
    )
    run.model.double()  # in place: the optimizer holds the same parameters

    def weights() -> dict[str, Tensor]:
        return {name: p[0].detach().clone() for name, p in run.model.named_parameters()}

    start = weights()
    assert all(weight.dtype == torch.float64 for weight in start.values())
    article = Article(start, sampler, corpus.text)
    ours: list[dict[str, Tensor]] = []

    def after_update(*_: Any) -> None:
        ours.append(weights())

    run.optimizer.register_step_post_hook(after_update)
    for _ in range(EPOCHS):
        ours.clear()
        theirs_perplexity: list[float] = []
        ours_perplexity = math.exp(run.learn()[0])
        theirs = list(article.epoch(theirs_perplexity))
        assert len(ours) == len(theirs) == 8
        for mine, wanted in zip(ours, theirs, strict=True):
            for name in NAMES:
                # Float64 rounds at 1e-16 and weights reach 1; 16 updates of this size, each of
                # a norm up to lr * theta = 1, let a difference grow by some orders, not by six.
                assert (mine[name] - wanted[name]).abs().max() < 1e-10, name
        # The sum of the epoch's losses is kept in float32.
        assert ours_perplexity == pytest.approx(theirs_perplexity[0], rel=1e-5)
    for name in NAMES:
        assert (ours[-1][name] - start[name]).abs().max() > 1e-3, name  # it has moved


def test_the_articles_vocabulary_is_of_the_first_ten_thousand_characters_and_has_no_mark() -> None:
    corpus = read_bundled()
    indices, size = corpus_indices(corpus.text)
    material = ARTICLE.prepare(corpus)
    assert len(material.vocabulary) == size
    assert material.vocabulary.unknown is None
    assert material.vocabulary.encode(material.train) == indices
    later = set(corpus.text[10_000:]) - set(corpus.text[:10_000])
    assert later
    assert not any(character in material.vocabulary for character in later)
