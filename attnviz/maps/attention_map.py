"""Attention maps: what is done to weights so that people can read them, each saying what it does.

trace, head(s) → weights → words, hidden tokens, chosen tokens → what a view draws: an AttentionMap
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from attnviz.core.measures import flow, rollout, value_weighted
from attnviz.errors import AttnvizError
from attnviz.traces import Head, LayerAttention, Trace

Group = tuple[str, list[int]]  # a word as the text spells it, or a token, and its tokens by position
FLOW_TOKENS = 32  # attention flow is found for texts up to this length
ROLLOUT_TOKENS = 2048  # and rollout up to this: its products take n³ operations a layer


@dataclass(frozen=True, eq=False)
class AttentionMap:
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
        """The token cell (query, key) behind a drawn cell: of a word's, the one with most weight.

        weights [tokens of the row, keys] by token.
        """
        queries, keys = self.rows[row][1], self.columns[column][1]
        place, key = max(((i, j) for i in range(len(queries)) for j in keys), key=lambda cell: weights[cell])
        return queries[place], key


# ---- which weights


def head_map(trace: Trace, head: Head, rows: Sequence[int] | None = None) -> AttentionMap:
    """One head by token, or only the rows of some tokens."""
    return _by_token(trace, head.kind, trace[head].stages(rows).weights, rows=rows)


def layer_maps(trace: Trace, layer: LayerAttention, rows: Sequence[int] | None = None) -> AttentionMap:
    """All heads of a layer by token [heads, rows, columns], or only the rows of some tokens."""
    weights = layer.attention(rows=None if rows is None else np.asarray(rows)).weights
    return _by_token(trace, layer.kind, weights, rows=rows)


def head_maps(trace: Trace, heads: Sequence[Head], rows: Sequence[int] | None = None) -> AttentionMap:
    """Some heads of one kind by token [heads, rows, columns], or only the rows of some tokens."""
    # one after the other: each has stages many times as large as its weights
    return _by_token(trace, heads[0].kind, np.stack([trace[head].stages(rows).weights for head in heads]), rows=rows)


def combine_heads(every: AttentionMap, heads: Sequence[Head], how: str) -> AttentionMap:
    """Several heads of a layer [heads, rows, columns] as one map, cell by cell: `how` is "mean" or "max"."""
    names = tuple(f"H{head.head}" for head in heads)
    if how == "mean":
        note = f"The mean of {', '.join(names)}."
        return replace(every, weights=every.weights.mean(axis=0), notes=(note, *every.notes))
    note = f"The largest of {', '.join(names)} in each cell: rows need not sum to 1."
    strongest = every.weights.argmax(axis=0)
    return replace(
        every, weights=every.weights.max(axis=0), notes=(note, *every.notes), strongest=strongest, heads=names
    )


def score_map(trace: Trace, head: Head, rows: Sequence[int] | None = None) -> AttentionMap:
    """What softmax was given: scaled scores with bias and mask, NaN where the mask forbids."""
    masked = trace[head].stages(rows).masked
    note = "Scores as softmax gets them, scaled and masked: only their differences within a row matter."
    return _by_token(trace, head.kind, np.where(np.isneginf(masked), np.nan, masked), note, rows=rows)


def dimension_map(trace: Trace, head: Head, query: int) -> AttentionMap:
    """One query's product with every key, dimension by dimension [keys, d_k]: a row's sum is that key's score q·k.

    Raises AttnvizError where queries and keys are not known.
    """
    found = trace[head]
    q, k = found.q, found.k
    if q is None or k is None:
        raise AttnvizError("Queries and keys of this layer could not be followed: there is nothing to take apart.")
    keys = tuple((token, [j]) for j, token in enumerate(found.keys))
    dimensions = tuple((f"dim {d}", [d]) for d in range(k.shape[-1]))
    note = "Each row is a key; its numbers add up to its score q·k, before scale and mask."
    return AttentionMap(q[query] * k, keys, dimensions, (note,))


def value_weighted_map(trace: Trace, head: Head, rows: Sequence[int] | None = None) -> AttentionMap:
    """How long what each key hands over is, ‖w · v W_O‖. Raises AttnvizError where W_O is not known."""
    found = trace[head]
    if found.layer.output_projection is None:
        raise AttnvizError("The output projection of this layer could not be followed: there is no W_O to weigh with.")
    lengths = value_weighted(found.stages(rows).weights, found.v, found.layer.output_projection[head.head])
    note = "Length of weight · value · W_O: how much arrives in the residual stream, not what. Rows do not sum to 1."
    return _by_token(trace, head.kind, lengths, note, rows=rows)


def rollout_map(trace: Trace, kind: str, layer: int) -> AttentionMap:
    """Attention rollout from a layer down to the input. Raises AttnvizError beyond ROLLOUT_TOKENS tokens."""
    maps = _layers_up_to(trace, kind, layer, "Rollout", ROLLOUT_TOKENS)
    note = "Rollout: heads averaged, half of each token kept, layers multiplied. It knows nothing of values."
    return _by_token(trace, kind, rollout(maps), note)


def flow_map(trace: Trace, kind: str, layer: int) -> AttentionMap:
    """Attention flow from a layer down to the input. Raises AttnvizError beyond FLOW_TOKENS tokens."""
    maps = list(_layers_up_to(trace, kind, layer, "Attention flow", FLOW_TOKENS))
    n = maps[0].shape[-1]
    note = "Flow: the most that can run from token to token when weights are pipes. Rows do not sum to 1."
    return _by_token(trace, kind, np.stack([flow(maps, query) for query in range(n)]), note)


def _by_token(
    trace: Trace, kind: str, weights: np.ndarray, *notes: str, rows: Sequence[int] | None = None
) -> AttentionMap:
    queries, keys = (tuple((token, [i]) for i, token in enumerate(side)) for side in trace.sides(kind))
    return AttentionMap(weights, queries if rows is None else tuple(queries[i] for i in rows), keys, notes)


def _layers_up_to(trace: Trace, kind: str, layer: int, what: str, longest: int) -> Iterator[np.ndarray]:
    """Each layer's heads averaged, [1, n, n], one layer at a time."""
    if kind == "cross":
        raise AttnvizError("Layers can be followed through each other in self-attention only: pick another kind.")
    n = len(trace.sides(kind)[0])
    if n > longest:
        raise AttnvizError(f"{what} is found for up to {longest:,} tokens, and here are {n:,}: take less text.")
    for one in trace.of_kind(kind)[: layer + 1]:
        yield np.concatenate([stages.weights.mean(axis=0) for _, stages in one.blocks()])[None]


