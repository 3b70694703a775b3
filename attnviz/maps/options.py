"""The display options that somebody chose, as data, and the map that they make of a trace."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from attnviz.choices import one_of
from attnviz.maps import attention_map, thumbnails
from attnviz.maps.attention_map import AttentionMap, Group
from attnviz.traces import BLOCK_BYTES, Head, LayerAttention, Trace

SIDES = {"all": "everything", "a-b": "first → second text", "b-a": "second → first", "a-a": "within the first",
         "b-b": "within the second"}  # fmt: skip


UNSET = 99_999  # of a place in a text, in links too: nobody chose one
TOGETHER = UNSET  # the keys' window is where the queries' is


@dataclass(frozen=True)
class MapOptions:
    """What is done to weights before they are drawn.

    `only_from` and `only_to` are places such as 0-3-5, empty for all. `parts` says between which of two texts: one of
    SIDES. `window` is how many tokens are shown of each side, 0 for all, from `queries_at` and `keys_at` on; TOGETHER
    puts the keys where the queries are. A start past the last window stands for that.
    """

    merge_words: bool = False
    hide_special: bool = False
    hide_first: bool = False
    renormalise: bool = False
    parts: str = one_of(SIDES)
    only_from: str = ""
    only_to: str = ""
    window: int = 0
    queries_at: int = 0
    keys_at: int = TOGETHER

    @classmethod
    def of(cls, view: Any) -> "MapOptions":
        """The options among all that is chosen."""
        return cls(**{field.name: getattr(view, field.name) for field in fields(cls)})

    def chosen(self) -> dict[str, Any]:
        """Those that differ from doing nothing."""
        values = ((field.name, field.default, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, default, value in values if value != default}

    def of_whole_text(self) -> "MapOptions":
        """The same without a window."""
        return replace(self, window=0, queries_at=0, keys_at=TOGETHER)

    def windows(self, trace: Trace, kind: str) -> tuple[range, range]:
        """The tokens that attend and those that are attended to, of those that are shown."""
        queries, keys = (len(side) for side in trace.sides(kind))
        keys_at = self.queries_at if self.keys_at == TOGETHER else self.keys_at
        return _window(queries, self.queries_at, self.window), _window(keys, keys_at, self.window)


def make_map(trace: Trace, head: Head, options: MapOptions) -> AttentionMap:
    """One head with the options."""
    rows = _tokens(rows_of(trace, head.kind, options))
    return apply_options(attention_map.head_map(trace, head, rows), trace, head.kind, options)


def combined_map(trace: Trace, heads: Sequence[Head], how: str, options: MapOptions) -> AttentionMap:
    """Several heads of one layer as one map with the options, cell by cell: `how` is "mean" or "max"."""
    kind = heads[0].kind
    every = attention_map.head_maps(trace, heads, _tokens(rows_of(trace, kind, options)))
    return attention_map.combine_heads(apply_options(every, trace, kind, options), heads, how)


def small_maps(
    trace: Trace, kind: str, options: MapOptions, progress: Callable[[int], object] | None = None
) -> AttentionMap:
    """Every head of one kind, small [heads, rows, columns], with the options; some rows of a layer at a time.

    `progress` is told how many layers are done.
    """
    layers, n_rows = trace.of_kind(kind), len(rows_of(trace, kind, options))
    cells = thumbnails.thumbnail_cells(sum(layer.n_heads for layer in layers))
    small = []
    for layer in layers:
        small.append(thumbnails.pooled(by_block(trace, layer, options), n_rows, cells))
        if progress is not None:
            progress(len(small))
    return replace(small[0], weights=np.concatenate([one.weights for one in small]))


def other_map(trace: Trace, head: Head, query: int, how: str, options: MapOptions) -> AttentionMap:
    """Another way to look: "dimensions", "scores", "value", "rollout", "flow". Raises AttnvizError."""
    kind = head.kind
    queries, keys = options.windows(trace, kind)
    if how == "dimensions":
        found = attention_map.dimension_map(trace, head, query)
        n_keys, d_k = found.weights.shape
        return attention_map.crop_to_window(
            found, keys, range(d_k), (n_keys, d_k), names=("keys", "dimensions"), share=False
        )
    if how == "scores":
        found = attention_map.score_map(trace, head, queries)
        return attention_map.crop_to_window(found, queries, keys, _lengths(trace, kind), share=False)
    if how == "value":
        rows = _tokens(rows_of(trace, kind, options))
        return apply_options(attention_map.value_weighted_map(trace, head, rows), trace, kind, options)
    find: Callable[[Trace, str, int], AttentionMap] = {
        "rollout": attention_map.rollout_map,
        "flow": attention_map.flow_map,
    }[how]
    return apply_options(find(trace, kind, head.layer), trace, kind, options)


def apply_options(found: AttentionMap, trace: Trace, kind: str, options: MapOptions) -> AttentionMap:
    """A map with the chosen options. Raises nothing for choices that do not fit this text."""
    of_texts = kind == "encoder" or trace.decoder_tokens is None
    if options.merge_words:
        found = attention_map.merge_subwords(found, trace, kind)
    for queries, keys, what in _choices(trace, kind, options):
        found = attention_map.keep_tokens(found, queries, keys, what)
    special = [j for j, part in enumerate(trace.segments) if part is None] if of_texts or kind == "cross" else []
    hidden = {
        "special tokens": special if options.hide_special else [],
        "the first token": [0] if options.hide_first else [],
    }
    what = " and ".join(name for name, tokens in hidden.items() if tokens)
    every = [token for tokens in hidden.values() for token in tokens]
    found = attention_map.hide_columns(found, every, renormalise=options.renormalise, what=what)
    return attention_map.crop_to_window(found, *options.windows(trace, kind), _lengths(trace, kind))


def rows_of(trace: Trace, kind: str, options: MapOptions) -> list[Group]:
    """The rows that a map with these options has; known before any weight is computed."""
    rows = attention_map.sides_in_words(trace, kind)[0] if options.merge_words else _by_token(trace.sides(kind)[0])
    for queries, _, _ in _choices(trace, kind, options):
        rows = [rows[place] for place in attention_map.touching(rows, queries)]
    return [rows[place] for place in attention_map.in_window(rows, options.windows(trace, kind)[0])]


def by_block(trace: Trace, layer: LayerAttention, options: MapOptions) -> Iterator[AttentionMap]:
    """Every head of a layer with these options, [heads, some rows, columns] at a time, until all rows have come.

    Their weights are computed block by block, so that no array is larger than BLOCK_BYTES.
    """
    groups = rows_of(trace, layer.kind, options)
    longest = max(len(tokens) for _, tokens in groups)
    step = max(1, BLOCK_BYTES // (4 * layer.n_heads * layer.v.shape[1] * longest))
    for start in range(0, len(groups), step):
        rows = _tokens(groups[start : start + step])
        yield apply_options(attention_map.layer_maps(trace, layer, rows), trace, layer.kind, options)


def _choices(trace: Trace, kind: str, options: MapOptions) -> list[tuple[list[int] | None, list[int] | None, str]]:
    """The tokens to look from, those to look at (None: all), and what they are, for each choice among them."""
    found: list[tuple[list[int] | None, list[int] | None, str]] = []
    if options.parts != "all" and trace.text_pair is not None and kind == "encoder":
        texts = {name: [i for i, part in enumerate(trace.segments) if part == side] for side, name in enumerate("ab")}
        source, target = options.parts.split("-")
        found.append((texts[source], texts[target], SIDES[options.parts]))
    if options.only_from or options.only_to:
        found.append((numbers(options.only_from) or None, numbers(options.only_to) or None, "chosen tokens"))
    return found


def _by_token(tokens: Sequence[str]) -> list[Group]:
    return [(token, [place]) for place, token in enumerate(tokens)]


def _tokens(groups: Sequence[Group]) -> list[int]:
    return [token for _, tokens in groups for token in tokens]


def _lengths(trace: Trace, kind: str) -> tuple[int, int]:
    queries, keys = trace.sides(kind)
    return len(queries), len(keys)


def _window(n: int, start: int, length: int) -> range:
    length = min(length or n, n)
    start = min(start, n - length)
    return range(start, start + length)


def numbers(listed: str) -> list[int]:
    """ "0-3-5" to numbers, as the address holds them."""
    return [int(part) for part in listed.split("-") if part.isdigit()]


def heads_named(listed: str, kind: str) -> list[Head]:
    """ "L0.H1-L2.H3" to heads of a kind, as the address holds them. Raises ValueError for anything else."""
    found = [Head(kind, int(layer), int(head)) for layer, head in re.findall(r"L([0-9]{1,6})\.H([0-9]{1,6})", listed)]
    if "-".join(map(str, found)) != listed:
        raise ValueError(listed)
    return found
