"""What a text that was never learned from is worth to a model."""

import math

import pytest
import torch

from core.lyrics.recipe import Network
from core.rnn.held_out import PIECE, Unseen, mean_losses
from core.rnn.model import RNNModel

TEXT = torch.tensor([0, 1, 1, 2, 2, 2, 4])  # of a vocabulary of 7: 0 and 4 once; 3, 5, 6 never


def test_what_was_met_once_foretells_what_was_never_met() -> None:
    unseen = Unseen.of(TEXT, 7)
    assert unseen.mask.tolist() == [False, False, False, True, False, True, True]
    assert unseen.share == 2 / 7


def test_probabilities_add_up_to_one() -> None:
    unseen = Unseen.of(TEXT, 7)
    logits = torch.tensor([[0.3, -1.0, 2.0, 50.0, 0.0, -50.0, 9.0]]).double()
    losses = [unseen.losses(logits, torch.tensor([i])).item() for i in range(7)]
    assert sum(math.exp(-loss) for loss in losses) == pytest.approx(1, abs=1e-12)
    assert losses[3] == losses[5] == losses[6] == pytest.approx(-math.log(2 / 7 / 3))
    seen = [math.exp(x) for x in (0.3, -1.0, 2.0, 0.0)]
    assert losses[2] == pytest.approx(-math.log(5 / 7 * seen[2] / sum(seen)))


def test_where_all_was_met_it_is_the_plain_softmax() -> None:
    unseen = Unseen.of(torch.tensor([0, 1, 2, 2]), 3)
    assert unseen.share == 0
    logits = torch.tensor([[0.5, 1.5, -0.5]])
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([1]))
    torch.testing.assert_close(unseen.losses(logits, torch.tensor([1]))[0], expected)


def test_something_new_is_never_impossible() -> None:
    unseen = Unseen.of(torch.tensor([0, 0, 1, 1]), 3)
    assert unseen.share == 1 / 4
    assert unseen.losses(torch.zeros(1, 3), torch.tensor([2])).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("length", [2, 3, PIECE, PIECE + 1, PIECE + 2, 2 * PIECE + 5])
def test_a_text_is_read_once_with_the_state_carried_whatever_the_pieces(length: int) -> None:
    chance = torch.Generator().manual_seed(0)
    network = Network(cell="gru", num_hiddens=5, start="scaled")
    model = RNNModel(7, network, [chance, chance], dtype=torch.float64)
    indices = torch.randint(7, (length,), generator=chance)
    unseen = Unseen.of(TEXT, 7)
    X = indices[None, None, :-1].expand(2, 1, -1)
    logits, _ = model(X, model.begin_state(1))
    expected = unseen.losses(logits, indices[1:]).mean(1).tolist()
    assert mean_losses(model, indices, unseen) == pytest.approx(expected, rel=1e-6)
    assert expected[0] != expected[1]
