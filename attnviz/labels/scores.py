"""What every head does on probes, one number a head, a label and a unit, streamed: one layer's weights at a time.

Nothing quadratic is kept: each layer's weights are reduced to sums over the rows of a label, and let go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnviz.capture.memory import hand_back
from attnviz.capture.weights import LayerWeights, reduce_weights
from attnviz.core.measures import entropy
from attnviz.traces import Head

from .targets import SINK_TOKENS, Probe

BATCH_TOKENS = 96  # what a model computes of this many tokens is held at a time
ENTROPY = "entropy"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Counts:
    """One label's sums by unit: hits [units, heads], rows [units], even (what uniform weights would hit, on the keys
    that a layer lets a row look at) [units, heads], or [units, 1] where that is the same in all layers."""

    hits: np.ndarray
    rows: np.ndarray
    even: np.ndarray


def weight_of(label: str) -> str:
    """The name under which a choice's weight is kept: the right words' share of what the row gives to other words."""
    return f"weight of {label}"


def count_hits(
    module: Any, probes: Sequence[Probe], progress: Progress | None = None
) -> tuple[list[Head], dict[str, Counts]]:
    """Every head of a model that reads one text, and each label's Counts over the probes that ask for it.

    A target's hit is the weight on its keys; a choice's hit is 1 where a right word gets most weight of all
    candidates. Rows of the target SINK_TOKENS also count for "entropy": the row's entropy over that of uniform weights.
    `progress(done, total)` counts tokens; what it raises ends the work.

    Raises Uncapturable for a model whose attention cannot be seen.
    """
    units = 1 + max(probe.unit for probe in probes)
    total = sum(len(probe.ids) for probe in probes)
    heads: list[Head] = []
    *_, names = _names(probes)
    rows = np.zeros((len(names), units))
    done = 0
    for batch in batches(probes):
        arrays = _as_batch(batch)
        layers = reduce_weights(module, [probe.ids for probe in batch], arrays.of_layer)
        if not heads:
            heads = [Head(one.kind, one.index, head) for one in layers for head in range(one.hits.shape[-1])]
            hits = np.zeros((len(names), units, len(heads)), dtype=np.float32)  # in one piece, which can be given back
            even = np.zeros((len(names), units, len(layers)))
        places = [names.index(name) for name in arrays.names]
        for number, probe in enumerate(batch):
            hits[places, probe.unit] += np.concatenate([one.hits[number] for one in layers], axis=-1)
            even[places, probe.unit] += np.stack([one.even[number] for one in layers], axis=-1)
            rows[places, probe.unit] += arrays.rows[number]
        hand_back()  # a pass frees far more than the sums take
        done += sum(len(probe.ids) for probe in batch)
        if progress is not None:
            progress(done, total)
    alike = bool((even == even[..., :1]).all())
    of_heads = even[..., :1] if alike else even.astype(np.float32).repeat([one.hits.shape[-1] for one in layers], -1)
    return heads, {name: Counts(hits[place], rows[place], of_heads[place]) for place, name in enumerate(names)}


def _names(probes: Sequence[Probe]) -> tuple[list[str], list[str], tuple[str, ...]]:
    """The targets and the choices that probes ask for, and all that is counted."""
    targets = list(dict.fromkeys(name for probe in probes for name in probe.targets))
    choices = sorted({label for probe in probes if probe.word_choice is not None for label in probe.word_choice.labels})
    return targets, choices, (*targets, *[ENTROPY] * (SINK_TOKENS in targets), *choices, *map(weight_of, choices))


def batches(probes: Sequence[Probe]) -> Iterator[list[Probe]]:
    """Probes of one length together, so that none is padded."""
    by_length: dict[int, list[Probe]] = defaultdict(list)
    for probe in probes:
        by_length[len(probe.ids)].append(probe)
    for length, group in by_length.items():
        size = max(1, BATCH_TOKENS // length)
        yield from (group[begin : begin + size] for begin in range(0, len(group), size))


@dataclass(frozen=True, eq=False)
class _Reduced:
    """One layer's hits [batch, names, heads], and what uniform weights would hit in it, even [batch, names]."""

    kind: str
    index: int
    hits: np.ndarray
    even: np.ndarray


