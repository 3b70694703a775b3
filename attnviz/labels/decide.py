"""Scores and their baselines to labels with evidence, or to none: a head without a label is an answer too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .criteria import Criterion
from .definitions import LABELS, kind_of, spec_of
from .results import COLUMNS
from .scores import Counts, weight_of
from .spec import control_of
from .statistics import false_discovery, halves, interval, score, sign_flip_p

VERSION = 3  # grows when the probes or the judgement of all labels change: a label of its own has `LabelSpec.version`
SEED = 2026
Q = 0.05  # the share of false labels that is put up with
FEWEST_ROWS, FEWEST_UNITS = 100, 20


@dataclass(frozen=True, eq=False)
class Measured:
    """One label on one family: its Counts over the units that ask for it, its weight's Counts (the same for labels that
    are no choice), its control's hits [units, heads] or, where they are the same for all heads, [units, 1], and the
    units' numbers."""

    label: str
    counts: Counts
    weight: Counts
    control: np.ndarray
    units: np.ndarray

    @property
    def criterion(self) -> Criterion:
        return spec_of(self.label).criterion

    @cached_property
    def score(self) -> np.ndarray:
        return score(self.counts)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """[heads] lower and upper bound of the score's 95 % interval."""
        return interval(self.counts)

    @cached_property
    def baseline(self) -> np.ndarray:
        """[heads] the control's score."""
        return np.broadcast_to(self.control.sum(0) / self.counts.rows.sum(), self.counts.hits.shape[1:])

    @cached_property
    def enrichment(self) -> np.ndarray:
        """[heads] the weight, in multiples of what uniform weights would give."""
        return self.weight.hits.sum(0) / self.weight.even.sum()

    @property
    def threshold(self) -> np.ndarray:
        """[heads] what the lower bound has to pass."""
        if self.criterion.above_control:
            return self.baseline + self.criterion.margin
        return np.full_like(self.baseline, self.criterion.threshold)

    @property
    def passes(self) -> np.ndarray:
        """[heads] whether the lower bound is above the threshold, and the weight is enriched."""
        return (self.bounds[0] > self.threshold) & (self.enrichment >= self.criterion.enrichment)

    @property
    def beats_control(self) -> np.ndarray:
        return self.score - self.baseline >= self.criterion.margin

    @property
    def holds(self) -> np.ndarray:
        """[heads] whether the label stands on a family that it was not chosen on: threshold, enrichment, and a
        difference from its control whose interval is above 0."""
        above, _ = interval(Counts(self.counts.hits - self.control, self.counts.rows, self.counts.even))
        return self.passes & self.beats_control & (above > 0)

    def in_both_halves(self, rng: np.random.Generator) -> np.ndarray:
        first, second = halves(self.counts, rng)
        return np.minimum(first, second) > self.threshold


def measured(found: Mapping[str, Counts], rules: Mapping[str, np.ndarray]) -> dict[str, Measured]:
    """Every label with enough rows and units, beside its control: the label's own, what its rule hits [units], or what
    uniform weights would."""
    labels = {}
    for name, counts in found.items():
        if kind_of(name) not in LABELS:
            continue
        used = counts.rows > 0
        control = rules[name][:, None] if name in rules else counts.even
        if control_of(name) in found:
            own = found[control_of(name)]
            used &= own.rows > 0
            control = own.hits * (counts.rows / np.maximum(own.rows, 1))[:, None]
        if used.sum() >= FEWEST_UNITS and counts.rows[used].sum() >= FEWEST_ROWS:
            weight = _some(found.get(weight_of(name), counts), used)
            labels[name] = Measured(name, _some(counts, used), weight, control[used], np.flatnonzero(used))
    return labels


def verdicts(first: Mapping[str, Measured], second: Mapping[str, Measured], n_heads: int) -> list[list[dict[str, Any]]]:
    """For each head its labels, as dictionaries of COLUMNS, best confidence and score first.

    low: threshold and enrichment. medium: also above the control by the margin, a false-discovery rate of `Q` over all
    heads and labels, and each random half of the units above the threshold. high: also on the second family.
    """
    rng = np.random.default_rng(SEED)
    p = {label: np.ones(n_heads) for label in first}  # a head that is no candidate cannot count as a discovery
    for label, one in first.items():
        if one.passes.any():
            p[label][one.passes] = sign_flip_p((one.counts.hits - one.control)[:, one.passes], rng)
    adjusted = dict(zip(first, false_discovery(np.array(list(p.values())).ravel()).reshape(len(p), n_heads)))
    labels: list[list[dict[str, Any]]] = [[] for _ in range(n_heads)]
    for label, one in first.items():
        medium = one.passes & one.beats_control & (adjusted[label] < Q) & one.in_both_halves(rng)
        sure = medium & second[label].holds if label in second else medium & False
        for head in np.flatnonzero(one.passes):
            confidence = "high" if sure[head] else "medium" if medium[head] else "low"
            values = (array[head] for array in (one.score, one.baseline, *one.bounds))
            n = int(one.counts.rows.sum())
            row = (label, *map(float, values), n, float(adjusted[label][head]), confidence, None)
            labels[head].append(dict(zip(COLUMNS, row)))
    for found in labels:
        found.sort(key=lambda row: (("high", "medium", "low").index(row["confidence"]), -row["score"]))
    return labels


def _some(counts: Counts, used: np.ndarray) -> Counts:
    return Counts(counts.hits[used], counts.rows[used], counts.even[used])
