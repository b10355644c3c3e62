"""Picking where to train, on whatever machine this is."""

import pytest
import torch

from core.errors import SettingsError
from core.rnn.device import Wanted, choose_device

THERE: dict[Wanted, bool] = {
    "cuda": torch.cuda.is_available(),
    "mps": torch.backends.mps.is_available(),
    "xpu": torch.xpu.is_available(),
    "cpu": True,
}


@pytest.mark.parametrize("wanted", list(THERE))
def test_a_device_that_is_there_is_chosen_and_another_is_refused_by_name(wanted: Wanted) -> None:
    if THERE[wanted]:
        assert choose_device(wanted) == torch.device(wanted)
    else:
        with pytest.raises(SettingsError, match=rf"LYRICBOT_DEVICE: .*no {wanted} here.*cpu\."):
            choose_device(wanted)


def test_left_to_itself_it_takes_the_best_there_is_and_can_compute_there() -> None:
    best = choose_device()
    assert best.type == next(name for name, is_there in THERE.items() if is_there)
    assert choose_device("auto") == best
    assert torch.ones(3, device=best).sum().item() == 3
