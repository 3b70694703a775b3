"""Reading aids: what is done to weights so that people can read them, each saying what it does.

trace, head(s) → weights → words, hidden tokens, chosen tokens → what a view draws: a Reading
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from attnviz.core.measures import entropy, flow, mean_distance, rollout, value_weighted
from attnviz.errors import AttnvizError
from attnviz.traces import Head, Trace

Group = tuple[str, list[int]]  # a word as the text spells it, or a token, and its tokens by position
THUMBNAIL_CELLS = 32  # at most so many cells a side, whatever the text's length
GRID_CELLS = 300_000  # and in all thumbnails together about so many, a byte each, so that many heads stay light
FLOW_TOKENS = 32  # attention flow is found for texts up to this length


@dataclass(frozen=True, eq=False)
class Reading:
    """Weights [rows, columns] as a view draws them, what each row and column stands for, and what was done.

    Of several heads at once they are [heads, rows, columns]. Where they are the largest of several `heads`, `strongest`
    says by its place among them whose each is.
    """

    weights: np.ndarray
    rows: tuple[Group, ...]
    columns: tuple[Group, ...]
    notes: tuple[str, ...] = ()
    strongest: np.ndarray | None = None
    heads: tuple[str, ...] = ()

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.rows)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    def cell_of(self, query: int, key: int) -> tuple[int, int] | None:
        """The row and column that hold a token cell; None where it is hidden."""
        row = next((i for i, (_, tokens) in enumerate(self.rows) if query in tokens), None)
        column = next((j for j, (_, tokens) in enumerate(self.columns) if key in tokens), None)
        return None if row is None or column is None else (row, column)

    def tokens_at(self, row: int, column: int, weights: np.ndarray) -> tuple[int, int]:
        """The token cell (query, key) behind a drawn cell: of a word's, the one with most of `weights` by token."""
        queries, keys = self.rows[row][1], self.columns[column][1]
        return max(((i, j) for i in queries for j in keys), key=lambda cell: weights[cell])


# ---- which weights


def one_head(trace: Trace, kind: str, layer: int, head: int) -> Reading:
    """One head by token."""
    return _by_token(trace, kind, trace.weights(layer, head, kind))


def every_head(trace: Trace, kind: str, layer: int, heads: Sequence[int] | None = None) -> Reading:
    """All heads of a layer by token, or some, [heads, rows, columns]."""
    weights = trace.layer(layer, kind).attention().weights
    return _by_token(trace, kind, weights if heads is None else weights[list(heads)])


def combined(every: Reading, heads: Sequence[int], how: str) -> Reading:
    """Several heads [heads, rows, columns] as one map, cell by cell: `how` is "mean" or "max"."""
    names = tuple(f"H{head}" for head in heads)
    if how == "mean":
        note = f"The mean of {', '.join(names)}."
        return replace(every, weights=every.weights.mean(axis=0), notes=(note, *every.notes))
    note = f"The largest of {', '.join(names)} in each cell: rows need not sum to 1."
    strongest = every.weights.argmax(axis=0)
    return replace(
        every, weights=every.weights.max(axis=0), notes=(note, *every.notes), strongest=strongest, heads=names
    )


def scores_of_head(trace: Trace, kind: str, layer: int, head: int) -> Reading:
    """What softmax was given: scaled scores with bias and mask, NaN where the mask forbids."""
    masked = trace.attention(layer, head, kind).masked
    note = "Scores as softmax gets them, scaled and masked: only their differences within a row matter."
    return _by_token(trace, kind, np.where(np.isneginf(masked), np.nan, masked), note)


def by_dimension(trace: Trace, kind: str, layer: int, head: int, query: int) -> Reading:
    """One query's product with every key, dimension by dimension [keys, d_k]: a row's sum is that key's score q·k.

    Raises AttnvizError where queries and keys are not known.
    """
    q, k, _ = trace.layer(layer, kind).vectors(head)
    if q is None or k is None:
        raise AttnvizError("Queries and keys of this layer could not be followed: there is nothing to take apart.")
    keys = tuple((token, [j]) for j, token in enumerate(trace.sides(kind)[1]))
    dimensions = tuple((f"dim {d}", [d]) for d in range(k.shape[-1]))
    note = "Each row is a key; its numbers add up to its score q·k, before scale and mask."
    return Reading(q[query] * k, keys, dimensions, (note,))


