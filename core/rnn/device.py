"""Picks where to train, and how finely to compute what costs most."""

import os
from dataclasses import dataclass
from typing import Literal

import torch

from core.errors import SettingsError

Wanted = Literal["auto", "cpu", "cuda", "mps", "xpu"]
# What makes a product in bfloat16 faster than one in float32 on a processor.
FAST_BF16 = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}


@dataclass(frozen=True)
class Products:
    """The type in which matrix products are computed, and why."""

    dtype: torch.dtype
    why: str


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


def choose_products(device: torch.device, wanted: Literal["float32", "fastest"]) -> Products:
    """bfloat16 where `wanted` allows it and the device is good at it, float32 elsewhere."""
    if wanted == "float32":
        return Products(torch.float32, "the recipe wants it")
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        for flag, name in FAST_BF16.items():
            if able.get(flag):
                return Products(torch.bfloat16, f"the processor has {name}")
        return Products(torch.float32, "the processor has neither AMX nor AVX512-BF16")
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return Products(torch.bfloat16, "the GPU multiplies it")
    if device.type == "xpu" and torch.xpu.is_bf16_supported():
        return Products(torch.bfloat16, "the GPU multiplies it")
    return Products(torch.float32, f"bfloat16 is not known to be faster on {device.type}")


def num_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may have been given fewer
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
