"""What probes say of every head of a model: its scores, its verdicts, and the texts where it does best and worst.

Torch is not needed: `evaluate_heads` fills these classes in, pages and figures read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from attnviz.traces import Head

COLUMNS = ("label", "score", "baseline", "low", "high", "n", "p", "confidence", "effect")


@dataclass(frozen=True, eq=False)
class LabelScores:
    """One label, measured on every head; arrays [heads] unless said otherwise.

    A label is given where `low`, the lower bound of the 95 % interval [low, high], passes `threshold`, and
    `enrichment` and `baseline` (the control's score) allow it. `again` is the score on the second family, None where
    that does not ask for the label. `n` rows in `units` sequences were asked. `best` and `worst` [heads, 3] are
    numbers into `LabelResults.examples`: the sequences in which the head scores most and least, the extreme one first.
    """

    score: np.ndarray
    baseline: np.ndarray
    low: np.ndarray
    high: np.ndarray
    enrichment: np.ndarray
    threshold: np.ndarray
    again: np.ndarray | None
    n: int
    units: int
    best: np.ndarray
    worst: np.ndarray


@dataclass(frozen=True, eq=False)
class LabelResults:
    """All that the probes say of a model's heads, in the order of `heads`.

    `sink_token_share` and `entropy` [heads] are shares from 0 to 1: of the weight on first and special tokens, and of
    the entropy that uniform weights would have. `scores` holds every label that was measured, `found` each head's
    verdicts (as in `decide.verdicts`), and `examples` the token ids of the sequences that the scores refer to.
    `copies` [heads, 3] says by how many nats a head that looks where induction looks raises the logit of what it
    looks for, with the 95 % interval; NaN for other heads, None where there is no such head or nothing can be said.
    `versions` names every label that was asked for, with the version of its definition.
    `effects` is None until `effects.with_effects` has ablated heads, and filled the effects in `found`.
    """

    model: str
    revision: str
    probes: dict[str, Any]
    heads: tuple[Head, ...]
    sink_token_share: np.ndarray
    entropy: np.ndarray
    scores: dict[str, LabelScores]
    found: list[list[dict[str, Any]]]
    examples: list[tuple[int, ...]]
    copies: np.ndarray | None = None
    effects: dict[str, Any] | None = None
    versions: dict[str, int] = field(default_factory=dict)

    def example(self, label: str, number: int, place: int) -> tuple[int, ...]:
        """The token ids of one of the sequences in which head `number` does best for a label, or worst: places 0 to 2
        and 3 to 5, the extreme one first."""
        scores = self.scores[label]
        return self.examples[int([*scores.best[number], *scores.worst[number]][place])]

    def json(self, effects: bool = True) -> dict[str, Any]:
        """What `python -m attnviz label` prints; with "effects" where they were measured, unless they are not asked
        for."""
        measured = effects and self.effects is not None
        rows = self.found if measured else [[row | {"effect": None} for row in found] for found in self.found]
        said: dict[str, Any] = {
            "model": self.model,
            "probes": self.probes,
            "heads": [
                {"kind": head.kind, "layer": head.layer, "head": head.head, "rest_share": float(rest),
                 "entropy_share": float(entropy), "labels": found}
                for head, rest, entropy, found in zip(self.heads, self.sink_token_share, self.entropy, rows)
            ],
        }  # fmt: skip
        return said | {"effects": self.effects} if measured else said


def as_table(labelled: Mapping[str, Any]) -> pd.DataFrame:
    """One row a label of the JSON of label results, unlabelled heads with label None; an effect is JSON, as text."""
    address = ("kind", "layer", "head", "rest_share", "entropy_share")
    rows = [
        {key: head[key] for key in address} | found | {"effect": found["effect"] and json.dumps(found["effect"])}
        for head in labelled["heads"]
        for found in head["labels"] or [dict.fromkeys(COLUMNS)]
    ]
    return pd.DataFrame(rows, columns=[*address, *COLUMNS])
