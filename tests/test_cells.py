"""The cells against their definitions, and the hand-written gradients against numbers."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from core.lyrics.cells import GATES, STATES, STEPS
from core.lyrics.recipe import CellName
from core.rnn.cells import CELLS
from core.rnn.loss import ProjectionLoss
from core.rnn.products import Product

MODELS, STEPS_READ, BATCH, INPUTS, HIDDENS = 2, 7, 3, 5, 4
PEERS: dict[CellName, Callable[[int, int], nn.RNNBase]] = {
    "rnn": nn.RNN,
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}
names = pytest.mark.parametrize("name", CELLS)


def drawn(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()


def arguments(name: CellName) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    cell = CELLS[name]
    gates = cell.gates * HIDDENS
    return (
        drawn(STEPS_READ, MODELS, BATCH, gates),
        drawn(cell.states, MODELS, BATCH, HIDDENS),
        drawn(MODELS, HIDDENS, gates),
        drawn(MODELS, gates),
    )


def alone(model: int, given: Sequence[Tensor]) -> list[Tensor]:
    """The arguments (or gradients) of one model of several: P, state, W_hh, b_h."""
    one = slice(model, model + 1)
    P, state, W_hh, b_h = given
    return [
        t.detach().clone().requires_grad_()
        for t in (P[:, one], state[:, one], W_hh[one], b_h[one])
    ]


def read(
    name: CellName, given: Sequence[Tensor], dtype: torch.dtype | None = None
) -> tuple[list[Tensor], list[Tensor]]:
    """H and the last state, and the gradients of some function of all of both."""
    P, state, W_hh, b_h = given
    H, last = CELLS[name](P, state, W_hh, b_h, dtype)
    gradients = torch.autograd.grad(H.square().sum() + last.exp().sum(), given)
    return [H, last], list(gradients)


@names
def test_the_hand_written_gradients_are_the_true_ones(name: CellName) -> None:
    assert gradcheck(CELLS[name], arguments(name))


@names
def test_a_cell_equals_torchs_with_the_same_weights_forwards_and_backwards(name: CellName) -> None:
    cell = CELLS[name]
    gates = cell.gates * HIDDENS
    X, state = drawn(STEPS_READ, MODELS, BATCH, INPUTS), drawn(cell.states, MODELS, BATCH, HIDDENS)
    W_xh, W_hh = drawn(MODELS, INPUTS, gates), drawn(MODELS, HIDDENS, gates)
    b_h = drawn(MODELS, gates)
    weight = drawn(STEPS_READ, MODELS, BATCH, HIDDENS)  # so that every output has its own gradient
    ours, our_last = cell(torch.einsum("smbi,mig->smbg", X, W_xh), state, W_hh, b_h)
    found = torch.autograd.grad(
        (ours * weight).sum() + (our_last**2).sum(), [X, state, W_xh, W_hh, b_h]
    )
    for m in range(MODELS):
        peer = PEERS[name](INPUTS, HIDDENS).double()
        peer.load_state_dict(  # it keeps weights transposed, and two biases
            {
                "weight_ih_l0": W_xh[m].T,
                "weight_hh_l0": W_hh[m].T,
                "bias_ih_l0": torch.zeros(gates),
                "bias_hh_l0": b_h[m],
            }
        )
        x, begin = (t[:, m].detach().clone().requires_grad_() for t in (X, state))
        theirs, their_last = peer(x, begin if cell.states == 1 else (begin[:1], begin[1:]))
        last = torch.cat(their_last) if isinstance(their_last, tuple) else their_last
        named = dict(peer.named_parameters())
        wrt = [x, begin, *(named[f"{n}_l0"] for n in ("weight_ih", "weight_hh", "bias_hh"))]
        expected = torch.autograd.grad((theirs * weight[:, m]).sum() + (last**2).sum(), wrt)

        torch.testing.assert_close(ours[:, m], theirs, rtol=0, atol=1e-12)
        torch.testing.assert_close(our_last[:, m], last, rtol=0, atol=1e-12)
        mine = [found[0][:, m], found[1][:, m], found[2][m].T, found[3][m].T, found[4][m]]
        for our, its in zip(mine, expected, strict=True):
            torch.testing.assert_close(our, its, rtol=0, atol=1e-10)


@names
def test_two_models_side_by_side_give_what_each_gives_alone(name: CellName) -> None:
    both = arguments(name)
    results, gradients = read(name, both)
    for model in range(MODELS):
        its_results, its_gradients = read(name, alone(model, both))
        for one, its in zip(results, its_results, strict=True):
            torch.testing.assert_close(one[:, model], its[:, 0], rtol=0, atol=1e-14)
        for one, its in zip(alone(model, gradients), its_gradients, strict=True):
            torch.testing.assert_close(one, its, rtol=0, atol=1e-12)


@names
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_another_neighbour_changes_no_bit_of_what_a_model_gives(
    name: CellName, dtype: torch.dtype
) -> None:
    both = [one.detach().float().requires_grad_() for one in arguments(name)]
    others = [
        torch.cat(parts, dim).detach().requires_grad_()
        for dim, parts in zip(
            (1, 1, 0, 0),
            zip([-1.7 * t for t in alone(0, both)], alone(1, both), strict=True),
            strict=True,
        )
    ]
    results, gradients = read(name, both, dtype)
    other_results, other_gradients = read(name, others, dtype)
    for one, other in zip(results, other_results, strict=True):
        assert torch.equal(one[:, 1], other[:, 1])
        assert not torch.equal(one[:, 0], other[:, 0])
    for one, other in zip(alone(1, gradients), alone(1, other_gradients), strict=True):
        assert torch.equal(one, other)


@names
def test_reading_in_two_parts_with_the_state_carried_is_reading_in_one(name: CellName) -> None:
    P, state, W_hh, b_h = arguments(name)
    whole, last = CELLS[name](P, state, W_hh, b_h)
    first, between = CELLS[name](P[:3], state, W_hh, b_h)
    second, last_of_two = CELLS[name](P[3:], between, W_hh, b_h)
    assert torch.equal(torch.cat((first, second)), whole)
    assert torch.equal(last_of_two, last)


@names
def test_a_cell_leaves_what_it_is_given_as_it_was(name: CellName) -> None:
    given = arguments(name)
    before = [one.detach().clone() for one in given]
    H, last = CELLS[name](*given)
    (H.square().sum() + last.square().sum()).backward()  # type: ignore[no-untyped-call]
    assert all(torch.equal(one, its) for one, its in zip(given, before, strict=True))


@names
def test_products_in_bfloat16_change_states_and_gradients_little(name: CellName) -> None:
    P, state, W_hh, b_h = (one.detach().float().requires_grad_() for one in arguments(name))
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        H, last = CELLS[name].recurrence.apply(P, state, W_hh, b_h, dtype)  # type: ignore[no-untyped-call]
        gradients = torch.autograd.grad((H**2).sum() + last.sum(), (P, state, W_hh, b_h))
        results.append([H.detach(), last.detach(), *gradients])
    for exact, rough in zip(*results, strict=True):
        assert rough.dtype == torch.float32
        assert 0 < (rough - exact).norm() < 0.05 * exact.norm()


@names
def test_the_writers_step_equals_the_trainers(name: CellName) -> None:
    P, state, W_hh, b_h = (one.detach().float() for one in arguments(name))
    H, last = CELLS[name](P, state, W_hh, b_h)
    for model in range(MODELS):
        mine = state[:, model].numpy().copy()
        W, b = W_hh[model].numpy(), b_h[model].numpy()
        for t in range(STEPS_READ):
            STEPS[name](P[t, model].numpy().copy(), mine[0] @ W + b, mine)
            np.testing.assert_allclose(mine[0], H[t, model].numpy(), rtol=0, atol=1e-6)
        np.testing.assert_allclose(mine, last[:, model].numpy(), rtol=0, atol=1e-6)
    assert (GATES[name], STATES[name]) == (CELLS[name].gates, CELLS[name].states)


def test_a_product_has_the_true_gradients() -> None:
    A, B = drawn(2, 5, 3), drawn(2, 3, 4)
    assert gradcheck(lambda *wrt: Product.apply(*wrt, torch.float64), (A, B))  # type: ignore[no-untyped-call]
    exact = Product.apply(A.float(), B.float(), torch.float32)  # type: ignore[no-untyped-call]
    rough = Product.apply(A.float(), B.float(), torch.bfloat16)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(exact, (A @ B).float())
    assert 0 < (rough - exact).norm() < 0.01 * exact.norm()


def projection() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    targets = torch.tensor([[0, 3, 3, 8, 1], [2, 2, 7, 0, 5]])
    return drawn(MODELS, 5, HIDDENS), drawn(MODELS, HIDDENS, 9), drawn(MODELS, 9), targets


def losses(
    H: Tensor, W_hq: Tensor, b_q: Tensor, targets: Tensor, dtype: torch.dtype = torch.float64
) -> Tensor:
    result: Tensor = ProjectionLoss.apply(H, W_hq, b_q, targets, dtype)  # type: ignore[no-untyped-call]
    return result


def test_the_loss_has_the_true_gradients() -> None:
    H, W_hq, b_q, targets = projection()
    assert gradcheck(lambda H, W_hq, b_q: losses(H, W_hq, b_q, targets), (H, W_hq, b_q))


def test_the_loss_is_each_models_mean_cross_entropy_also_of_huge_logits() -> None:
    H, W_hq, b_q, targets = projection()
    for scale in (1, 1e4):
        found = losses(scale * H, W_hq, b_q, targets)
        assert found.shape == (MODELS,)
        for m in range(MODELS):
            logits = scale * H[m] @ W_hq[m] + b_q[m]
            expected = nn.functional.cross_entropy(logits, targets[m])
            torch.testing.assert_close(found[m], expected)


def test_the_loss_of_two_models_side_by_side_is_that_of_each_alone() -> None:
    H, W_hq, b_q, targets = projection()
    both = losses(H, W_hq, b_q, targets)
    factors = torch.tensor([1.0, -2.0])  # each model's gradients are scaled by its own
    gradients = torch.autograd.grad((both * factors).sum(), (H, W_hq, b_q))
    for m in range(MODELS):
        own = [one[m : m + 1].detach().clone().requires_grad_() for one in (H, W_hq, b_q)]
        loss = losses(own[0], own[1], own[2], targets[m : m + 1])
        torch.testing.assert_close(loss[0], both[m], rtol=0, atol=1e-14)
        its_gradients = torch.autograd.grad(loss.sum() * factors[m], own)
        for one, its in zip(gradients, its_gradients, strict=True):
            torch.testing.assert_close(one[m], its[0], rtol=0, atol=1e-14)


def test_products_in_bfloat16_change_loss_and_gradients_by_less_than_a_percent() -> None:
    H, W_hq, b_q, targets = (
        one.detach().float().requires_grad_() if one.is_floating_point() else one
        for one in projection()
    )
    found, gradients = [], []
    for dtype in (torch.float32, torch.bfloat16):
        loss = losses(H, W_hq, b_q, targets, dtype)
        found.append(loss.detach())
        gradients.append(torch.autograd.grad(loss.sum(), (H, W_hq, b_q)))
    torch.testing.assert_close(found[1], found[0], rtol=0.01, atol=0)
    for rough, exact in zip(gradients[1], gradients[0], strict=True):
        assert rough.dtype == torch.float32
        assert (rough - exact).norm() < 0.02 * exact.norm()
