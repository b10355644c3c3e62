"""Schedules, averages and optimisers."""

import math

import pytest
import torch

from core.rnn.optimize import learning_rate, make_optimizer, move_average


def test_the_rate_rises_in_equal_steps_and_then_stays() -> None:
    rates = [learning_rate(u, 10, schedule="constant", warmup=4) for u in range(10)]
    assert rates == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]
    assert {learning_rate(u, 10, schedule="constant", warmup=0) for u in range(10)} == {1.0}


def test_along_the_cosine_it_falls_from_one_past_a_half_to_nearly_nothing() -> None:
    rates = [learning_rate(u, 100, schedule="cosine", warmup=0) for u in range(100)]
    assert rates[0] == 1
    assert rates[50] == pytest.approx(0.5)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[99] < 1e-3
    warm = [learning_rate(u, 100, schedule="cosine", warmup=10) for u in range(100)]
    assert warm[4] == pytest.approx(0.5 * rates[4])
    assert warm[9:] == rates[9:]


def test_an_average_forgets_its_start_and_follows_slowly_in_the_end() -> None:
    average, values = [torch.full((2, 3), 100.0)], [float(v) for v in range(400)]
    for update, value in enumerate(values):
        move_average(average, [torch.full((2, 3), value)], decay=0.9, update=update)
    # In the end it is the sum of 0.1 * 0.9^age of each value: nine updates behind a steady climb.
    assert average[0].flatten().tolist() == pytest.approx([399 - 9] * 6, abs=1e-3)


def test_a_decay_of_one_would_be_nearly_a_plain_mean() -> None:
    average = [torch.zeros(1)]
    for update in range(50):
        move_average(average, [torch.ones(1)], decay=1.0, update=update)
    assert 0.99 < average[0].item() <= 1


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_models_side_by_side_are_updated_as_each_is_alone(kind: str) -> None:
    chance = torch.Generator().manual_seed(0)
    start, gradients = torch.randn(2, 3, 4, 5, generator=chance)

    def after(rows: slice) -> torch.Tensor:
        weight = start[rows].clone().requires_grad_()
        optimizer = make_optimizer(kind, [weight], lr=0.1, weight_decay=0.2)  # type: ignore[arg-type]
        for factor in (1.0, 0.3, -2.0):
            weight.grad = gradients[rows] * factor
            optimizer.step()
        updated: torch.Tensor = weight.detach()
        return updated

    together = after(slice(0, 3))
    for i in range(3):
        assert torch.equal(after(slice(i, i + 1)), together[i : i + 1])


def test_weight_decay_takes_its_share_whatever_the_gradient() -> None:
    for kind in ("sgd", "adam"):
        weight = torch.ones(1, 2, requires_grad=True)
        optimizer = make_optimizer(kind, [weight], lr=0.1, weight_decay=0.5)
        weight.grad = torch.zeros(1, 2)
        optimizer.step()
        assert weight.tolist()[0] == pytest.approx([1 - 0.05] * 2)


def test_adams_first_step_is_the_learning_rate_in_the_gradients_direction() -> None:
    weight = torch.zeros(1, 2, requires_grad=True)
    optimizer = make_optimizer("adam", [weight], lr=0.1, weight_decay=0.0)
    weight.grad = torch.tensor([[1e-3, -50.0]])
    optimizer.step()
    assert weight.tolist()[0] == pytest.approx([-0.1, 0.1], rel=1e-4)
    assert math.isclose(optimizer.param_groups[0]["betas"][1], 0.99)
