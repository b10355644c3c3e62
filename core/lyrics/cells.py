"""One step of each recurrent cell, in numpy, for writing; the formulas are those of core/rnn.

A step takes what comes in, P (batch, gates * hiddens) and what of H_{t-1} W_hh + b_h,
B (batch, gates * hiddens), may overwrite both, and changes the state (states, batch, hiddens) in
place.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.lyrics.recipe import CellName

Floats = NDArray[np.float32]


def _sigmoid(values: Floats) -> None:
    """In place; tanh does not overflow where exp would."""
    values *= 0.5
    np.tanh(values, out=values)
    values += 1
    values *= 0.5


def rnn(P: Floats, B: Floats, state: Floats) -> None:
    """H = tanh(P + B)."""
    np.add(P, B, out=state[0])
    np.tanh(state[0], out=state[0])


def gru(P: Floats, B: Floats, state: Floats) -> None:
    """R, Z = sigmoid(P + B); N = tanh(P + R B); H = N + Z (H - N)."""
    hiddens = state.shape[2]
    gates = B[:, : 2 * hiddens]
    gates += P[:, : 2 * hiddens]
    _sigmoid(gates)
    N = B[:, 2 * hiddens :]
    N *= gates[:, :hiddens]
    N += P[:, 2 * hiddens :]
    np.tanh(N, out=N)
    H = state[0]
    H -= N
    H *= gates[:, hiddens:]
    H += N


def lstm(P: Floats, B: Floats, state: Floats) -> None:
    """I, F, G, O = P + B; C = sigmoid(F) C + sigmoid(I) tanh(G); H = sigmoid(O) tanh(C)."""
    hiddens = state.shape[2]
    B += P
    I, F, G, O = (B[:, i * hiddens : (i + 1) * hiddens] for i in range(4))
    _sigmoid(B[:, : 2 * hiddens])
    np.tanh(G, out=G)
    _sigmoid(O)
    H, C = state
    C *= F
    G *= I
    C += G
    np.tanh(C, out=H)
    H *= O


STEPS: dict[CellName, Callable[[Floats, Floats, Floats], None]] = {
    "rnn": rnn,
    "gru": gru,
    "lstm": lstm,
}
GATES: dict[CellName, int] = {"rnn": 1, "gru": 3, "lstm": 4}
STATES: dict[CellName, int] = {"rnn": 1, "gru": 1, "lstm": 2}