def value_weighted_head(trace: Trace, kind: str, layer: int, head: int) -> Reading:
    """How long what each key hands over is, ‖w · v W_O‖. Raises AttnvizError where W_O is not known."""
    found = trace.layer(layer, kind)
    if found.output_projection is None:
        raise AttnvizError("The output projection of this layer could not be followed: there is no W_O to weigh with.")
    _, _, v = found.vectors(head)
    lengths = value_weighted(trace.weights(layer, head, kind), v, found.output_projection[head])
    note = "Length of weight · value · W_O: how much arrives in the residual stream, not what. Rows do not sum to 1."
    return _by_token(trace, kind, lengths, note)


def rolled_out(trace: Trace, kind: str, layer: int) -> Reading:
    """Attention rollout from a layer down to the input."""
    maps = _layers_up_to(trace, kind, layer)
    note = "Rollout: heads averaged, half of each token kept, layers multiplied. It knows nothing of values."
    return _by_token(trace, kind, rollout(maps), note)


def flowing(trace: Trace, kind: str, layer: int) -> Reading:
    """Attention flow from a layer down to the input. Raises AttnvizError beyond FLOW_TOKENS tokens."""
    maps = _layers_up_to(trace, kind, layer)
    n = maps[0].shape[-1]
    if n > FLOW_TOKENS:
        raise AttnvizError(f"Attention flow is found for up to {FLOW_TOKENS} tokens, and here are {n}: take less text.")
    note = "Flow: the most that can run from token to token when weights are pipes. Rows do not sum to 1."
    return _by_token(trace, kind, np.stack([flow(maps, query) for query in range(n)]), note)


def _by_token(trace: Trace, kind: str, weights: np.ndarray, *notes: str) -> Reading:
    rows, columns = (tuple((token, [i]) for i, token in enumerate(side)) for side in trace.sides(kind))
    return Reading(weights, rows, columns, notes)


def _layers_up_to(trace: Trace, kind: str, layer: int) -> list[np.ndarray]:
    if kind == "cross":
        raise AttnvizError("Layers can be followed through each other in self-attention only: pick another kind.")
    return [one.attention().weights for one in trace.of_kind(kind)[: layer + 1]]


# ---- what is done to them


def in_words(reading: Reading, trace: Trace, kind: str) -> Reading:
    """Subwords merged: summed over the word that is attended to, averaged over the word that attends."""
    rows = words_of(trace) if kind == "encoder" or trace.decoder_tokens is None else list(reading.rows)
    columns = words_of(trace) if kind != "decoder" or trace.decoder_tokens is None else list(reading.columns)
    note = "Subwords merged into words: to a word is a sum, from a word is a mean."
    return Reading(by_word(reading.weights, rows, columns), tuple(rows), tuple(columns), (*reading.notes, note))


def without(reading: Reading, hidden: Sequence[int], *, renormalise: bool, what: str) -> Reading:
    """Columns of the hidden keys taken away; the note says how much weight went with them."""
    kept = [j for j, (_, tokens) in enumerate(reading.columns) if not set(tokens) <= set(hidden)]
    if not kept or len(kept) == len(reading.columns):
        return reading
    weights = reading.weights[..., kept]
    taken = reading.weights.sum(axis=-1) - weights.sum(axis=-1)
    note = (
        f"Hidden: {what}, which get {taken.mean():.0%} of the weight on average (at most {taken.max():.0%} of a row)."
    )
    if renormalise:
        total = weights.sum(axis=-1, keepdims=True)
        weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        note += " What is left is scaled up to 1."
    columns = tuple(reading.columns[j] for j in kept)
    return replace(reading, weights=weights, columns=columns, notes=(*reading.notes, note))