# ---- what is done to them


def merge_subwords(attention_map: AttentionMap, trace: Trace, kind: str) -> AttentionMap:
    """Subwords merged: summed over the word that is attended to, averaged over the word that attends."""
    of_rows, of_columns = sides_in_words(trace, kind)
    present = {token for _, tokens in attention_map.rows for token in tokens}
    rows = [group for group in of_rows if present.issuperset(group[1])]
    columns = list(of_columns)
    note = "Subwords merged into words: to a word is a sum, from a word is a mean."
    weights = by_word(attention_map.weights, _places(rows, attention_map.rows), _places(columns, attention_map.columns))
    return AttentionMap(weights, tuple(rows), tuple(columns), (*attention_map.notes, note))


def sides_in_words(trace: Trace, kind: str) -> tuple[list[Group], list[Group]]:
    """What attends and what is attended to, by word; a decoder beside an encoder stays in tokens."""
    queries, keys = ([(token, [i]) for i, token in enumerate(side)] for side in trace.sides(kind))
    two_sided = trace.decoder_tokens is not None
    return (
        queries if two_sided and kind != "encoder" else words_of(trace),
        keys if two_sided and kind == "decoder" else words_of(trace),
    )


def _places(words: Sequence[Group], tokens: Sequence[Group]) -> list[Group]:
    """Each word with where among the given tokens its own stand."""
    place = {number: place for place, (_, (number, *_)) in enumerate(tokens)}
    return [(word, [place[number] for number in numbers]) for word, numbers in words]


def hide_columns(attention_map: AttentionMap, hidden: Sequence[int], *, renormalise: bool, what: str) -> AttentionMap:
    """Columns of the hidden keys left out; the note says how much weight went with them."""
    kept = [j for j, (_, tokens) in enumerate(attention_map.columns) if not set(tokens) <= set(hidden)]
    if not kept or len(kept) == len(attention_map.columns):
        return attention_map
    weights = attention_map.weights[..., kept]
    taken = attention_map.weights.sum(axis=-1) - weights.sum(axis=-1)
    note = (
        f"Hidden: {what}, which get {taken.mean():.0%} of the weight on average (at most {taken.max():.0%} of a row)."
    )
    if renormalise:
        total = weights.sum(axis=-1, keepdims=True)
        weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        note += " What is left is scaled up to 1."
    columns = tuple(attention_map.columns[j] for j in kept)
    return replace(attention_map, weights=weights, columns=columns, notes=(*attention_map.notes, note))


