"""What every head does on probes, one number a head, a label and a unit, streamed: one layer's weights at a time.

Nothing quadratic is kept: each layer's weights are reduced to sums over the rows of a label, and let go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnviz.capture.weights import LayerWeights, reduce_weights
from attnviz.core.measures import entropy
from attnviz.traces import Head

from .targets import REST, Probe, visible_keys

BATCH_TOKENS = 128  # what a model computes of this many tokens is held at a time
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
    sums: dict[str, Tally] = {}
    done = 0
    for batch in batches(probes):
        asked = _asked_of(batch)
        layers = reduce_weights(module, [probe.ids for probe in batch], asked.of_layer)
        if not heads:
            heads = [Head(kind, index, head) for kind, index, hits in layers for head in range(hits.shape[1])]
            sums = _empty(probes, units, len(heads))
        hits = np.concatenate([hits for *_, hits in layers], axis=1)
        column = {name: number for number, name in enumerate(asked.names)}
        for probe, of_probe in zip(batch, hits):
            for name, (rows, even) in _row_counts(probe, heads[0].kind == "decoder").items():
                sums[name].hits[probe.unit] += of_probe[:, column[name]]
                sums[name].rows[probe.unit] += rows
                sums[name].even[probe.unit] += even
        done += sum(len(probe.ids) for probe in batch)
        if progress is not None:
            progress(done, total)
    return heads, sums


def _empty(probes: Sequence[Probe], units: int, n_heads: int) -> dict[str, Tally]:
    """A tally of zeros for all that the probes ask, in one piece: made one by one as they are first asked for, they
    would lie between what the passes leave behind, and keep it from being given back."""
    targets = dict.fromkeys(name for probe in probes for name in probe.targets)
    choices = sorted({label for probe in probes if probe.picks is not None for label in probe.picks.labels})
    names = (*targets, *[ENTROPY] * (REST in targets), *choices, *map(weight_of, choices))
    hits = np.zeros((len(names), units, n_heads), dtype=np.float32)
    return {name: Tally(*parts) for name, *parts in zip(names, hits, *np.zeros((2, len(names), units)))}


def batches(probes: Sequence[Probe]) -> Iterator[list[Probe]]:
    """Probes of one length together, so that none is padded."""
    by_length: dict[int, list[Probe]] = defaultdict(list)
    for probe in probes:
        by_length[len(probe.ids)].append(probe)
    for length, group in by_length.items():
        size = max(1, BATCH_TOKENS // length)
        yield from (group[begin : begin + size] for begin in range(0, len(group), size))


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a batch of B probes of n tokens asks, as arrays that many heads' weights are multiplied with at once.

    pairs [B, n · n, targets] marks the pairs (query, key) of each target, resting [B, n] the rows whose entropy counts.
    The choices of each probe are padded to R rows and W words with zeros: reads [B, R, n] and words [B, W, n], which of
    the words are candidates, correct and visible [B, R, W], and which label each row has, by_label [B, R, choices].
    """

    targets: tuple[str, ...]
    choices: tuple[str, ...]
    pairs: np.ndarray
    resting: np.ndarray
    reads: np.ndarray
    words: np.ndarray
    candidates: np.ndarray
    correct: np.ndarray
    visible: np.ndarray
    by_label: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.targets, ENTROPY, *self.choices, *map(weight_of, self.choices))

    def of_layer(self, layer: LayerWeights) -> tuple[str, int, np.ndarray]:
        """Its kind, its index, and its hits [B, heads, names]."""
        return layer.kind, layer.index, self.hits(layer.weights, layer.kind == "decoder")

    def hits(self, weights: np.ndarray, causal: bool) -> np.ndarray:
        """weights [B, heads, n, n] to [B, heads, names], each summed over its rows."""
        batch, n_heads, n, _ = weights.shape
        found = [weights.reshape(batch, n_heads, n * n) @ self.pairs]
        spread = np.zeros((batch, n_heads, 1))
        if self.resting.any():
            share = entropy(weights) / np.log2(np.maximum(visible_keys(n, causal), 2))  # a row of one key has none
            spread = (share @ self.resting[:, :, None])[..., None, 0]
        found.append(spread)
        if self.choices:
            found += self._choice_hits(weights)
        return np.concatenate(found, axis=-1)

    def _choice_hits(self, weights: np.ndarray) -> list[np.ndarray]:
        """[B, heads, choices] each: right choices, and the right words' share of the weight on other words."""
        given = self.reads[:, None] @ weights @ self.words[:, None].mT  # [B, heads, R, W]
        chosen = np.where(self.candidates[:, None], given, -1).argmax(-1)
        right = np.take_along_axis(self.correct[:, None], chosen[..., None], axis=-1)[..., 0]
        others = (given * self.visible[:, None]).sum(-1)
        correct = (given * self.correct[:, None]).sum(-1)
        share = np.divide(correct, others, where=others > 0, out=np.zeros_like(others))
        return [right @ self.by_label, share @ self.by_label]


def _asked_of(batch: Sequence[Probe]) -> _Asked:
    n = len(batch[0].ids)
    targets = sorted({name for probe in batch for name in probe.targets})
    choices = sorted({label for probe in batch if probe.picks is not None for label in probe.picks.labels})
    n_rows = max((len(probe.picks.labels) for probe in batch if probe.picks is not None), default=0)
    n_words = max((len(probe.picks.words) for probe in batch if probe.picks is not None), default=0)
    pairs = np.zeros((len(batch), n * n, len(targets)), dtype=np.float32)
    resting = np.zeros((len(batch), n), dtype=np.float32)
    reads = np.zeros((len(batch), n_rows, n), dtype=np.float32)
    words = np.zeros((len(batch), n_words, n), dtype=np.float32)
    candidates, correct, visible = np.zeros((3, len(batch), n_rows, n_words), dtype=bool)
    by_label = np.zeros((len(batch), n_rows, len(choices)), dtype=np.float32)
    for number, probe in enumerate(batch):
        for column, name in enumerate(targets):
            if name in probe.targets:
                pairs[number, probe.targets[name].queries * n + probe.targets[name].keys, column] = 1
        if REST in probe.targets:
            resting[number, probe.targets[REST].queries] = 1
        picks = probe.picks
        if picks is not None:
            rows, some = len(picks.labels), len(picks.words)
            reads[number, :rows], words[number, :some] = picks.reads, picks.words
            candidates[number, :rows, :some] = picks.candidates
            correct[number, :rows, :some] = picks.correct
            visible[number, :rows, :some] = picks.visible
            by_label[number, np.arange(rows), [choices.index(label) for label in picks.labels]] = 1
    return _Asked(tuple(targets), tuple(choices), pairs, resting, reads, words, candidates, correct, visible, by_label)


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