@dataclass(frozen=True, eq=False)
class _Batch:
    """What a batch of B probes of n tokens asks, as arrays that many heads' weights are multiplied with at once.

    names are those of all Counts: of targets, entropy, choices and their weights; rows [B, names] how many rows each
    has. pairs [B, n · n, targets] marks the pairs (query, key) of each target, entropy_rows [B, n] the rows whose
    entropy counts. The choices of each probe are padded to R rows and W words with zeros: reads [B, R, n] and words
    [B, W, n], which of the words are candidates, correct and visible [B, R, W], and which label each row has,
    by_label [B, R, choices].
    """

    names: tuple[str, ...]
    rows: np.ndarray
    pairs: np.ndarray
    entropy_rows: np.ndarray
    reads: np.ndarray
    words: np.ndarray
    candidates: np.ndarray
    correct: np.ndarray
    visible: np.ndarray
    by_label: np.ndarray

    def of_layer(self, layer: LayerWeights) -> _Reduced:
        return _Reduced(layer.kind, layer.index, self.hits(layer.weights, layer.visible), self.even(layer.visible))

    def hits(self, weights: np.ndarray, visible: np.ndarray) -> np.ndarray:
        """weights [B, heads, n, n] and visible [B, n, n] to [B, names, heads], each summed over its rows."""
        batch, n_heads, n, _ = weights.shape
        found = [weights.reshape(batch, n_heads, n * n) @ self.pairs]
        if ENTROPY in self.names:
            share = entropy(weights) / np.log2(np.maximum(visible.sum(-1), 2))[:, None]  # a row of one key has none
            found.append(share @ self.entropy_rows[:, :, None])
        if self.by_label.size:
            found += self._choice_hits(weights)
        return np.concatenate(found, axis=-1).mT

    def even(self, visible: np.ndarray) -> np.ndarray:
        """visible [B, n, n] to [B, names]: what `hits` would be of weights that are the same on all visible keys; of
        a choice, what chance would give."""
        alike = visible / np.maximum(visible.sum(-1, keepdims=True), 1)
        found = [(alike.reshape(len(alike), 1, -1) @ self.pairs)[:, 0]]
        if ENTROPY in self.names:
            found.append(self.entropy_rows.sum(1, keepdims=True))
        if self.by_label.size:
            seen = self.visible & (self.reads @ visible @ self.words.mT > 0)
            right, others = (self.correct & seen).sum(-1), seen.sum(-1)
            chance = self.correct.sum(-1) / np.maximum(self.candidates.sum(-1), 1)
            evenly = right / np.maximum(others, 1)
            found += [(share[:, None] @ self.by_label)[:, 0] for share in (chance, evenly)]
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


def _as_batch(batch: Sequence[Probe]) -> _Batch:
    n = len(batch[0].ids)
    targets, choices, names = _names(batch)
    n_rows = max((len(probe.word_choice.labels) for probe in batch if probe.word_choice is not None), default=0)
    n_words = max((len(probe.word_choice.words) for probe in batch if probe.word_choice is not None), default=0)
    pairs = np.zeros((len(batch), n * n, len(targets)), dtype=np.float32)
    entropy_rows = np.zeros((len(batch), n), dtype=np.float32)
    reads = np.zeros((len(batch), n_rows, n), dtype=np.float32)
    words = np.zeros((len(batch), n_words, n), dtype=np.float32)
    candidates, correct, visible = np.zeros((3, len(batch), n_rows, n_words), dtype=bool)
    by_label = np.zeros((len(batch), n_rows, len(choices)), dtype=np.float32)
    for number, probe in enumerate(batch):
        for column, name in enumerate(targets):
            if name in probe.targets:
                pairs[number, probe.targets[name].queries * n + probe.targets[name].keys, column] = 1
        if SINK_TOKENS in probe.targets:
            entropy_rows[number, probe.targets[SINK_TOKENS].queries] = 1
        word_choice = probe.word_choice
        if word_choice is not None:
            rows, some = len(word_choice.labels), len(word_choice.words)
            reads[number, :rows], words[number, :some] = word_choice.reads, word_choice.words
            candidates[number, :rows, :some] = word_choice.candidates
            correct[number, :rows, :some] = word_choice.correct
            visible[number, :rows, :some] = word_choice.visible
            by_label[number, np.arange(rows), [choices.index(label) for label in word_choice.labels]] = 1
    row_counts = [pairs.reshape(len(batch), n, n, len(targets)).any(2).sum(1)]
    if ENTROPY in names:
        row_counts.append(entropy_rows.sum(1, keepdims=True))
    row_counts += [by_label.sum(1)] * 2
    every = np.concatenate(row_counts, axis=-1)
    return _Batch(names, every, pairs, entropy_rows, reads, words, candidates, correct, visible, by_label)
