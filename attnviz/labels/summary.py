"""What evaluated labels come to: the labels of a head in order, and the evidence of each. Torch is not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .criteria import CONFIDENCES
from .definitions import LABELS, SUPPRESSED, kind_of
from .method import spelt
from .results import LabelResults

MOST_ROWS = 8  # labels in one head's figure


@dataclass(frozen=True)
class Evidence:
    """One label of one head: its score with the interval, its control's score, what the lower bound has to pass, and
    the confidence, "" where the label is not given."""

    label: str
    score: float
    low: float
    high: float
    baseline: float
    threshold: float
    confidence: str = ""

    @property
    def near(self) -> bool:
        """Whether the threshold lies within the interval: with other probes the verdict could be the other one."""
        return self.low <= self.threshold <= self.high


def first_labels(
    results: LabelResults, label: str, confidence: str
) -> dict[tuple[int, int], list[tuple[str, str, str, float]]]:
    """Of each head (layer, head) the labels that count, the most telling first, as the mosaic takes them."""
    return {
        (one.layer, one.head): [
            (spelt(row["label"]), row["label"], row["confidence"], row["score"])
            for row in counted(found, label, confidence)
        ]
        for one, found in zip(results.heads, results.found)
    }


def counted(found: Sequence[Mapping[str, Any]], label: str, confidence: str) -> list[Mapping[str, Any]]:
    """Those of a head's labels that are of one kind ("": any) and have that confidence, the most telling first."""
    least = CONFIDENCES.index(confidence)
    return [
        row
        for row in telling(found)
        if label in ("", kind_of(row["label"])) and CONFIDENCES.index(row["confidence"]) >= least
    ]


def telling(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The labels of a head by confidence, then whether they are telling, then by score."""
    return sorted(
        found,
        key=lambda row: (
            -CONFIDENCES.index(row["confidence"]), not LABELS[kind_of(row["label"])].telling, -row["score"]
        ),
    )  # fmt: skip


def evidence(results: LabelResults, number: int, label: str) -> Evidence:
    """One label of one head, as figures take it."""
    one = results.scores[label]
    given = next((row["confidence"] for row in results.found[number] if row["label"] == label), "")
    names = ("score", "low", "high", "baseline", "threshold")
    return Evidence(label, **{name: float(getattr(one, name)[number]) for name in names}, confidence=given)


def closest(results: LabelResults, number: int) -> list[Evidence]:
    """The labels that a head has, and those that it comes closest to; of two with the same scores, one."""
    has = [row["label"] for row in results.found[number]]
    others = {shared if own in has else own for shared, own in SUPPRESSED.items()}
    every = [evidence(results, number, label) for label in results.scores if label not in others]
    every.sort(key=lambda one: (not one.confidence, one.threshold - one.low))
    return every[:MOST_ROWS]
