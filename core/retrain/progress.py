"""How far a job is: what its worker tells, and whoever watches it is shown. Knows no torch."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import geometric_mean
from typing import Any, Literal

from core.lyrics.recipe import SAMPLERS, Sampler

Stage = Literal["preparing", "training", "judging", "publishing"]


@dataclass(frozen=True)
class Progress:
    """A job at one moment. Perplexities are means over pairs; None: not known, or no number."""

    stage: Stage = "preparing"
    device: str = ""
    epoch: int = 0  # that all models have made
    num_epochs: int = 0  # at most
    perplexity: Mapping[Sampler, float | None] = field(default_factory=dict)
    held_out: Mapping[Sampler, float | None] = field(default_factory=dict)
    seconds_left: float | None = None  # of training, if it goes on to the last epoch
    samples: Mapping[Sampler, str] = field(default_factory=dict)  # after 分开

    def to_json(self) -> dict[str, Any]:
        """As plain values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Progress":
        """Read what `to_json` gave; what a newer version added is left out."""
        return cls(**{k: v for k, v in values.items() if k in cls.__dataclass_fields__})


class Tracker:
    """Makes a Progress of what a training tells, model by model."""

    def __init__(
        self,
        models: Sequence[tuple[Sampler, int]],
        num_epochs: int,
        clock: Callable[[], float] = time.monotonic,
        told: Progress | None = None,
    ) -> None:
        """`models`: sampler and pair of each model, as the training numbers them.

        `told`: what an earlier attempt has told.
        """
        self._models = models
        self._clock = clock
        self._began, self._first = clock(), 0
        self._epochs = [0] * len(models)
        self._figures: list[tuple[float | None, float | None]] = [(None, None)] * len(models)
        self.progress = replace(told or Progress(), stage="preparing", num_epochs=num_epochs)

    def start(self, device: str, epoch: int) -> None:
        """The training runs on `device`, and goes on from `epoch`."""
        self._began, self._first = self._clock(), epoch
        self._epochs = [epoch] * len(self._models)
        self.progress = replace(self.progress, stage="training", device=device, epoch=epoch)

    def epoch(
        self,
        index: int,
        epoch: int,
        perplexity: float | None,
        held_out: float | None,
        sample: str | None = None,
    ) -> None:
        """Model `index` has made an epoch."""
        self._epochs[index] = epoch
        self._figures[index] = (perplexity, held_out)
        samples = dict(self.progress.samples)
        sampler, pair = self._models[index]
        if sample is not None and pair == 1:
            samples[sampler] = sample
        self.progress = replace(
            self.progress,
            epoch=min(self._epochs),
            perplexity={s: self._mean(s, 0) for s in SAMPLERS},
            held_out={s: self._mean(s, 1) for s in SAMPLERS},
            seconds_left=self._left(),
            samples=samples,
        )

    def enter(self, stage: Stage) -> None:
        """The job has come to another stage."""
        self.progress = replace(self.progress, stage=stage, seconds_left=None)

    def _mean(self, sampler: Sampler, which: int) -> float | None:
        """The geometric mean, since perplexity is exp of a mean loss; of known figures alone."""
        known = [
            figures[which]
            for (its, _), figures in zip(self._models, self._figures, strict=True)
            if its == sampler
        ]
        if any(one is None or not math.isfinite(one) for one in known):
            return None
        return geometric_mean([one for one in known if one is not None])

    def _left(self) -> float | None:
        made = min(self._epochs) - self._first
        if made <= 0:
            return None
        left = self.progress.num_epochs - min(self._epochs)
        return (self._clock() - self._began) / made * left
