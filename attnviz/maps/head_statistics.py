"""Numbers of heads: entropy, distance and other measures of every head, one head along a text, one row in all heads."""

import numpy as np

from attnviz.core.attention import Stages
from attnviz.core.measures import entropy, mean_distance
from attnviz.errors import AttnvizError
from attnviz.maps.attention_map import by_word, words_of
from attnviz.traces import Head, HeadAttention, Trace

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

    Some rows of one layer at a time: no more is held.
    """
    layers = trace.of_kind(kind)
    found = np.full((len(layers), max(layer.n_heads for layer in layers)), np.nan)
    for row, layer in zip(found, layers):
        if measure == "weight":
            values = layer.attention(rows=np.array([query])).weights[:, 0, key]
        else:
            shift = layer.v.shape[1] - layer.n_queries
            parts = [(_of_rows(measure, rows + shift, stages), ~stages.dead_rows) for rows, stages in layer.blocks()]
            values = _mean(*(np.concatenate(arrays, axis=-1) for arrays in zip(*parts)))
        row[: layer.n_heads] = values
    return found


def _of_rows(measure: str, places: np.ndarray, stages: Stages) -> np.ndarray:
    """A measure of each row, [heads, rows], whose queries stand at these places."""
    if measure == "sink":
        return stages.sink_share
    if measure == "first":
        return stages.weights[:, :, 0]
    if measure == "largest":
        return stages.weights.max(axis=-1)
    if measure == "entropy":
        return entropy(stages.weights)
    return mean_distance(stages.weights, places)


def head_overview(found: HeadAttention) -> tuple[np.ndarray, np.ndarray]:
    """One head along the whole text: how wide each query looks, and how much each key gets.

    Entropy of each row in bits [queries], and the sum of each column [keys]: 1 is what a key would get on average if
    there are as many queries. Some rows at a time.
    """
    wide, gets = [], np.zeros(len(found.keys))
    for _, stages in found.layer.blocks(found.head.head):
        wide.append(entropy(stages.weights))
        gets += stages.weights.sum(axis=0)
    return np.concatenate(wide), gets


def ranked(found: np.ndarray, kind: str) -> list[tuple[Head, float]]:
    """Heads and their measure, largest first."""
    order = np.argsort(-found, axis=None, kind="stable")
    cells = [(int(layer), int(head)) for layer, head in zip(*np.unravel_index(order, found.shape))]
    return [(Head(kind, *cell), float(found[cell])) for cell in cells if not np.isnan(found[cell])]


def _mean(of_rows: np.ndarray, live: np.ndarray) -> np.ndarray:
    """[heads, rows] to the mean over live rows [heads]."""
    return np.where(live, of_rows, 0).sum(axis=-1) / np.maximum(live.sum(axis=-1), 1)


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