def keep_tokens(
    attention_map: AttentionMap, queries: Sequence[int] | None, keys: Sequence[int] | None, what: str
) -> AttentionMap:
    """Rows from these tokens and columns to these tokens; None, and tokens that are not there, stand for all.

    Nothing is scaled.
    """
    rows, columns = touching(attention_map.rows, queries), touching(attention_map.columns, keys)
    return _part(attention_map, rows, columns, f"Only {what}; rows keep the weights they have.")


def crop_to_window(
    attention_map: AttentionMap,
    rows_in: range,
    columns_in: range,
    n: tuple[int, int],
    *,
    names: tuple[str, str] = ("queries", "keys"),
    share: bool = True,
) -> AttentionMap:
    """Rows and columns of a window; nothing is scaled, and a note says what it leaves out.

    `n` counts what the whole has on both sides. With `share` the note says how much of the rows' weight lies outside.
    """
    if (len(rows_in), len(columns_in)) == n:
        return attention_map
    rows, columns = in_window(attention_map.rows, rows_in), in_window(attention_map.columns, columns_in)
    sides = zip(names, (attention_map.rows, attention_map.columns), (rows, columns), (rows_in, columns_in), n)
    spans = [
        f"{name} {groups[places[0]][1][0]:,} to {groups[places[-1]][1][-1]:,} of {whole:,}"
        for name, groups, places, window, whole in sides
        if len(window) < whole
    ]
    note = f"Window: {' and '.join(spans)}."
    if share:
        shown = attention_map.weights[..., rows, :]
        total, inside = shown.sum(axis=-1), shown[..., columns].sum(axis=-1)
        outside = np.clip(1 - np.divide(inside, total, out=np.ones_like(total), where=total > 0), 0, 1)
        note += (
            f" {outside.mean():.0%} of these rows' weight lies outside it (at most {outside.max():.0%} of a row); "
            "rows keep the weights they have."
        )
    return _part(attention_map, rows, columns, note)


def touching(groups: Sequence[Group], tokens: Sequence[int] | None) -> list[int]:
    """The places of the groups that hold any of these tokens; of all where none does, or for None."""
    wanted = set(() if tokens is None else tokens)
    return [place for place, (_, own) in enumerate(groups) if not wanted.isdisjoint(own)] or list(range(len(groups)))


def in_window(groups: Sequence[Group], window: range) -> list[int]:
    """The places of the groups in a window; where it holds none, the first ones, as many as it is long."""
    return touching(groups, window)[: len(window)]


def _part(attention_map: AttentionMap, rows: Sequence[int], columns: Sequence[int], note: str) -> AttentionMap:
    return replace(
        attention_map,
        weights=attention_map.weights[..., rows, :][..., columns],
        rows=tuple(attention_map.rows[i] for i in rows),
        columns=tuple(attention_map.columns[j] for j in columns),
        notes=(*attention_map.notes, note),
    )


def continues_word(trace: Trace, kind: str, groups: Sequence[Group], *, of_keys: bool) -> list[bool]:
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


def strongest_cells(attention_map: AttentionMap, count: int = 100) -> list[tuple[str, str, float, int, int]]:
    """The strongest cells: query, key, weight, row, column; largest first."""
    order = np.argsort(-attention_map.weights, axis=None, kind="stable")[:count]
    cells = zip(*np.unravel_index(order, attention_map.weights.shape))
    return [
        (attention_map.queries[i], attention_map.keys[j], float(attention_map.weights[i, j]), int(i), int(j))
        for i, j in cells
    ]


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


def _spelt(trace: Trace, positions: list[int]) -> str:
    first, last = positions[0], positions[-1]
    if trace.words[first] is None:
        return trace.tokens[first]
    text = trace.text_pair if trace.segments[first] == 1 and trace.text_pair is not None else trace.text
    return text[trace.offsets[first][0] : trace.offsets[last][1]].strip()
