"""`python -m bench [--corpus FILE] [--small]`: the table, build/bench/bench.json and bench.png."""

import argparse
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from bench import learning, text, writing
from bench.rows import Row, keep, show
from bench.serving import serving
from bench.standing import standing
from core.errors import LyricbotError
from core.rnn.device import choose_products, num_cores


def product_rate(dtype: torch.dtype, side: int, repeats: int = 8) -> float:
    """Floating-point operations a second of a square matrix product, at its best."""
    A, B = torch.randn(2, side, side).to(dtype)
    least = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        A @ B
        least = min(least, time.perf_counter() - began)
    return 2 * side**3 / least


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a .txt or .zip; else synthetic text")
    parser.add_argument("--small", action="store_true", help="only see that it works")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    try:
        corpus = text.corpus(options.corpus)
    except LyricbotError as error:
        raise SystemExit(f"make bench: {error}") from None
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    size = learning.SMALL if options.small else learning.FULL
    best = choose_products(torch.device("cpu"), "fastest")
    side = 256 if options.small else 2048
    rate, rate_16 = (product_rate(dtype, side) for dtype in (torch.float32, torch.bfloat16))
    rows = [
        Row("products on this machine", "float32", rate / 1e9, "GFLOP/s"),
        Row("products on this machine", "bfloat16", rate_16 / 1e9, "GFLOP/s", best.why),
    ]
    about = {
        "corpus": corpus.name,
        "characters": len(corpus.text),
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": num_cores(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    console.print(", ".join(f"{name} {value}" for name, value in about.items()))
    steps: tuple[Callable[[], list[Row]], ...] = (
        lambda: learning.article_epoch(corpus, size, rate),
        lambda: learning.gru_epoch(corpus, size, 32 if options.small else 512),
        lambda: learning.to_perplexity(corpus, size),
        lambda: writing.lyrics(corpus, rate, size.repeats, 8 if options.small else 2_048),
        lambda: writing.keeping_off(corpus, size.repeats),
        lambda: learning.growth(size),
        lambda: learning.memory(size),
        writing.bot_start,
        partial(serving, small=options.small),
        partial(standing, small=options.small),
    )
    for number, step in enumerate(steps, 1):
        console.print(f"measuring, {number} of {len(steps)} …")
        rows += step()
    show(rows, console)
    keep(rows, about, options.out)
    console.print(f"Kept in {options.out}/bench.json and bench.png")


if __name__ == "__main__":
    main()
