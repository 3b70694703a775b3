"""Small maps: the largest weight of each group of neighbouring cells, whatever the text's length."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from attnviz.maps.attention_map import AttentionMap, Group

THUMBNAIL_CELLS = 32  # at most so many cells a side, whatever the text's length
GRID_CELLS = 300_000  # and in all thumbnails together about so many, a byte each, so that many heads stay light


def thumbnail_cells(n_heads: int) -> int:
    """How many cells a side the thumbnails of so many heads may have."""
    return max(4, min(THUMBNAIL_CELLS, math.isqrt(GRID_CELLS // n_heads)))


def pool(blocks: Iterable[np.ndarray], n_queries: int, cells: int) -> np.ndarray:
    """Weights → [heads, ≤ cells, ≤ cells], their shape kept: the largest weight in each cell.

    `blocks` [heads, some queries, keys] are the rows in order, `n_queries` in all.
    """
    parts: list[np.ndarray] = []
    places: list[int] = []  # of each part's rows among the pooled ones
    done = 0
    for block in blocks:
        starts_q, starts_k = _starts((n_queries, block.shape[2]), cells)
        of_rows = np.searchsorted(starts_q, np.arange(done, done + block.shape[1]), side="right")
        found, first = np.unique(of_rows, return_index=True)
        parts.append(np.maximum.reduceat(np.maximum.reduceat(block, starts_k, axis=2), first, axis=1))
        places.extend(found)
        done += block.shape[1]
    return np.maximum.reduceat(np.concatenate(parts, axis=1), np.unique(places, return_index=True)[1], axis=1)


def pooled(blocks: Iterable[AttentionMap], n_rows: int, cells: int) -> AttentionMap:
    """A map of several heads as `pool` leaves it; a row or column of several words is named by the first.

    Its rows come in blocks, `n_rows` in all.
    """
    seen: list[AttentionMap] = []

    def weights() -> Iterator[np.ndarray]:
        for block in blocks:
            seen.append(replace(block, weights=np.empty(0)))
            yield block.weights

    small = pool(weights(), n_rows, cells)
    sides = [group for block in seen for group in block.rows], seen[0].columns
    rows, columns = (
        tuple(_joined(groups[start:end]) for start, end in pairwise([*starts, len(groups)]))
        for groups, starts in zip(sides, _starts((n_rows, len(sides[1])), cells))
    )
    return AttentionMap(small, rows, columns)


def _starts(shape: tuple[int, ...], cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each pooled row begins, and each pooled column."""
    side = min(max(shape), cells)
    return np.unique(np.arange(side) * shape[0] // side), np.unique(np.arange(side) * shape[1] // side)


def _joined(groups: Sequence[Group]) -> Group:
    return groups[0][0] + ("…" if len(groups) > 1 else ""), [token for _, tokens in groups for token in tokens]
