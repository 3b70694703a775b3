"""Whether heads that look for what came next also raise its logit, or lower it: attention alone does not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attnviz.capture.direct_path import direct_effects
from attnviz.traces import Head

from .scores import Counts, batches
from .statistics import interval, score
from .targets import Probe


def by_sign(
    found: Sequence[list[dict[str, Any]]],
    heads: Sequence[Head],
    language_model: Any,
    families: Sequence[Sequence[Probe]],
) -> tuple[list[list[dict[str, Any]]], np.ndarray | None]:
    """The verdicts, in which induction is called copy_suppression where the head lowers what it finds, and [heads, 3]:
    how much it raises it in the first family, in nats, with its 95 % interval; NaN for heads without the label, None
    where nothing is known.

    A head whose interval holds 0 is left as it is. One that is lowering in the first family only is never high.
    """
    bounds = np.full((2, len(heads), 3), np.nan)
    asked = [number for number, rows in enumerate(found) if any(row["label"] == "induction" for row in rows)]
    if asked and language_model is not None and heads[0].kind == "decoder":
        for family, probes in zip(bounds, families):
            tally = copying(language_model, probes, [heads[number] for number in asked])
            if tally is not None:
                family[asked] = np.stack([score(tally), *interval(tally)], axis=1)
    lowers = bounds[..., 2] < 0  # [families, heads]; NaN compares false
    return [
        [_suppressing(row, both) if row["label"] == "induction" and both[0] else row for row in rows]
        for rows, both in zip(found, lowers.T)
    ], None if np.isnan(bounds[0]).all() else bounds[0]


def _suppressing(row: dict[str, Any], lowers: np.ndarray) -> dict[str, Any]:
    sure = row["confidence"] if lowers.all() or row["confidence"] != "high" else "medium"
    return row | {"label": "copy_suppression", "confidence": sure}


def copying(language_model: Any, probes: Sequence[Probe], heads: Sequence[Head]) -> Counts | None:
    """Hits [units, heads]: in rows that have an induction target, how much more the head's output raises the logit of
    the tokens looked for than that of the text's tokens on average, in nats, through no later layer. The sign is what
    counts (McDougall et al. 2023: heads that suppress what they find).

    None where nothing is asked, or a head's direct effect says nothing of this model.
    """
    asked = [probe for probe in probes if "induction" in probe.targets]
    if not asked:
        return None
    units = 1 + max(probe.unit for probe in asked)
    hits, rows = np.zeros((units, len(heads))), np.zeros(units)
    for batch in batches(asked):
        effects = direct_effects(language_model, np.array([probe.ids for probe in batch]), heads)
        if effects is None:
            return None
        for number, probe in enumerate(batch):
            target = probe.targets["induction"]
            keys = np.unique(target.keys)
            queries, of_pair, counts = np.unique(target.queries, return_inverse=True, return_counts=True)
            raised = np.array([effects[head][number] for head in heads])  # [heads, queries, keys]
            above = raised[:, target.queries, target.keys] - raised[:, target.queries][..., keys].mean(-1)
            hits[probe.unit] += (above / counts[of_pair]).sum(-1)
            rows[probe.unit] += len(queries)
    used = rows > 0
    return Counts(hits[used], rows[used], np.zeros((used.sum(), 1)))
