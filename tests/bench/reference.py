"""The article's algorithm, written plainly as it stands there, in torch: what all is measured by.

One-hot inputs, a product a step, autograd, gradients clipped by their norm, plain SGD; a lyric is
written by the likeliest character. It shares nothing with ours but torch and the text's indices.

After Zhang, Lipton, Li and Smola, Dive into Deep Learning, first edition, sections 6.3 and 6.4.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import one_hot

HIDDENS, BATCH, STEPS, LR, THETA = 256, 32, 35, 1e2, 1e-2


def data_iter_random(
    corpus: list[int], chance: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    num_examples = (len(corpus) - 1) // STEPS
    example_indices = torch.randperm(num_examples, generator=chance).tolist()
    for i in range(num_examples // BATCH):
        batch_indices = example_indices[i * BATCH : (i + 1) * BATCH]
        X = [corpus[j * STEPS : j * STEPS + STEPS] for j in batch_indices]
        Y = [corpus[j * STEPS + 1 : j * STEPS + 1 + STEPS] for j in batch_indices]
        yield torch.tensor(X), torch.tensor(Y)


def data_iter_consecutive(corpus: list[int]) -> Iterator[tuple[Tensor, Tensor]]:
    batch_len = len(corpus) // BATCH
    indices = torch.tensor(corpus[: BATCH * batch_len]).view(BATCH, batch_len)
    for i in range((batch_len - 1) // STEPS):
        i = i * STEPS
        yield indices[:, i : i + STEPS], indices[:, i + 1 : i + STEPS + 1]


class Article:
    """The article's network and its training."""

    def __init__(
        self, corpus: list[int], vocab_size: int, *, is_random_iter: bool, seed: int
    ) -> None:
        self.corpus, self.vocab_size, self.is_random_iter = corpus, vocab_size, is_random_iter
        self.chance = torch.Generator().manual_seed(seed)

        def one(*shape: int) -> Tensor:
            return torch.randn(shape, generator=self.chance) * 0.01

        self.W_xh, self.W_hh, self.b_h = (
            one(vocab_size, HIDDENS),
            one(HIDDENS, HIDDENS),
            torch.zeros(HIDDENS),
        )
        self.W_hq, self.b_q = one(HIDDENS, vocab_size), torch.zeros(vocab_size)
        self.params = [self.W_xh, self.W_hh, self.b_h, self.W_hq, self.b_q]
        for param in self.params:
            param.requires_grad_()

    def rnn(self, inputs: list[Tensor], H: Tensor) -> tuple[list[Tensor], Tensor]:
        outputs = []
        for X in inputs:
            H = torch.tanh(torch.matmul(X, self.W_xh) + torch.matmul(H, self.W_hh) + self.b_h)
            outputs.append(torch.matmul(H, self.W_hq) + self.b_q)
        return outputs, H

    def to_onehot(self, X: Tensor) -> list[Tensor]:
        return [one_hot(X[:, i], self.vocab_size).float() for i in range(X.shape[1])]

    def epoch(self) -> float:
        """One epoch; its perplexity as it went."""
        state = torch.zeros(BATCH, HIDDENS)
        l_sum, n = 0.0, 0
        data_iter = (
            data_iter_random(self.corpus, self.chance)
            if self.is_random_iter
            else data_iter_consecutive(self.corpus)
        )
        for X, Y in data_iter:
            state = torch.zeros(BATCH, HIDDENS) if self.is_random_iter else state.detach()
            outputs, state = self.rnn(self.to_onehot(X), state)
            y = torch.transpose(Y, 0, 1).contiguous().view(-1)
            loss = torch.nn.CrossEntropyLoss()(torch.cat(outputs, dim=0), y)
            for param in self.params:
                param.grad = None
            loss.backward()
            self.grad_clipping()
            with torch.no_grad():
                for param in self.params:
                    assert param.grad is not None
                    param -= LR * param.grad
            l_sum += loss.item() * y.shape[0]
            n += y.shape[0]
        return math.exp(l_sum / n)

    def grad_clipping(self) -> None:
        grads = [param.grad for param in self.params if param.grad is not None]
        norm = math.sqrt(sum(float((grad**2).sum().item()) for grad in grads))
        if norm > THETA:
            for grad in grads:
                grad *= THETA / norm

    @torch.no_grad()
    def predict(self, prefix: list[int], num_chars: int) -> list[int]:
        state = torch.zeros(1, HIDDENS)
        output = [prefix[0]]
        for t in range(num_chars + len(prefix) - 1):
            X = self.to_onehot(torch.tensor([[output[-1]]]))
            Y, state = self.rnn(X, state)
            if t < len(prefix) - 1:
                output.append(prefix[t + 1])
            else:
                output.append(int(Y[0].argmax(dim=1).item()))
        return output
