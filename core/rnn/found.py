"""Says what a machine has to train on, for an operator to read."""

import torch

from core.rnn.device import Wanted, choose_device, choose_products, num_cores


def describe(wanted: Wanted) -> list[str]:
    """What was found, what is taken, and why; a line each.

    Raises:
        SettingsError: if the device wanted is not there.
    """
    device = choose_device(wanted)
    chosen = "LYRICBOT_DEVICE says so" if wanted != "auto" else "the best there is"
    products = choose_products(device, "fastest")
    dtype = str(products.dtype).removeprefix("torch.")
    return [
        f"torch {torch.__version__}, built for {_built_for()}",
        *_gpus(),
        f"trains on {device} ({chosen}); products in {dtype} ({products.why})",
    ]


def _built_for() -> str:
    if torch.version.hip:
        return f"ROCm {torch.version.hip}"
    return f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU"


def _gpus() -> list[str]:
    if torch.cuda.is_available():
        gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return [f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus]
    if torch.backends.mps.is_available():
        return ["an Apple GPU (mps)"]
    if torch.xpu.is_available():
        return [f"an Intel GPU (xpu): {torch.xpu.get_device_name(0)}"]
    missing = "no GPU was found"
    if not torch.version.cuda and not torch.version.hip:
        missing += ", and this torch could use none: install a build for CUDA or ROCm to use one"
    return [f"{missing}; {num_cores()} processor cores"]
