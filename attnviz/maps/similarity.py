"""How far the heads of a model are from one of them, by their patterns over some texts."""

from collections.abc import Callable, Sequence

import numpy as np

from attnviz.core.attention import Stages
from attnviz.core.measures import jensen_shannon
from attnviz.traces import Head, Trace


def head_divergence(
    traces: Sequence[Trace], head: Head, progress: Callable[[int, int], object] | None = None
) -> np.ndarray:
    """Each head's Jensen–Shannon divergence from `head` in bits [layers, heads], the mean over all rows of all texts.

    NaN where a layer has fewer heads, or no row with a key. A sink counts as one more key. Weights are computed layer
    by layer in blocks of rows and let go; `progress(layers done, layers in all)` is called after each. Patterns are
    all that is compared: two heads may look at the same tokens and hand over different things, and those that rest on
    the same token are near each other whatever else they do.

    Source: Clark et al. (2019), "What Does BERT Look At?", section 6, which adds rows up instead of averaging.
    """
    shape = len(traces[0].of_kind(head.kind)), max(layer.n_heads for layer in traces[0].of_kind(head.kind))
    total, n_rows = np.zeros(shape), np.zeros(shape)
    for number, trace in enumerate(traces):
        layers = trace.of_kind(head.kind)
        for layer in layers:
            for rows, stages in layer.blocks():
                of_rows, both = row_divergence(stages, layers[head.layer].attention(head.head, rows))
                total[layer.index, : layer.n_heads] += of_rows.sum(axis=-1)
                n_rows[layer.index, : layer.n_heads] += both.sum(axis=-1)
            if progress is not None:
                progress(number * shape[0] + layer.index + 1, len(traces) * shape[0])
    return np.divide(total, n_rows, out=np.full(shape, np.nan), where=n_rows > 0)


def row_divergence(heads: Stages, head: Stages) -> tuple[np.ndarray, np.ndarray]:
    """The divergence in bits of each row of some heads from the same row of one [heads, rows], 0 where either looks
    nowhere; and which rows both look in."""
    shares, live = _shares(heads)
    of_head, live_in_it = _shares(head)
    both = live & live_in_it
    return np.where(both, jensen_shannon(shares, of_head), 0.0), both


def _shares(stages: Stages) -> tuple[np.ndarray, np.ndarray]:
    """Rows that sum to one [..., rows, keys + 1], the sink's share last; and which of them look anywhere."""
    return np.concatenate([stages.weights, stages.sink_share[..., None]], axis=-1), ~np.asarray(stages.dead_rows)
