"""The display options as controls, and the map that they make of one head."""

from dataclasses import replace

import streamlit as st

from attnviz.maps import options
from attnviz.maps.attention_map import AttentionMap
from attnviz.maps.options import SIDES, MapOptions, numbers
from attnviz.traces import Head, Trace
from attnviz.ui.address import UrlState
from attnviz.ui.state import choose, chosen_by, current, on_screen

COMBINE = {"head": "this head", "mean": "mean of heads", "max": "largest of heads"}
MOST_SHOWN = 1024  # tokens of a side
SCALE = {"linear": "linear", "log": "logarithmic", "row": "row by row"}


def controls(trace: Trace, kind: str, n_heads: int) -> None:
    """The options, folded away; each says what it does."""
    v = current()
    on_screen("combine", "heads", "merge_words", "hide_special", "hide_first", "renormalise", "parts", "only_from",
              "only_to", "scale", "top")  # fmt: skip
    with st.popover("Display options"):
        chosen_by(st.segmented_control, "combine", "Show", v.combine, options=COMBINE, format_func=COMBINE.get,
                  required=True)  # fmt: skip
        if v.combine != "head":
            _several("heads", "Heads of this layer (none: all)", range(n_heads), lambda head: f"H{head}")
        chosen_by(
            st.toggle,
            "merge_words",
            "Merge subwords into words",
            v.merge_words,
            help="To a word: its subwords' weights added. From a word: their mean. Rows still sum to 1.",
        )
        chosen_by(
            st.toggle,
            "hide_special",
            "Hide special tokens",
            v.hide_special,
            help="Their columns are left out; what they took is said below the picture.",
        )
        chosen_by(
            st.toggle,
            "hide_first",
            "Hide the first token",
            v.hide_first,
            help="An attention sink: where many heads look when they find nothing.",
        )
        if v.hide_special or v.hide_first:
            chosen_by(st.toggle, "renormalise", "Scale what is left up to 1", v.renormalise)
        if trace.text_pair is not None and kind == "encoder":
            chosen_by(st.segmented_control, "parts", "Between the texts", v.parts, options=SIDES,
                      format_func=SIDES.get, required=True)  # fmt: skip
        queries, keys = trace.sides(kind)
        _several("only_from", "Only from", range(len(queries)), lambda i: f"{queries[i]} · {i}")
        _several("only_to", "Only to", range(len(keys)), lambda j: f"{keys[j]} · {j}")
        chosen_by(
            st.segmented_control, "scale", "Colour scale", v.scale, options=SCALE, format_func=SCALE.get, required=True
        )
        if v.scale != "row":
            chosen_by(st.slider, "top", "Colour scale maximum", v.top, min_value=0.05, max_value=1.0, step=0.05)


def chosen_map(trace: Trace, head: Head, v: UrlState) -> AttentionMap:
    """What the view asks for, of one head or several. Raises nothing for choices that do not fit this text."""
    heads, chosen = chosen_heads(trace, head, v), options_of(trace, head.kind, v)
    if v.combine == "head":
        return options.make_map(trace, head, chosen)
    return options.combined_map(trace, heads, v.combine, chosen)


def chosen_heads(trace: Trace, head: Head, v: UrlState) -> list[Head]:
    """The heads that the view asks for: the chosen one, or several of its layer."""
    if v.combine == "head":
        return [head]
    n_heads = trace[head].layer.n_heads
    several = [one for one in numbers(v.heads) if one < n_heads] or range(n_heads)
    return [replace(head, head=one) for one in several]


def options_of(trace: Trace, kind: str, v: UrlState, most: int = MOST_SHOWN) -> MapOptions:
    """The options that are chosen; of a text that fits into the window, of at most `most` tokens, all is shown."""
    window = min(v.window or most, most)
    asked = MapOptions.of(replace(v, window=window))
    return asked if max(map(len, trace.sides(kind))) > window else asked.of_whole_text()


def _several(field: str, label: str, options, format_func) -> None:
    """A choice of several, kept in the view as "0-3-5"."""
    key = f"pick_{field}"
    st.session_state[key] = [one for one in numbers(getattr(current(), field)) if one in options]

    def changed() -> None:
        choose(**{field: "-".join(map(str, sorted(st.session_state[key])))})

    st.multiselect(label, options, key=key, on_change=changed, format_func=format_func)
