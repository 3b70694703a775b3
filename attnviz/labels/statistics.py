"""What a score must beat, and how sure it is: fixed offsets, intervals, sign flips, false-discovery rate.

The unit is the sequence or sentence, never the token or the arc: rows of one text are not independent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy.stats import false_discovery_control, norm, t

from .definitions import spec_of
from .scores import Counts
from .spec import FIRST, NEAREST, Rule
from .targets import Probe, WordChoice

RESAMPLES = 2000
FLIPS = 99_999
FLIPS_AT_A_TIME = 1_000


def score(counts: Counts) -> np.ndarray:
    """[heads] hits a row, over all units."""
    return counts.hits.sum(0) / counts.rows.sum()


def interval(counts: Counts, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """[heads] lower and upper bound of the score: percentiles of a cluster bootstrap over units (Efron 1979).

    The percentiles lie a little further out than (1 ± level) / 2, since few units vary less than their population:
    by Student's t and √(n / (n − 1)) (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 3.2).
    """
    units = len(counts.rows)
    times = _resamples(units)
    drawn = (times @ counts.hits) / (times @ counts.rows)[:, None]
    tail = norm.cdf(t.ppf((1 - level) / 2, units - 1) * np.sqrt(units / (units - 1)))
    low, high = np.quantile(drawn, (tail, 1 - tail), axis=0)
    return low, high


@lru_cache(maxsize=1)
def _resamples(units: int) -> np.ndarray:
    """[resamples, units] how often each unit was drawn; the same draws for all scores of as many units."""
    places = np.random.default_rng(units).integers(units, size=(RESAMPLES, units))
    places += units * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=RESAMPLES * units).reshape(RESAMPLES, units).astype(float)


def sign_flip_p(differences: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[heads] one-sided p of `differences` [units, heads] being no larger than 0, where a unit's sign is a coin's.

    A randomisation test by unit (Fisher 1935); the smallest value that it can give is 1e-5.
    """
    units = len(differences)
    total = differences.sum(0) - 1e-9  # sums that differ by rounding only count as equal
    at_least = np.zeros(differences.shape[1], dtype=int)
    for begin in range(0, FLIPS, FLIPS_AT_A_TIME):
        size = min(FLIPS_AT_A_TIME, FLIPS - begin)
        bits = np.unpackbits(rng.integers(256, size=(size, units // 8 + 1), dtype=np.uint8), axis=1)[:, :units]
        at_least += (bits.astype(float) @ differences >= total).sum(0)  # the flipped sum is 2·bits·d − Σd
    return (at_least + 1) / (FLIPS + 1)


def false_discovery(p: np.ndarray) -> np.ndarray:
    """p-values adjusted over the whole family (Benjamini & Hochberg 1995)."""
    return false_discovery_control(p, method="bh")


def halves(counts: Counts, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """[heads] the score of either half of the units, split at random."""
    order = rng.permutation(len(counts.rows))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    return tuple(counts.hits[part].sum(0) / counts.rows[part].sum() for part in (first, second))  # type: ignore


def follow(rule: Rule, word_choice: WordChoice) -> np.ndarray:
    """[rows] whether a rule picks a right word: the first candidate, the nearest one before, or the word at an offset
    from the one that asks (where there is none, it is wrong)."""
    rows = np.arange(len(word_choice.labels))
    if rule == FIRST:
        return word_choice.correct[rows, word_choice.candidates.argmax(1)]
    if rule == NEAREST:
        places = np.arange(word_choice.candidates.shape[1])
        before = word_choice.candidates & (places < word_choice.positions[:, None])
        return before.any(1) & word_choice.correct[rows, np.where(before, places, -1).argmax(1)]
    places = word_choice.positions + int(rule)
    inside = (places >= 0) & (places < word_choice.candidates.shape[1])
    return inside & word_choice.correct[rows, np.where(inside, places, 0)]


def best_rules(probes: Iterable[Probe]) -> dict[str, Rule]:
    """For each label of choices, the rule that is right most often on these probes: others than those it is held
    against, so that a head and its rule stand the same test."""
    right: dict[str, dict[Rule, int]] = defaultdict(lambda: defaultdict(int))
    for probe in probes:
        for word_choice, label, rows in _rows_of_labels(probe):
            for rule in spec_of(label).compared_with:
                right[label][rule] += int(follow(rule, word_choice)[rows].sum())
    return {label: max(counts, key=lambda rule: counts[rule]) for label, counts in right.items()}


def rule_hits(probes: Sequence[Probe], chosen: Mapping[str, Rule]) -> dict[str, np.ndarray]:
    """[units] how often each label's rule is right."""
    units = 1 + max(probe.unit for probe in probes)
    hits: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(units))
    for probe in probes:
        for word_choice, label, rows in _rows_of_labels(probe):
            if label in chosen:
                hits[label][probe.unit] += follow(chosen[label], word_choice)[rows].sum()
    return dict(hits)


def _rows_of_labels(probe: Probe) -> Iterator[tuple[WordChoice, str, list[int]]]:
    if probe.word_choice is not None:
        for label in sorted(set(probe.word_choice.labels)):
            yield probe.word_choice, label, [row for row, name in enumerate(probe.word_choice.labels) if name == label]
