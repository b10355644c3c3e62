"""The network against its formulas, another implementation, and its own derivatives."""

from collections.abc import Callable, Sequence
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, one_hot

from core.lyrics.checkpoint import weight_shapes
from core.lyrics.recipe import CellName, Network
from core.rnn.cells import CELLS
from core.rnn.model import RNNModel

MODELS, V, H, BATCH, STEPS = 2, 23, 17, 4, 9
PEERS: dict[CellName, Callable[[int, int], nn.RNNBase]] = {
    "rnn": nn.RNN,
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}
NETWORKS = {
    f"{cell}{kind}": Network(
        cell=cell, num_hiddens=H, num_embed=width, tied=kind == " tied", start="scaled"
    )
    for cell in PEERS
    for kind, width in {"": None, " embedded": 11, " tied": H}.items()
}
networks = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
cells = pytest.mark.parametrize("cell", PEERS)


def model(
    dtype: torch.dtype = torch.float32,
    network: Network = NETWORKS["rnn"],
    seeds: Sequence[int] = (0, 1),
    *,
    vocab_size: int = V,
) -> RNNModel:
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return RNNModel(vocab_size, network, generators, dtype=dtype)


def with_biases(net: RNNModel) -> RNNModel:
    """Biases begin at zero, where a wrong one could hide."""
    with torch.no_grad():
        for bias, first, last in ((net.b_h, -0.5, 0.5), (net.b_q, 0.3, -0.7)):
            bias.copy_(torch.linspace(first, last, bias.numel()).view_as(bias))
    return net


def reading(
    dtype: torch.dtype = torch.float32, network: Network = NETWORKS["rnn"]
) -> tuple[Tensor, Tensor, Tensor]:
    """X and Y of indices, and a state that is not zero."""
    generator = torch.Generator().manual_seed(1)
    X = torch.randint(V, (MODELS, BATCH, STEPS), generator=generator)
    Y = torch.randint(V, (MODELS, BATCH, STEPS), generator=generator)
    shape = (CELLS[network.cell].states, MODELS, BATCH, network.num_hiddens)
    return X, Y, torch.randn(shape, generator=generator, dtype=dtype) / 2


def of_model(net: RNNModel, m: int) -> dict[str, Tensor]:
    """The weights of one model, as leaves of their own."""
    return {n: p[m].detach().clone().requires_grad_() for n, p in net.named_parameters()}


def by_formula(cell: CellName, W: dict[str, Tensor], X: Tensor, state: Tensor) -> list[Tensor]:
    """One model's logits (steps * batch, vocabulary) and last state, as the formulas say it."""
    outputs = []
    Hs, C = state[0], state[-1]
    for x in one_hot(X.T, V).to(state.dtype):
        A = (x @ W["E"] if "E" in W else x) @ W["W_xh"]
        B = Hs @ W["W_hh"] + W["b_h"]
        if cell == "rnn":
            Hs = torch.tanh(A + B)
        elif cell == "gru":
            (Ar, Az, An), (Br, Bz, Bn) = A.chunk(3, -1), B.chunk(3, -1)
            R, Z = torch.sigmoid(Ar + Br), torch.sigmoid(Az + Bz)
            Hs = (1 - Z) * torch.tanh(An + R * Bn) + Z * Hs
        else:
            I, F, G, O = (A + B).chunk(4, -1)
            C = torch.sigmoid(F) * C + torch.sigmoid(I) * torch.tanh(G)
            Hs = torch.sigmoid(O) * torch.tanh(C)
        outputs.append(Hs @ (W["W_hq"] if "W_hq" in W else W["E"].T) + W["b_q"])
    return [torch.cat(outputs), torch.stack([Hs, C][: len(state)])]