def only(reading: Reading, queries: Sequence[int] | None, keys: Sequence[int] | None, what: str) -> Reading:
    """Rows from these tokens and columns to these tokens; None stands for all. Nothing is scaled."""
    rows = [i for i, (_, tokens) in enumerate(reading.rows) if queries is None or set(tokens) & set(queries)]
    columns = [j for j, (_, tokens) in enumerate(reading.columns) if keys is None or set(tokens) & set(keys)]
    if not rows or not columns:
        return reading
    return Reading(
        reading.weights[..., rows, :][..., columns],
        tuple(reading.rows[i] for i in rows),
        tuple(reading.columns[j] for j in columns),
        (*reading.notes, f"Only {what}; rows keep the weights they have."),
    )


def glued(trace: Trace, kind: str, groups: Sequence[Group], *, of_keys: bool) -> list[bool]:
    """Whether each row or column follows the one before without a space, as a subword does in its word."""
    if trace.decoder_tokens is not None and not (kind == "encoder" or (kind == "cross" and of_keys)):
        return [False] * len(groups)

    def attached(position: int) -> bool:
        if (
            position == 0
            or trace.segments[position] is None
            or trace.segments[position - 1] != trace.segments[position]
        ):
            return False
        text = trace.text_pair if trace.segments[position] == 1 and trace.text_pair is not None else trace.text
        start = trace.offsets[position][0]
        return start == trace.offsets[position - 1][1] and not text[start : start + 1].isspace()

    return [attached(tokens[0]) for _, tokens in groups]


def strongest(reading: Reading, count: int = 100) -> list[tuple[str, str, float, int, int]]:
    """The strongest cells: query, key, weight, row, column; largest first."""
    order = np.argsort(-reading.weights, axis=None, kind="stable")[:count]
    cells = zip(*np.unravel_index(order, reading.weights.shape))
    return [(reading.queries[i], reading.keys[j], float(reading.weights[i, j]), int(i), int(j)) for i, j in cells]


def by_word(weights: np.ndarray, queries: Sequence[Group], keys: Sequence[Group]) -> np.ndarray:
    """weights [..., queries, keys] by token to [..., words, words]: summed over the word that is attended to, averaged
    over the word that attends, so that a row that summed to one still does.

    Source: Clark et al. (2019), "What Does BERT Look At?", section 4.1.
    """
    summed = np.stack([weights[..., positions].sum(axis=-1) for _, positions in keys], axis=-1)
    return np.stack([summed[..., positions, :].mean(axis=-2) for _, positions in queries], axis=-2)


def words_of(trace: Trace) -> list[Group]:
    """The words of a trace's text (and of its second text), each with its tokens; special tokens stand alone."""

    def word(position: int) -> tuple[int, int | None]:
        number = trace.words[position]
        return (-1 - position, None) if number is None else (number, trace.segments[position])

    groups = [list(positions) for _, positions in groupby(range(len(trace.tokens)), key=word)]
    return [(_spelt(trace, positions), positions) for positions in groups]


# ---- every head at a glance


