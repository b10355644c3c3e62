"""The network against its formulas, another implementation, and its own derivatives."""

from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, one_hot

from core.rnn.model import RNNModel

V, H, BATCH, STEPS = 23, 17, 4, 9
NAMES = ["W_xh", "W_hh", "b_h", "W_hq", "b_q"]


def model(
    dtype: torch.dtype = torch.float32,
    start: Literal["normal 0.01", "scaled"] = "scaled",
    seed: int = 0,
    *,
    vocab_size: int = V,
    num_hiddens: int = H,
) -> RNNModel:
    generator = torch.Generator().manual_seed(seed)
    return RNNModel(vocab_size, num_hiddens, start=start, generator=generator, dtype=dtype)


def with_biases(net: RNNModel) -> RNNModel:
    """Biases begin at zero, where a wrong one could hide."""
    with torch.no_grad():
        net.b_h.copy_(torch.linspace(-0.5, 0.5, len(net.b_h)))
        net.b_q.copy_(torch.linspace(0.3, -0.7, len(net.b_q)))
    return net


def reading(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """X and Y of indices, and a state that is not zero."""
    generator = torch.Generator().manual_seed(1)
    X = torch.randint(V, (BATCH, STEPS), generator=generator)
    Y = torch.randint(V, (BATCH, STEPS), generator=generator)
    return X, Y, torch.randn(BATCH, H, generator=generator, dtype=dtype) / 2


def test_it_has_the_articles_parameters_in_its_shapes() -> None:
    shapes = {name: tuple(p.shape) for name, p in model().named_parameters()}
    assert shapes == {"W_xh": (V, H), "W_hh": (H, H), "b_h": (H,), "W_hq": (H, V), "b_q": (V,)}
    assert all(p.requires_grad for p in model().parameters())


def test_logits_come_step_by_step_and_the_state_is_the_last_steps() -> None:
    net, (X, _, _) = with_biases(model()), reading()
    begin = net.begin_state(BATCH)
    assert begin.shape == (BATCH, H)
    assert not begin.any()
    logits, state = net(X, begin)
    assert logits.shape == (STEPS * BATCH, V)
    assert state.shape == (BATCH, H)
    for row in range(BATCH):
        alone, alone_state = net(X[row : row + 1], net.begin_state(1))
        torch.testing.assert_close(logits.view(STEPS, BATCH, V)[:, row], alone)
        torch.testing.assert_close(state[row : row + 1], alone_state)


def test_a_text_read_in_two_parts_gives_what_it_gives_in_one() -> None:
    net, (X, _, begin) = with_biases(model(torch.float64)), reading(torch.float64)
    whole, end = net(X, begin)
    first, middle = net(X[:, :4], begin)
    second, last = net(X[:, 4:], middle)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(last, end)


def test_taking_rows_by_index_equals_the_product_with_one_hot_vectors() -> None:
    net, (X, Y, begin) = with_biases(model(torch.float64)), reading(torch.float64)
    begin.requires_grad_()
    logits, end = net(X, begin)
    cross_entropy(logits, Y.T.reshape(-1)).backward()  # type: ignore[no-untyped-call]

    W_xh, W_hh, b_h, W_hq, b_q = leaves = [
        getattr(net, name).detach().clone().requires_grad_() for name in NAMES
    ]
    start = begin.detach().clone().requires_grad_()
    state, outputs = start, []
    for x in one_hot(X.T, V).double():
        state = torch.tanh(x @ W_xh + state @ W_hh + b_h)
        outputs.append(state @ W_hq + b_q)
    expected = torch.cat(outputs)
    cross_entropy(expected, Y.T.reshape(-1)).backward()  # type: ignore[no-untyped-call]

    assert (logits - expected).abs().max() < 1e-12
    assert (end - state).abs().max() < 1e-12
    for name, leaf in [*zip(NAMES, leaves, strict=True), ("begin", start)]:
        ours = begin.grad if name == "begin" else getattr(net, name).grad
        assert ours is not None
        assert leaf.grad is not None
        assert leaf.grad.abs().max() > 1e-6
        assert (ours - leaf.grad).abs().max() < 1e-12, name


def test_it_equals_torchs_own_rnn_with_the_same_weights() -> None:
    net, (X, Y, begin) = with_biases(model()), reading()
    theirs = nn.RNN(V, H, nonlinearity="tanh")
    dense = nn.Linear(H, V)
    ours = {name: p.detach() for name, p in net.named_parameters()}
    theirs.load_state_dict(  # they keep weights transposed, and two biases
        {
            "weight_ih_l0": ours["W_xh"].T,
            "weight_hh_l0": ours["W_hh"].T,
            "bias_ih_l0": ours["b_h"],
            "bias_hh_l0": torch.zeros(H),
        }
    )
    dense.load_state_dict({"weight": ours["W_hq"].T, "bias": ours["b_q"]})

    states, end = theirs(one_hot(X.T, V).float(), begin[None])
    expected = dense(states).reshape(-1, V)
    logits, state = net(X, begin)
    assert (logits - expected).abs().max() < 1e-6
    assert (state - end[0]).abs().max() < 1e-6

    cross_entropy(expected, Y.T.reshape(-1)).backward()  # type: ignore[no-untyped-call]
    cross_entropy(logits, Y.T.reshape(-1)).backward()  # type: ignore[no-untyped-call]
    other = {**dict(theirs.named_parameters()), **dict(dense.named_parameters())}
    for name, gradient in {
        "weight_ih_l0": net.W_xh.grad,
        "weight_hh_l0": net.W_hh.grad,
        "bias_ih_l0": net.b_h.grad,
        "weight": net.W_hq.grad,
        "bias": net.b_q.grad,
    }.items():
        expected_gradient = other[name].grad
        assert gradient is not None
        assert expected_gradient is not None
        transposed = gradient.T if gradient.dim() == 2 else gradient
        assert (transposed - expected_gradient).abs().max() < 1e-5, name


def test_its_derivatives_are_those_of_finite_differences() -> None:
    net = with_biases(model(torch.float64, vocab_size=5, num_hiddens=4))
    X = torch.tensor([[0, 3, 3], [4, 1, 0]])

    def run(begin: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        parameters = dict(zip(NAMES, weights, strict=True))
        result: tuple[Tensor, Tensor] = functional_call(net, parameters, (X, begin))
        return result

    begin = torch.linspace(-0.4, 0.4, 8, dtype=torch.float64).view(2, 4).requires_grad_()
    weights = [getattr(net, name).detach().clone().requires_grad_() for name in NAMES]
    assert torch.autograd.gradcheck(run, (begin, *weights))


@pytest.mark.parametrize("start", ["normal 0.01", "scaled"])
def test_the_same_seed_starts_alike_and_another_does_not(
    start: Literal["normal 0.01", "scaled"],
) -> None:
    one, two, other = (dict(model(start=start, seed=s).named_parameters()) for s in (7, 7, 8))
    assert all(torch.equal(one[name], two[name]) for name in NAMES)
    assert all(not torch.equal(one[name], other[name]) for name in NAMES if "W" in name)


def test_it_draws_from_its_generator_alone() -> None:
    before = torch.get_rng_state()
    model()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("start", "inputs", "across"), [("normal 0.01", 0.01, 0.01), ("scaled", 0.5, 1 / 16)]
)
def test_start_weights_have_the_deviation_asked_for(
    start: Literal["normal 0.01", "scaled"], inputs: float, across: float
) -> None:
    net = model(start=start, vocab_size=500, num_hiddens=256)
    for weight, deviation in [(net.W_xh, inputs), (net.W_hh, across), (net.W_hq, across)]:
        n = weight.numel()  # the deviation of n draws is known to one part in sqrt(2n)
        assert weight.std().item() == pytest.approx(deviation, rel=5 / (2 * n) ** 0.5)
        assert abs(weight.mean().item()) < 5 * deviation / n**0.5
    assert not net.b_h.any()
    assert not net.b_q.any()
    assert not torch.equal(net.W_xh[:256].detach() / inputs, net.W_hh.detach() / across)