def grad(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def test_it_has_the_articles_parameters_in_its_shapes() -> None:
    shapes = {name: tuple(p.shape[1:]) for name, p in model().named_parameters()}
    assert shapes == {"W_xh": (V, H), "W_hh": (H, H), "b_h": (H,), "W_hq": (H, V), "b_q": (V,)}


@networks
def test_its_parameters_are_those_of_a_checkpoint_model_by_model(network: Network) -> None:
    named = dict(model(network=network, seeds=(0, 1, 2)).named_parameters())
    assert {name: tuple(p.shape[1:]) for name, p in named.items()} == weight_shapes(network, V)
    assert all(len(p) == 3 and p.requires_grad for p in named.values())


@networks
def test_logits_come_step_by_step_and_the_state_is_the_last_steps(network: Network) -> None:
    net, (X, _, _) = with_biases(model(network=network)), reading(network=network)
    states = 2 if network.cell == "lstm" else 1
    begin = net.begin_state(BATCH)
    assert begin.shape == (states, MODELS, BATCH, H)
    assert not begin.any()
    logits, state = net(X, begin)
    assert logits.shape == (MODELS, STEPS * BATCH, V)
    assert state.shape == (states, MODELS, BATCH, H)
    for row in range(BATCH):
        alone, alone_state = net(X[:, row : row + 1], net.begin_state(1))
        torch.testing.assert_close(logits.view(MODELS, STEPS, BATCH, V)[:, :, row], alone)
        torch.testing.assert_close(state[:, :, row : row + 1], alone_state)


@networks
def test_a_text_read_in_two_parts_gives_what_it_gives_in_one(network: Network) -> None:
    net = with_biases(model(torch.float64, network))
    X, _, begin = reading(torch.float64, network)
    whole, end = net(X, begin)
    first, middle = net(X[..., :4], begin)
    second, last = net(X[..., 4:], middle)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(last, end)


@networks
def test_taking_rows_by_index_equals_the_product_with_one_hot_vectors(network: Network) -> None:
    net = with_biases(model(torch.float64, network))
    X, Y, begin = reading(torch.float64, network)
    begin.requires_grad_()
    logits, end = net(X, begin)
    mean = [cross_entropy(logits[m], Y[m].T.reshape(-1)) for m in range(MODELS)]
    (mean[0] + mean[1] + end.sum()).backward()
    for m in range(MODELS):
        leaves = of_model(net, m)
        start = begin[:, m].detach().clone().requires_grad_()
        expected, state = by_formula(network.cell, leaves, X[m], start)
        (cross_entropy(expected, Y[m].T.reshape(-1)) + state.sum()).backward()  # type: ignore[no-untyped-call]
        assert (logits[m] - expected).abs().max() < 1e-12
        assert (end[:, m] - state).abs().max() < 1e-12
        ours = {name: grad(p)[m] for name, p in net.named_parameters()}
        for name, leaf, its in [
            *((name, leaf, ours[name]) for name, leaf in leaves.items()),
            ("begin", start, grad(begin)[:, m]),
        ]:
            assert grad(leaf).abs().max() > 1e-6
            assert (its - grad(leaf)).abs().max() < 1e-12, name


@networks
def test_the_loss_is_each_models_mean_cross_entropy_of_its_logits(network: Network) -> None:
    net = with_biases(model(torch.float64, network))
    X, Y, begin = reading(torch.float64, network)
    wrt = list(net.parameters())
    logits, end = net(X, begin)
    expected = torch.stack([cross_entropy(logits[m], Y[m].T.reshape(-1)) for m in range(MODELS)])
    loss, state = net.loss(X, Y, begin)
    assert loss.shape == (MODELS,)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
    assert torch.equal(state, end)
    for one, its in zip(
        torch.autograd.grad(loss.sum(), wrt),
        torch.autograd.grad(expected.sum(), wrt),
        strict=True,
    ):
        torch.testing.assert_close(one, its, rtol=0, atol=1e-12)


@networks
def test_models_side_by_side_are_what_each_is_alone(network: Network) -> None:
    both = with_biases(model(torch.float64, network))
    X, Y, begin = reading(torch.float64, network)
    loss, state = both.loss(X, Y, begin)
    loss.sum().backward()  # type: ignore[no-untyped-call]
    for m in range(MODELS):
        alone = model(torch.float64, network, seeds=(m,))
        for name, p in alone.named_parameters():
            if "b_" not in name:
                assert torch.equal(p[0], both.get_parameter(name)[m])
            p.data.copy_(both.get_parameter(name)[m : m + 1])
        one = slice(m, m + 1)
        its_loss, its_state = alone.loss(X[one], Y[one], begin[:, one])
        its_loss.sum().backward()  # type: ignore[no-untyped-call]
        torch.testing.assert_close(loss[m], its_loss[0], rtol=0, atol=1e-13)
        torch.testing.assert_close(state[:, m], its_state[:, 0], rtol=0, atol=1e-13)
        for name, p in alone.named_parameters():
            mine = grad(both.get_parameter(name))[m]
            torch.testing.assert_close(mine, grad(p)[0], rtol=0, atol=1e-13)


@networks
def test_one_models_loss_has_no_gradient_in_another(network: Network) -> None:
    net = with_biases(model(network=network))
    X, Y, begin = reading(network=network)
    loss, _ = net.loss(X, Y, begin)
    loss[1].backward()  # type: ignore[no-untyped-call]
    for p in net.parameters():
        assert not grad(p)[0].any()
        assert grad(p)[1].any()


@cells
def test_it_equals_torchs_own_network_with_the_same_weights(cell: CellName) -> None:
    network = NETWORKS[cell]
    net, (X, Y, begin) = with_biases(model(network=network)), reading(network=network)
    logits, state = net(X, begin)
    mean = [cross_entropy(logits[m], Y[m].T.reshape(-1)) for m in range(MODELS)]
    (mean[0] + mean[1]).backward()  # type: ignore[no-untyped-call]
    for m in range(MODELS):
        theirs, dense = PEERS[cell](V, H), nn.Linear(H, V)
        ours = {name: p[m].detach() for name, p in net.named_parameters()}
        theirs.load_state_dict(  # they keep weights transposed, and two biases
            {
                "weight_ih_l0": ours["W_xh"].T,
                "weight_hh_l0": ours["W_hh"].T,
                "bias_ih_l0": torch.zeros_like(ours["b_h"]),
                "bias_hh_l0": ours["b_h"],
            }
        )
        dense.load_state_dict({"weight": ours["W_hq"].T, "bias": ours["b_q"]})
        given = begin[:, m].contiguous()
        states, end = theirs(
            one_hot(X[m].T, V).float(), given if cell != "lstm" else (given[:1], given[1:])
        )
        expected = dense(states).reshape(-1, V)
        last = torch.cat(end) if isinstance(end, tuple) else end
        assert (logits[m] - expected).abs().max() < 1e-6
        assert (state[:, m] - last).abs().max() < 1e-6

        cross_entropy(expected, Y[m].T.reshape(-1)).backward()  # type: ignore[no-untyped-call]
        other = {**dict(theirs.named_parameters()), **dict(dense.named_parameters())}
        for name, parameter in {
            "weight_ih_l0": net.get_parameter("W_xh"),
            "weight_hh_l0": net.get_parameter("W_hh"),
            "bias_hh_l0": net.get_parameter("b_h"),
            "weight": net.get_parameter("W_hq"),
            "bias": net.get_parameter("b_q"),
        }.items():
            gradient = grad(parameter)[m]
            transposed = gradient.T if gradient.dim() == 2 else gradient
            assert (transposed - grad(other[name])).abs().max() < 1e-5, name


@cells
@pytest.mark.parametrize(("width", "tied"), [(None, False), (3, False), (4, True)])
def test_its_derivatives_are_those_of_finite_differences(
    cell: CellName, width: int | None, tied: bool
) -> None:
    network = Network(cell=cell, num_hiddens=4, num_embed=width, tied=tied, start="scaled")
    net = with_biases(model(torch.float64, network, vocab_size=5))
    named = {name: p.detach().clone().requires_grad_() for name, p in net.named_parameters()}
    X = torch.tensor([[[0, 3, 3], [4, 1, 0]], [[2, 2, 1], [0, 4, 3]]])
    begin = torch.linspace(-0.4, 0.4, net.begin_state(2).numel(), dtype=torch.float64)
    begin = begin.view_as(net.begin_state(2)).requires_grad_()

    def run(begin: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        parameters = dict(zip(named, weights, strict=True))
        result: tuple[Tensor, Tensor] = functional_call(net, parameters, (X, begin))
        return result

    assert torch.autograd.gradcheck(run, (begin, *named.values()))


@networks
@pytest.mark.parametrize("start", ["normal 0.01", "scaled"])
def test_the_same_seed_starts_alike_and_another_does_not(
    network: Network, start: Literal["normal 0.01", "scaled"]
) -> None:
    one, two = (model(network=network, seeds=seeds) for seeds in ((7, 8), (8, 7)))
    for name, p in one.named_parameters():
        assert torch.equal(p, two.get_parameter(name).flip(0))
        assert torch.equal(p[0], p[1]) == ("b_" in name)


def test_it_draws_from_its_generators_alone() -> None:
    before = torch.get_rng_state()
    model()
    assert torch.equal(torch.get_rng_state(), before)


@cells
@pytest.mark.parametrize(
    ("start", "rows", "across"), [("normal 0.01", 0.01, 0.01), ("scaled", 1.5, 1 / 16)]
)
def test_start_weights_have_the_deviation_asked_for(
    cell: CellName, start: Literal["normal 0.01", "scaled"], rows: float, across: float
) -> None:
    scaled = start == "scaled"
    plain = Network(cell=cell, num_hiddens=256, start=start)
    embedded = Network(cell=cell, num_hiddens=256, num_embed=64, start=start)
    for network, wanted in (
        (plain, {"W_xh": rows, "W_hq": 3 * across if scaled else across}),
        (embedded, {"E": 1 / 8, "W_xh": 2 / 8} if scaled else {"E": 0.01, "W_xh": 0.01}),
    ):
        net = model(network=network, vocab_size=500)
        for name, deviation in {**wanted, "W_hh": across}.items():
            for weight in net.get_parameter(name):
                n = weight.numel()  # the deviation of n draws is known to one part in sqrt(2n)
                assert weight.std().item() == pytest.approx(deviation, rel=5 / (2 * n) ** 0.5)
                assert abs(weight.mean().item()) < 5 * deviation / n**0.5
        assert not net.b_h.any()
        assert not net.b_q.any()
        W_xh, W_hh = (net.get_parameter(name)[0, :64].detach() for name in ("W_xh", "W_hh"))
        assert not torch.equal(W_xh / wanted["W_xh"], W_hh / across)
