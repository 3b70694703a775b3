"""The reading aids that somebody chose, as data, and the reading that they make of a trace."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from attnviz import reading
from attnviz.reading import Reading
from attnviz.traces import Trace

SIDES = {"all": "everything", "a-b": "first → second text", "b-a": "second → first", "a-a": "within the first",
         "b-b": "within the second"}  # fmt: skip


@dataclass(frozen=True)
class Aids:
    """What is done to weights before they are drawn.

    `only_from` and `only_to` are places such as 0-3-5, empty for all. `parts` says between which of two texts: one of
    SIDES.
    """

    merge_words: bool = False
    hide_special: bool = False
    hide_first: bool = False
    renormalise: bool = False
    parts: str = "all"
    only_from: str = ""
    only_to: str = ""

    @classmethod
    def of(cls, view: Any) -> "Aids":
        """The aids among the choices of a view."""
        return cls(**{field.name: getattr(view, field.name) for field in fields(cls)})

    def chosen(self) -> dict[str, Any]:
        """Those that differ from doing nothing."""
        values = ((field.name, field.default, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, default, value in values if value != default}


def read(trace: Trace, kind: str, layer: int, heads: Sequence[int], how: str, aids: Aids) -> Reading:
    """One head of a layer (`how` is "head"), or several as one map, cell by cell ("mean" or "max")."""
    if how == "head":
        return aided(reading.one_head(trace, kind, layer, heads[0]), trace, kind, aids)
    return reading.combined(aided(reading.every_head(trace, kind, layer, heads), trace, kind, aids), heads, how)


def at_a_glance(trace: Trace, kind: str, aids: Aids) -> Reading:
    """Every head of one kind, small [heads, rows, columns], with the aids; layer by layer."""
    layers = trace.of_kind(kind)
    cells = reading.thumbnail_cells(sum(layer.n_heads for layer in layers))
    small = [
        reading.pooled(aided(reading.every_head(trace, kind, layer.index), trace, kind, aids), cells)
        for layer in layers
    ]
    return replace(small[0], weights=np.concatenate([one.weights for one in small]), notes=())


def beyond(trace: Trace, kind: str, layer: int, head: int, query: int, how: str, aids: Aids) -> Reading:
    """Another way to look: "dimensions", "scores", "value", "rollout", "flow". Raises AttnvizError."""
    if how == "dimensions":
        return reading.by_dimension(trace, kind, layer, head, query)
    if how == "scores":
        return reading.scores_of_head(trace, kind, layer, head)
    if how == "value":
        return aided(reading.value_weighted_head(trace, kind, layer, head), trace, kind, aids)
    find: Callable[[Trace, str, int], Reading] = {"rollout": reading.rolled_out, "flow": reading.flowing}[how]
    return aided(find(trace, kind, layer), trace, kind, aids)


def aided(found: Reading, trace: Trace, kind: str, aids: Aids) -> Reading:
    """A reading with the chosen aids. Raises nothing for choices that do not fit this text."""
    of_texts = kind == "encoder" or trace.decoder_tokens is None
    if aids.merge_words:
        found = reading.in_words(found, trace, kind)
    if aids.parts != "all" and trace.text_pair is not None and kind == "encoder":
        texts = {name: [i for i, part in enumerate(trace.segments) if part == side] for side, name in enumerate("ab")}
        source, target = aids.parts.split("-")
        found = reading.only(found, texts[source], texts[target], what=SIDES[aids.parts])
    if aids.only_from or aids.only_to:
        chosen = numbers(aids.only_from) or None, numbers(aids.only_to) or None
        found = reading.only(found, *chosen, what="chosen tokens")
    special = [j for j, part in enumerate(trace.segments) if part is None] if of_texts or kind == "cross" else []
    hidden = {"special tokens": special if aids.hide_special else [], "the first token": [0] if aids.hide_first else []}
    what = " and ".join(name for name, tokens in hidden.items() if tokens)
    every = [token for tokens in hidden.values() for token in tokens]
    return reading.without(found, every, renormalise=aids.renormalise, what=what)


def numbers(listed: str) -> list[int]:
    """ "0-3-5" to numbers, as the address holds them."""
    return [int(part) for part in listed.split("-") if part.isdigit()]
