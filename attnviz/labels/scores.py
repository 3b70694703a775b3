"""What every head does on probes, one number a head, a label and a unit, streamed: one layer's weights at a time.

Nothing quadratic is kept: each layer's weights are reduced to sums over the rows of a label, and let go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnviz.capture.tracing import capture_ids
from attnviz.core.measures import entropy
from attnviz.traces import Head, LayerAttention

from .targets import REST, Picks, Probe, visible_keys

BATCH_TOKENS = 512  # queries, keys and values of this many tokens are held at a time
ENTROPY = "entropy"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Tally:
    """One label's sums by unit: hits [units, heads], rows [units], even [units] (what uniform weights would hit)."""

    hits: np.ndarray
    rows: np.ndarray
    even: np.ndarray


def weight_of(label: str) -> str:
    """The name under which a choice's weight is kept: the right words' share of what the row gives to other words."""
    return f"weight of {label}"


def tallies(
    module: Any, probes: Sequence[Probe], progress: Progress | None = None
) -> tuple[list[Head], dict[str, Tally]]:
    """Every head of a model that reads one text, and each label's tally over the probes that ask for it.

    A target's hit is the weight on its keys; a choice's hit is 1 where a right word gets most weight of all
    candidates. Rows of the target "rest" also count for "entropy": the row's entropy over that of uniform weights.
    `progress(done, total)` counts tokens; what it raises ends the work.

    Raises Uncapturable for a model whose attention cannot be seen.
    """
    units = 1 + max(probe.unit for probe in probes)
    total = sum(len(probe.ids) for probe in probes)
    heads: list[Head] = []
    sums: dict[str, list[Any]] = {}
    done = 0
    for batch in _batches(probes):
        for probe, layers in zip(batch, capture_ids(module, [probe.ids for probe in batch])):
            heads = heads or [Head(layer.kind, layer.index, head) for layer in layers for head in range(layer.n_heads)]
            found = [_layer_hits(layer, probe) for layer in layers]
            for name, (rows, even) in _row_counts(probe, layers[0].kind == "decoder").items():
                hits, all_rows, all_even = sums.setdefault(
                    name, [np.zeros((units, len(heads))), np.zeros(units), np.zeros(units)]
                )
                hits[probe.unit] += np.concatenate([layer[name] for layer in found])
                all_rows[probe.unit] += rows
                all_even[probe.unit] += even
            done += len(probe.ids)
            if progress is not None:
                progress(done, total)
    return heads, {name: Tally(*parts) for name, parts in sums.items()}


def _batches(probes: Sequence[Probe]) -> Iterator[list[Probe]]:
    """Probes of one length together, so that none is padded."""
    by_length: dict[int, list[Probe]] = defaultdict(list)
    for probe in probes:
        by_length[len(probe.ids)].append(probe)
    for length, group in by_length.items():
        size = max(1, BATCH_TOKENS // length)
        yield from (group[begin : begin + size] for begin in range(0, len(group), size))


def _layer_hits(layer: LayerAttention, probe: Probe) -> dict[str, np.ndarray]:
    """[heads] of each label, summed over the probe's rows."""
    weights = layer.attention().weights
    found = {
        name: weights[:, target.queries, target.keys].sum(1, dtype=float) for name, target in probe.targets.items()
    }
    if REST in probe.targets:
        rows = np.unique(probe.targets[REST].queries)
        visible = visible_keys(weights.shape[-1], layer.kind == "decoder")[rows]
        found[ENTROPY] = (entropy(weights[:, rows]) / np.log2(visible)).sum(1)
    return found if probe.picks is None else found | _pick_hits(weights, probe.picks)


def _pick_hits(weights: np.ndarray, picks: Picks) -> dict[str, np.ndarray]:
    """[heads] of each label's right choices, and of the right words' share of the weight on other words."""
    given = picks.reads @ weights @ picks.words.T  # [heads, rows, words]
    chosen = np.where(picks.candidates, given, -1).argmax(-1)
    right = picks.correct[np.arange(len(picks.labels)), chosen]
    others = (given * picks.visible).sum(-1)
    share = np.divide((given * picks.correct).sum(-1), others, where=others > 0, out=np.zeros_like(others))
    found = {}
    for label in set(picks.labels):
        rows = [row for row, name in enumerate(picks.labels) if name == label]
        found[label], found[weight_of(label)] = right[:, rows].sum(1), share[:, rows].sum(1)
    return found


def _row_counts(probe: Probe, causal: bool) -> dict[str, tuple[int, float]]:
    """How many rows each label has here, and what uniform weights would hit in them."""
    visible = visible_keys(len(probe.ids), causal)
    counts = {name: (target.n_rows(), target.even(visible)) for name, target in probe.targets.items()}
    if REST in counts:
        counts[ENTROPY] = (counts[REST][0], float(counts[REST][0]))
    if probe.picks is not None:
        correct = probe.picks.correct.sum(1)
        by_chance, evenly = correct / probe.picks.candidates.sum(1), correct / probe.picks.visible.sum(1)
        for label in set(probe.picks.labels):
            rows = [row for row, name in enumerate(probe.picks.labels) if name == label]
            counts[label] = (len(rows), float(by_chance[rows].sum()))
            counts[weight_of(label)] = (len(rows), float(evenly[rows].sum()))
    return counts
