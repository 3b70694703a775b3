"""Sizes and schedules of the bundled models."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .loop import Schedule


@dataclass(frozen=True)
class Settings:
    """One model's recipe.

    `length` counts the special tokens too. From step `extra_from` on, tiny-bert reads `extra_rows` more generated rows.
    """

    steps: int
    evaluate_at: tuple[int, ...]
    batch: int = 32
    rate: float = 3e-3
    matrix_rate: float = 5e-3
    warmup: int = 120
    horizon: int = 0
    floor: float = 0.0
    cooldown: int = 1
    vocabulary: int = 2048
    width: int = 128
    layers: int = 4
    heads: int = 4
    length: int = 128
    n_generated: int = 150_000
    n_repeats: int = 20_000
    n_probes: int = 120
    share_generated: float = 0.28
    share_repeated: float = 0.22
    seed: int = 1
    extra_from: int = 0
    extra_rows: int = 0

    def schedule(self) -> Schedule:
        """What the training loop needs to know."""
        return Schedule(
            steps=self.steps,
            batch=self.batch,
            rate=self.rate,
            matrix_rate=self.matrix_rate,
            warmup=self.warmup,
            evaluate_at=self.evaluate_at,
            seed=self.seed,
            horizon=self.horizon,
            floor=self.floor,
            cooldown=self.cooldown,
        )


def evaluation_steps(steps: int, *ranges: tuple[int, int, int]) -> tuple[int, ...]:
    """Step 0, the last step, and those of every `(first, last, distance)`."""
    found = {0, steps}
    for first, last, distance in ranges:
        found.update(range(first, min(last, steps) + 1, distance))
    return tuple(sorted(found))


def sinusoids(positions: int, width: int, size: float = 0.1) -> Tensor:
    """[positions, width] waves of amplitude `size`, from one radian a position to one turn over twice their number."""
    low = math.log(math.pi / positions)
    rates = torch.exp(torch.linspace(0.0, low, width // 2))
    angles = torch.arange(positions)[:, None] * rates
    return size * torch.cat([angles.sin(), angles.cos()], 1)


TINY_GPT = Settings(
    steps=2600,
    evaluate_at=evaluation_steps(2600, (100, 300, 100), (350, 1600, 50), (1700, 2600, 100)),
    horizon=4000,
    cooldown=1000,
)
TINY_BERT = Settings(
    steps=3400,
    evaluate_at=evaluation_steps(3400, (200, 3400, 200)),
    horizon=3000,
    floor=0.5,
    cooldown=1200,
    batch=20,
    n_generated=60_000,
    n_repeats=0,
    share_generated=0.2,
    extra_from=2000,
    extra_rows=7,
    share_repeated=0.0,
)
TINY_TRANSLATOR = Settings(
    steps=1200,
    evaluate_at=evaluation_steps(1200, (200, 1200, 200)),
    batch=64,
    vocabulary=1024,
    layers=2,
    length=48,
    n_generated=40_000,
    n_probes=340,
)
RECIPES = {"tiny-gpt": TINY_GPT, "tiny-bert": TINY_BERT, "tiny-translator": TINY_TRANSLATOR}
