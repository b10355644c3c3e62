"""torch.nn's cells as anyone would use them: embedding, cell, projection, dropout, Adam.

They read the same minibatches as ours, with the same batch size, steps, clipping and start text.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.lyrics.recipe import CellName, Sampler
from core.rnn.batches import Minibatch, consecutive_batches, random_batches

CELLS: dict[CellName, Callable[[int, int], nn.RNNBase]] = {
    "rnn": nn.RNN,
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}
BATCH, STEPS = 32, 35


@dataclass(frozen=True)
class Settings:
    """A peer's; the grid goes over some of them."""

    cell: CellName
    num_hiddens: int = 256
    num_embed: int = 256
    tied: bool = False
    dropout: float = 0.0
    optimizer: str = "adam"  # or sgd, the article's
    lr: float = 2e-3
    clip: float = 1.0


class Peer(nn.Module):
    """A language model of torch's own parts."""

    def __init__(self, settings: Settings, vocab_size: int, seed: int) -> None:
        torch.manual_seed(seed)
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, settings.num_embed)
        self.cell = CELLS[settings.cell](settings.num_embed, settings.num_hiddens)
        self.projection = nn.Linear(settings.num_hiddens, vocab_size)
        self.dropout = nn.Dropout(settings.dropout)
        if settings.tied:
            nn.init.normal_(self.embedding.weight, std=settings.num_embed**-0.5)
            self.projection.weight = self.embedding.weight
        parameters = list(self.parameters())
        self.clip, self.kept = settings.clip, parameters
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.Adam(parameters, lr=settings.lr, fused=True)
            if settings.optimizer == "adam"
            else torch.optim.SGD(parameters, lr=settings.lr)
        )

    def forward(self, X: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits (steps * batch, vocabulary) after X (batch, steps)."""
        H, state = self.cell(self.dropout(self.embedding(X.T)), state)
        return self.projection(self.dropout(H)).flatten(0, 1), state

    def epoch(self, sampler: Sampler, indices: Tensor, chance: torch.Generator) -> None:
        """One pass with updates."""
        self.train()
        state: Any = None
        for X, Y in minibatches(sampler, indices, chance):
            if sampler == "random":
                state = None
            elif state is not None:
                state = (
                    tuple(s.detach() for s in state)
                    if isinstance(state, tuple)
                    else state.detach()
                )
            logits, state = self(X, state)
            loss = cross_entropy(logits, Y.T.flatten())
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.kept, self.clip)
            self.optimizer.step()


def minibatches(sampler: Sampler, indices: Tensor, chance: torch.Generator) -> Iterator[Minibatch]:
    """One pass."""
    if sampler == "random":
        return random_batches(indices, BATCH, STEPS, chance)
    return consecutive_batches(indices, BATCH, STEPS)
