"""A long text is read through a window: an overview of the whole of it, and where the window stands."""

from dataclasses import replace
from functools import partial

import streamlit as st

from attnviz import figures
from attnviz.maps.attention_map import sides_in_words
from attnviz.maps.difference import Side, align_window
from attnviz.maps.options import TOGETHER, MapOptions
from attnviz.traces import Head, Trace
from attnviz.ui import cache, exports, map_options
from attnviz.ui.address import UrlState
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.state import choose, chosen_by, current, on_screen
from attnviz.ui.theme import theme

LENGTHS = (32, 64, 128, 256, 512, map_options.MOST_SHOWN)


def pick(trace: Trace, head: Head, most: int = map_options.MOST_SHOWN) -> None:
    """The overview and the window's place and length, at most `most` tokens; nothing for a text that fits on the
    screen."""
    sides = trace.sides(head.kind)
    options = map_options.options_of(trace, head.kind, current(), most)
    if not options.window:
        if max(map(len, sides)) > UrlState().window:
            _length(min(current().window, most), most)
        return
    on_screen("queries_at", "keys_at")
    queries, keys = options.windows(trace, head.kind)
    wide, gets = cache.overview_of(trace, head)
    show_chart(
        figures.overview(wide, gets, sides, (queries, keys), theme=theme()),
        key="overview",
        on_select=partial(_move_to_click, options.window),
        alt=f"The whole text, {len(gets):,} tokens: entropy of rows from {wide.min():.2f} to {wide.max():.2f} bits; "
        f"the most weight, {gets.max():.2f}, goes to {sides[1][gets.argmax()]} in place {gets.argmax()}. The window "
        f"shows queries {queries.start} to {queries.stop - 1} and keys {keys.start} to {keys.stop - 1}.",
    )
    if not trace.replaced:
        windows = {"queries": (queries.start, queries.stop), "keys": (keys.start, keys.stop)}
        export_menu(
            "overview", name_of(trace.model, head, "along the text"),
            partial(exports.of_head_charts, f"{head} along the text", figures.overview_charts, trace, head, windows),
        )  # fmt: skip
    together = options.keys_at == TOGETHER
    place, length = st.columns([3, 2], vertical_alignment="bottom")
    with place:
        if len(queries) < len(sides[0]):
            _slider("queries_at", "Window from token" if together else "Rows from token", queries, len(sides[0]))
        if len(keys) < len(sides[1]) and (not together or len(queries) == len(sides[0])):
            _slider("keys_at", "Columns from token", keys, len(sides[1]))
    with length:
        _length(options.window, most)
        st.session_state.pick_apart = not together
        st.toggle("Rows, columns apart", key="pick_apart", on_change=_part_or_join)


def pick_both(sides: tuple[Side, Side], most: int) -> tuple[MapOptions, MapOptions]:
    """One window for two sides, by word, and the options that it makes of each.

    It counts the tokens of the side with more of them, the first of two as long. The other follows as
    `maps.difference.align_window` says; a side that fits is shown whole.
    """
    tokens = [trace.sides(head.kind) for trace, head in sides]
    longest = [max(map(len, one)) for one in tokens]
    lead = int(longest[1] > longest[0])
    trace, head = sides[lead]
    pick(trace, head, most)
    v = current()
    window = MapOptions(True, window=min(v.window or most, most), queries_at=v.queries_at, keys_at=v.keys_at)
    shown = [window if n > window.window else window.of_whole_text() for n in longest]
    if not shown[lead].window:
        return shown[0], shown[1]
    a, b = ("AB"[place] for place in (lead, 1 - lead))
    if tokens[0] == tokens[1]:
        st.caption("Both maps show this window. The overview is of A.")
    elif not shown[1 - lead].window:
        st.caption(f"Overview and window count the tokens of {a}. All of {b} is shown.")
    else:
        words = zip(*(sides_in_words(trace, head.kind) for trace, head in (sides[lead], sides[1 - lead])))
        places = window.windows(trace, head.kind)
        queries_at, keys_at = (align_window(place.start, *both) for place, both in zip(places, words))
        shown[1 - lead] = replace(window, queries_at=queries_at, keys_at=keys_at)
        st.caption(
            f"Overview and window count the tokens of {a}. {b} is placed by the nearest words that both have, or at "
            "the same token where they share none."
        )
    return shown[0], shown[1]


def offer(trace: Trace, kind: str, query: int, key: int) -> None:
    """Where a cell lies outside of the window, say so, with a button that brings the window there."""
    options = map_options.options_of(trace, kind, current())
    queries, keys = options.windows(trace, kind)
    if query in queries and key in keys:
        return
    near = abs(query - key) < options.window
    middle = (query + key) // 2 if near else query
    places = {
        "queries_at": _around(middle, options.window),
        "keys_at": TOGETHER if near else _around(key, options.window),
    }
    said, button = st.columns([3, 1], vertical_alignment="center")
    said.caption("This cell lies outside of the window that is shown above.")
    button.button("Show it there", icon=":material/center_focus_strong:", on_click=choose, kwargs=places)


def _slider(field: str, label: str, window: range, n: int) -> None:
    chosen_by(st.slider, field, label, window.start, min_value=0, max_value=n - len(window))


def _length(window: int, most: int) -> None:
    lengths = sorted({window, *(length for length in LENGTHS if length <= most)})
    chosen_by(st.selectbox, "window", "Tokens shown", window, options=lengths)


def _part_or_join() -> None:
    choose(keys_at=current().queries_at if st.session_state.pick_apart else TOGETHER)


def _move_to_click(window: int) -> None:
    points = st.session_state.overview.selection.points
    if points:
        side, token = points[0]["customdata"][:2]
        field = "keys_at" if side == 1 and current().keys_at != TOGETHER else "queries_at"
        choose(**{field: _around(int(token), window)})


def _around(token: int, window: int) -> int:
    """Where a window begins that has this token in its middle."""
    return max(0, token - window // 2)
