"""Sequences `[start, r, r]`: a run of random tokens, twice, for induction and its control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .words import Split

PERIODS = (12, 16, 24, 32, 48)


@dataclass(frozen=True)
class Repeat:
    """Token ids `[start, r, r]` with `period` tokens in r; `control` replaces the second copy by other tokens."""

    ids: tuple[int, ...]
    control: tuple[int, ...]
    period: int

    def queries(self) -> np.ndarray:
        """[period] positions of the second copy: the rows in which an induction head has a target."""
        return np.arange(self.period + 1, 2 * self.period + 1)

    def induction_targets(self) -> np.ndarray:
        """[period] for each of `queries`, the key after the same token's earlier place."""
        return self.queries() - self.period + 1

    def duplicate_targets(self) -> np.ndarray:
        """[period] for each of `queries`, the same token's earlier place."""
        return self.queries() - self.period


def repeats(
    token_ids: Sequence[int],
    start: int,
    n: int,
    *,
    split: Split,
    seed: int,
    periods: Sequence[int] = PERIODS,
) -> list[Repeat]:
    """`n` repeats over `token_ids` that take `periods` in turn, all tokens of a sequence and its control distinct.

    `start` is the id of the token that sequences begin with. Raises ValueError if `token_ids` holds fewer than twice
    the longest period.
    """
    ids = np.unique(np.asarray(token_ids, dtype=np.int64))
    if len(ids) < 2 * max(periods):
        raise ValueError(f"{len(ids)} tokens are too few: periods of {max(periods)} need {2 * max(periods)}")
    rng = np.random.default_rng([seed, split == "test"])
    found = []
    for number in range(n):
        period = periods[number % len(periods)]
        drawn = rng.choice(ids, size=2 * period, replace=False).tolist()
        first, second = drawn[:period], drawn[period:]
        found.append(Repeat((start, *first, *first), (start, *first, *second), period))
    return found
