"""Picks where to train."""

from typing import Literal

import torch

from core.errors import SettingsError

Wanted = Literal["auto", "cpu", "cuda", "mps", "xpu"]


def choose_device(wanted: Wanted = "auto") -> torch.device:
    """The device named, or the best there is (ROCm answers to the name cuda).

    Raises:
        SettingsError: if the one named is not there.
    """
    there: dict[Wanted, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        wanted = next(name for name, is_there in there.items() if is_there)
    if not there[wanted]:
        has = ", ".join(name for name, is_there in there.items() if is_there)
        raise SettingsError(f"LYRICBOT_DEVICE: there is no {wanted} here; there is {has}.")
    return torch.device(wanted)