def thumbnail_cells(n_heads: int) -> int:
    """How many cells a side the thumbnails of so many heads may have."""
    return max(4, min(THUMBNAIL_CELLS, math.isqrt(GRID_CELLS // n_heads)))


def pool(weights: np.ndarray, cells: int) -> np.ndarray:
    """[heads, queries, keys] → [heads, ≤ cells, ≤ cells], its shape kept: the largest weight in each cell."""
    starts_q, starts_k = _starts(weights.shape[1:], cells)
    return np.maximum.reduceat(np.maximum.reduceat(weights, starts_q, axis=1), starts_k, axis=2)


def pooled(every: Reading, cells: int) -> Reading:
    """A reading of several heads as `pool` leaves it; a row or column of several words is named by the first."""
    rows, columns = (
        tuple(_joined(groups[start:end]) for start, end in pairwise([*starts, len(groups)]))
        for groups, starts in zip((every.rows, every.columns), _starts(every.weights.shape[1:], cells))
    )
    return replace(every, weights=pool(every.weights, cells), rows=rows, columns=columns)


def _starts(shape: tuple[int, ...], cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each pooled row begins, and each pooled column."""
    side = min(max(shape), cells)
    return np.unique(np.arange(side) * shape[0] // side), np.unique(np.arange(side) * shape[1] // side)


def _joined(groups: Sequence[Group]) -> Group:
    return groups[0][0] + ("…" if len(groups) > 1 else ""), [token for _, tokens in groups for token in tokens]


MEASURES = {
    "weight": "weight from query to key",
    "entropy": "entropy of a row, bits",
    "distance": "distance looked, tokens",
    "largest": "largest weight of a row",
    "first": "weight on the first token",
    "sink": "share of the sink",
}


def measure_heads(trace: Trace, kind: str, measure: str, query: int, key: int) -> np.ndarray:
    """One of MEASURES for every head [layers, heads], NaN where a layer has fewer; rows that see no key are left out.

    Layer by layer: no more than one layer's weights are held.
    """
    layers = trace.of_kind(kind)
    found = np.full((len(layers), max(layer.n_heads for layer in layers)), np.nan)
    for row, layer in zip(found, layers):
        stages = layer.attention()
        live = ~np.asarray(stages.dead_rows)
        if measure == "weight":
            values = stages.weights[:, query, key]
        elif measure == "largest":
            values = _mean(stages.weights.max(axis=-1), live)
        elif measure == "first":
            values = _mean(stages.weights[:, :, 0], live)
        elif measure == "sink":
            values = _mean(stages.sink_share, live)
        else:
            of_rows = {"entropy": entropy, "distance": mean_distance}[measure]
            values = _mean(of_rows(stages.weights), live)
        row[: layer.n_heads] = values
    return found


def ranked(found: np.ndarray, kind: str) -> list[tuple[Head, float]]:
    """Heads and their measure, largest first."""
    order = np.argsort(-found, axis=None, kind="stable")
    cells = [(int(layer), int(head)) for layer, head in zip(*np.unravel_index(order, found.shape))]
    return [(Head(kind, *cell), float(found[cell])) for cell in cells if not np.isnan(found[cell])]


def _mean(of_rows: np.ndarray, live: np.ndarray) -> np.ndarray:
    """[heads, rows] to the mean over live rows [heads]."""
    return np.where(live, of_rows, 0).sum(axis=-1) / np.maximum(live.sum(axis=-1), 1)


# ---- one word's row


def row_in_every_head(
    trace: Trace, row: np.ndarray, query: int
) -> tuple[list[str], np.ndarray, list[Head], np.ndarray]:
    """The row of one word in every head of a trace's first kind, beside a row [words] to compare it with.

    Returns the words with the special tokens among them, the given row with 0 for those, the heads, and their rows
    [heads, words]. Raises AttnvizError where the model reads other words than the row has.
    """
    groups = words_of(trace)
    plain = [place for place, (_, positions) in enumerate(groups) if trace.words[positions[0]] is not None]
    if len(plain) != len(row):
        raise AttnvizError(
            f"{trace.model} reads this as {len(plain)} words where there are {len(row)}: pick another model."
        )
    target = np.zeros(len(groups))
    target[plain] = row
    kind = trace.kinds[0]
    merged = [by_word(layer.attention().weights, groups, groups)[:, plain[query]] for layer in trace.of_kind(kind)]
    heads = [head for head in trace.heads() if head.kind == kind]
    return [word for word, _ in groups], target, heads, np.concatenate(merged)


def _spelt(trace: Trace, positions: list[int]) -> str:
    first, last = positions[0], positions[-1]
    if trace.words[first] is None:
        return trace.tokens[first]
    text = trace.text_pair if trace.segments[first] == 1 and trace.text_pair is not None else trace.text
    return text[trace.offsets[first][0] : trace.offsets[last][1]].strip()
