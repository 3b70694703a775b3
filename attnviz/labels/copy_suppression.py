"""Whether heads that find what they look for also raise its logit, or lower it: attention alone does not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attnviz.capture.direct_path import direct_effects
from attnviz.traces import Head

from .definitions import SUPPRESSED
from .scores import Counts, batches
from .statistics import interval, score
from .targets import Probe


def by_sign(
    found: Sequence[list[dict[str, Any]]],
    heads: Sequence[Head],
    language_model: Any,
    families: Sequence[Sequence[Probe]],
) -> tuple[list[list[dict[str, Any]]], np.ndarray | None]:
    """The verdicts, in which a label such as induction becomes the one that suppresses it (`LabelSpec.suppresses`)
    where the head lowers what it finds, and [heads, 3]: how much it raises it in the first family, in nats, with its
    95 % interval; NaN for heads without such a label, None where nothing is known.

    A head whose interval holds 0 is left as it is. One that is lowering in the first family only is never high.
    """
    copies = np.full((len(heads), 3), np.nan)
    judged = list(found)
    if language_model is None or heads[0].kind != "decoder":
        return judged, None
    for shared, own in SUPPRESSED.items():
        looking = [number for number, rows in enumerate(found) if any(row["label"] == shared for row in rows)]
        if not looking:
            continue
        bounds = np.full((2, len(heads), 3), np.nan)
        for family, probes in zip(bounds, families):
            counts = copying(language_model, probes, [heads[number] for number in looking], shared)
            if counts is not None:
                family[looking] = np.stack([score(counts), *interval(counts)], axis=1)
        lowers = bounds[..., 2] < 0  # [families, heads]; NaN compares false
        judged = [
            [_renamed(row, own, both) if row["label"] == shared and both[0] else row for row in rows]
            for rows, both in zip(judged, lowers.T)
        ]
        copies = np.where(np.isnan(copies), bounds[0], copies)
    return judged, None if np.isnan(copies).all() else copies


def _renamed(row: dict[str, Any], label: str, lowers: np.ndarray) -> dict[str, Any]:
    sure = row["confidence"] if lowers.all() or row["confidence"] != "high" else "medium"
    return row | {"label": label, "confidence": sure}


def copying(
    language_model: Any, probes: Sequence[Probe], heads: Sequence[Head], label: str = "induction"
) -> Counts | None:
    """Hits [units, heads]: in rows that have a target of the label, how much more the head's output raises the logit of
    the tokens looked for than that of the text's tokens on average, in nats, through no later layer. The sign is what
    counts (McDougall et al. 2023: heads that suppress what they find).

    None where nothing is asked, or a head's direct effect says nothing of this model.
    """
    relevant = [probe for probe in probes if label in probe.targets]
    if not relevant:
        return None
    units = 1 + max(probe.unit for probe in relevant)
    hits, rows = np.zeros((units, len(heads))), np.zeros(units)
    for batch in batches(relevant):
        effects = direct_effects(language_model, np.array([probe.ids for probe in batch]), heads)
        if effects is None:
            return None
        for number, probe in enumerate(batch):
            target = probe.targets[label]
            keys = np.unique(target.keys)
            queries, of_pair, counts = np.unique(target.queries, return_inverse=True, return_counts=True)
            raised = np.array([effects[head][number] for head in heads])  # [heads, queries, keys]
            above = raised[:, target.queries, target.keys] - raised[:, target.queries][..., keys].mean(-1)
            hits[probe.unit] += (above / counts[of_pair]).sum(-1)
            rows[probe.unit] += len(queries)
    used = rows > 0
    return Counts(hits[used], rows[used], np.zeros((used.sum(), 1)))
