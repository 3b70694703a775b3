"""Two readings beside each other: what both have, aligned by name and order, and where they differ."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import numpy as np

from attnviz.reading import Group, Reading


def difference(a: Reading, b: Reading) -> Reading:
    """The weights of b minus those of a, on the rows and columns that both have; empty where they share none.

    Rows and columns are matched by name, in order, so that repeated words stay apart. The note says what was left out.
    """
    rows, columns = _matched(a.rows, b.rows), _matched(a.columns, b.columns)
    change = (
        b.weights[np.ix_([j for _, j in rows], [j for _, j in columns])]
        - a.weights[np.ix_([i for i, _ in rows], [i for i, _ in columns])]
    )
    kept = replace(
        a, weights=change, rows=tuple(a.rows[i] for i, _ in rows), columns=tuple(a.columns[i] for i, _ in columns)
    )
    missing = [name for name, _ in a.columns if name not in kept.keys]
    missing += [name for name, _ in b.columns if name not in kept.keys]
    note = f"Only one side has: {', '.join(missing[:8])}{' …' if len(missing) > 8 else ''}." if missing else ""
    return replace(kept, notes=(note,) if note else ())


def _matched(a: Sequence[Group], b: Sequence[Group]) -> list[tuple[int, int]]:
    """Positions in a and b that have the same name, as few left out as the order allows."""
    blocks = SequenceMatcher(None, [name for name, _ in a], [name for name, _ in b], autojunk=False)
    return [(i + step, j + step) for i, j, size in blocks.get_matching_blocks() for step in range(size)]
