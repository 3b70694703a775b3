"""Two heads beside each other: what their maps both have, aligned by name and order, and where they differ."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from attnviz.maps.attention_map import AttentionMap, Group
from attnviz.maps.options import MapOptions, make_map
from attnviz.traces import Head, Trace

Side = tuple[Trace, Head]

OFTEN = 32  # times in a text; with this two texts of 4,096 words are matched in 0.02 s


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two heads with the `options` of each, their maps, and the `change` from the first to the second, which is empty
    where they share no word. `names` say what was ablated; there `ablation` is "zero" or "mean"."""

    sides: tuple[Side, Side]
    options: tuple[MapOptions, MapOptions]
    ablation: str
    names: tuple[str, str]
    maps: tuple[AttentionMap, AttentionMap]
    change: AttentionMap

    @property
    def largest(self) -> float:
        """The largest difference of one weight; where there is none, just above 0."""
        return max(float(np.abs(self.change.weights).max(initial=0)), 1e-9)

    @property
    def total_variation(self) -> float:
        """The total variation distance of a row on what both maps show, from 0 to 1, a mean over rows."""
        return float(np.abs(self.change.weights).sum(axis=1).mean() / 2)

    def notes(self) -> tuple[list[str], list[str], list[str]]:
        """What was done to the first map alone, to the second alone, and to both."""
        a, b = (one.notes for one in self.maps)
        return [note for note in a if note not in b], [note for note in b if note not in a], [n for n in a if n in b]


def compare(sides: tuple[Side, Side], options: tuple[MapOptions, MapOptions], ablation: str) -> Comparison:
    """Two heads, of two traces or of one, each with its own options."""
    names = [ablation_title(head, trace.replaced, ablation) for trace, head in sides]
    maps = [make_map(*side, own) for side, own in zip(sides, options)]
    a, b = (
        replace(one, notes=(*one.notes, f"{name}.")) if trace.replaced else one
        for one, name, (trace, _) in zip(maps, names, sides)
    )
    return Comparison(sides, options, ablation, (names[0], names[1]), (a, b), difference(a, b))


def difference(a: AttentionMap, b: AttentionMap) -> AttentionMap:
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
    note = f"Only one side shows: {', '.join(missing[:8])}{' …' if len(missing) > 8 else '.'}" if missing else ""
    return replace(kept, notes=(note,) if note else ())


def ablation_title(head: Head, ablated: Collection[Head], ablation: str) -> str:
    """What a head is called where others were ablated: L5.H1 after L0.H1 was zeroed. `ablation` is "zero" or "mean"."""
    if not ablated:
        return str(head)
    told = " and ".join(map(str, ablated)) if len(ablated) < 3 else f"{len(ablated)} heads"
    done = "zeroed" if ablation == "zero" else "set to its mean" if len(ablated) == 1 else "set to their means"
    return f"{head} after {told} {'was' if len(ablated) == 1 else 'were'} {done}"


def align_window(start: int, ours: Sequence[Group], theirs: Sequence[Group]) -> int:
    """Where a window over their tokens begins that is to show what one from `start` on shows of ours.

    It begins as far from the nearest matching word as `start` does, and without one at the same place. To try all pairs
    of words of two long texts can take minutes, so that frequent ones match only beside others.
    """
    pairs = _matched(ours, theirs, OFTEN)
    tokens = [(ours[i][1][0], theirs[j][1][0]) for i, j in pairs]
    here, there = min(tokens, key=lambda pair: abs(pair[0] - start), default=(0, 0))
    return max(0, start + there - here)


def _matched(a: Sequence[Group], b: Sequence[Group], most: float = math.inf) -> list[tuple[int, int]]:
    """Positions in a and b that have the same name, as few left out as the order allows.

    A name that b has more than `most` times matches only beside another.
    """
    of_a, of_b = ([name for name, _ in side] for side in (a, b))
    if of_a == of_b:
        return [(i, i) for i in range(len(a))]
    counts = Counter(of_b)
    blocks = SequenceMatcher(lambda name: counts[name] > most, of_a, of_b, autojunk=False)
    return [(i + step, j + step) for i, j, size in blocks.get_matching_blocks() for step in range(size)]
