"""What is left out by chance."""

import torch

from core.rnn.chance import For, generator
from core.rnn.dropout import Dropout


def dropout(*seeds: int) -> Dropout:
    return Dropout([generator(seed, For.UPDATE, 3) for seed in seeds])


def test_units_are_left_out_in_all_steps_alike_and_the_rest_is_scaled_up() -> None:
    ones = torch.ones(6, 2, 5, 400)
    dropped = dropout(1, 2).units(ones, 0.3)
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    for model in dropped[0]:
        assert set(model.flatten().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
        zeros = (model == 0).sum().item()
        assert abs(zeros - 0.3 * 2000) < 5 * (2000 * 0.3 * 0.7) ** 0.5
        assert not torch.equal(model[0], model[1])
    assert not torch.equal(dropped[0, 0], dropped[0, 1])


def test_each_weight_is_left_out_for_itself() -> None:
    dropped = dropout(1).weights(torch.ones(1, 50, 60), 0.5)
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert 0.4 < (dropped == 0).float().mean() < 0.6


def test_a_model_meets_the_same_chance_alone_and_beside_others() -> None:
    both, alone = dropout(1, 2), dropout(2)
    values = torch.randn(4, 2, 3, 10)
    assert torch.equal(both.units(values, 0.5)[:, 1:], alone.units(values[:, 1:], 0.5))
    weights = torch.randn(2, 7, 7)
    assert torch.equal(both.weights(weights, 0.2)[1:], alone.weights(weights[1:], 0.2))


def test_without_chance_or_a_share_nothing_is_left_out() -> None:
    values = torch.randn(4, 1, 3, 10)
    assert dropout(1).units(values, 0.0) is values
    assert Dropout(()).units(values, 0.5) is values
    assert Dropout(()).weights(values[0], 0.5) is not None


def test_generators_differ_by_seed_purpose_and_index_alone() -> None:
    def draw(seed: int, purpose: For, index: int) -> float:
        return torch.rand(1, generator=generator(seed, purpose, index)).item()

    names = [(s, p, i) for s in (0, 1, 2**32 - 1) for p in For for i in (0, 1, 1000)]
    drawn = [draw(*name) for name in names]
    assert len(set(drawn)) == len(names)
    assert drawn == [draw(*name) for name in names]
