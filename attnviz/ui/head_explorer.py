"""Every head of a trace, one of them in the chosen view, how one weight is computed: what screens of heads share."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from attnviz import figures
from attnviz.files import weights_file
from attnviz.labels.results import LabelResults
from attnviz.maps.attention_map import AttentionMap, continues_word
from attnviz.maps.head_statistics import MEASURES, ranked
from attnviz.maps.options import MapOptions
from attnviz.traces import Head, HeadAttention, LayerAttention, Trace
from attnviz.ui import cache, confirm_run, exports, labels, map_options, pickers, windows
from attnviz.ui.address import UrlState
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.head_view import Shown
from attnviz.ui.head_views import HEAD_VIEWS, SETTINGS
from attnviz.ui.messages import say_not_there
from attnviz.ui.state import choose, chosen_by, current, on_screen, open_clicked
from attnviz.ui.theme import theme
from attnviz.ui.weight_breakdown import show_breakdown


@dataclass(frozen=True, eq=False)
class Selection:
    """The head and the cell of a trace that the view has chosen."""

    trace: Trace
    head: Head
    query: int
    key: int

    @property
    def attention(self) -> HeadAttention:
        """What the head does in the trace."""
        return self.trace[self.head]

    @property
    def layers(self) -> tuple[LayerAttention, ...]:
        """Those of this kind."""
        return self.trace.of_kind(self.head.kind)

    @property
    def heads(self) -> list[tuple[int, int]]:
        """Every layer and head of this kind."""
        return [(layer.index, head) for layer in self.layers for head in range(layer.n_heads)]


def head_in(trace: Trace, layer: int, head: int) -> Head:
    """A layer and a head of the chosen kind, brought to what this trace has; says what it does not have."""
    kind = current().kind
    if kind not in trace.kinds:
        if kind:
            say_not_there(f"{trace.model} has no {kind} layers: its {trace.kinds[0]} layers are shown.")
        kind = trace.kinds[0]
    layers = trace.of_kind(kind)
    if layer >= len(layers):
        say_not_there(f"{trace.model} has no {kind} layer {layer}: its last, {len(layers) - 1}, is shown.")
        layer = len(layers) - 1
    n_heads = layers[layer].n_heads
    if head >= n_heads:
        say_not_there(f"{trace.model} has no head {head} in layer {layer}: its last, {n_heads - 1}, is shown.")
        head = n_heads - 1
    return Head(kind, layer, head)


def selection_in(trace: Trace) -> Selection:
    """What is chosen, brought to what this trace has, which is chosen from then on."""
    chosen = current()
    head = head_in(trace, chosen.layer, chosen.head)
    queries, keys = trace.sides(head.kind)
    for name, count, instead in (("query", len(queries), "the last"), ("key", len(keys), "the one that gets most")):
        position = getattr(chosen, name)
        if count <= position != getattr(UrlState, name):
            say_not_there(f"There is no {name} {position}, the text has {count} tokens: {instead} is shown.")
            choose(**{name: getattr(UrlState, name)})
    choose(**vars(head))
    shown, _ = map_options.options_of(trace, head.kind, chosen).windows(trace, head.kind)
    query = chosen.query if chosen.query < len(queries) else shown.stop - 1
    key = chosen.key if chosen.key < len(keys) else int(trace[head].stages([query]).weights.argmax())
    return Selection(trace, head, query, key)


def every_head(at: Selection, results: LabelResults | None = None) -> None:
    """All heads as maps, by a measure, or by label where the model has label results; a click opens one."""
    chosen = current()
    queries, keys = at.attention.queries, at.attention.keys
    measures = ["", *measures_of(at), *(["label"] if results is not None else [])]
    measure = chosen.measure if chosen.measure in measures else ""
    chosen_by(st.selectbox, "measure", "Every head by", measure, options=measures,
              format_func=lambda name: {"": "its map", "label": "label"}.get(name) or MEASURES[name])  # fmt: skip
    if measure == "label" and results is not None:
        labels.mosaic(results, "all_heads", at.head)
        labels.by_label(results)
        labels.export_mosaic(pickers.entry_here(), results, "all", at.head)
        return
    if not measure:
        small = cache.thumbnails_of(at.trace, at.head.kind, MapOptions.of(chosen).of_whole_text(), confirm_run.cancel())
        figure = figures.grid_of_heads(small.weights, at.heads, chosen=(at.head.layer, at.head.head), theme=theme())
        says = f"Attention weights of all {len(at.layers)} layers of heads as thumbnails"
        make = partial(exports.of_grid, at.trace, at.head, at.heads, small, chosen)
    else:
        cell = (at.query, at.key) if measure == "weight" else (0, 0)
        found = cache.measure_of(at.trace, at.head.kind, measure, *cell)
        title = f"{queries[at.query]} → {keys[at.key]}" if measure == "weight" else MEASURES[measure].capitalize()
        figure = figures.measured_heads(found, title=title, chosen=(at.head.layer, at.head.head), theme=theme())
        says = f"{MEASURES[measure]} of every head, from {np.nanmin(found):.3f} to {np.nanmax(found):.3f}"
        make = partial(exports.of_measure, at.trace, at.head, measure, cell, found, title)
    show_chart(figure, key="all_heads", on_select=open_clicked("all_heads"), alt=f"{says}; {at.head} is chosen.")
    if measure:
        order = ranked(found, at.head.kind)

        def open_ranked() -> None:
            rows = st.session_state.ranked.selection.rows
            if rows:
                choose(layer=order[rows[0]][0].layer, head=order[rows[0]][0].head)

        st.dataframe(
            pd.DataFrame([(str(one), value) for one, value in order], columns=["head", MEASURES[measure]]),
            key="ranked", on_select=open_ranked, selection_mode="single-row", hide_index=True, height=212,
            column_config={MEASURES[measure]: st.column_config.NumberColumn(format="%.4f")},
        )  # fmt: skip
        if measure == "weight":
            st.caption("Pick the two tokens below, under “How this weight is computed”; a row here opens its head.")
    else:
        st.caption(
            "Each square is one head: click it to open it. Rows attend (queries), columns are attended to (keys)."
        )
    n_bytes = sum(4 * layer.n_heads * layer.n_queries * layer.v.shape[1] for layer in at.trace.layers)
    fits = not at.trace.weights_only and n_bytes <= weights_file.MOST_BYTES
    recording = partial(exports.recording, at.trace) if fits else None
    export_menu("all", name_of(at.trace.model, measure or "all heads"), make, recording)


def measures_of(at: Selection) -> list[str]:
    """The names of those of MEASURES that say something of these heads."""
    return [name for name in MEASURES if name != "sink" or at.layers[0].sink is not None]


def measured(at: Selection) -> dict[str, float]:
    """What the grid says of the chosen head, where it shows a measure of heads and not their maps; for a saved view."""
    measure = current().measure
    if measure == "weight" or measure not in measures_of(at):
        return {}
    number = cache.measure_of(at.trace, at.head.kind, measure, 0, 0)[at.head.layer, at.head.head]
    return {f"{MEASURES[measure]}, of {at.head}": float(number)}


def pick_head(at: Selection) -> None:
    """Layer, head and kind."""
    pick_layer, pick_head, pick_kind = st.columns(3)
    with pick_layer:
        chosen_by(st.selectbox, "layer", "Layer", at.head.layer, options=range(len(at.layers)))
    with pick_head:
        chosen_by(st.selectbox, "head", "Head", at.head.head, options=range(at.attention.layer.n_heads))
    if len(at.trace.kinds) > 1:
        with pick_kind:
            chosen_by(st.selectbox, "kind", "Kind", at.head.kind, options=at.trace.kinds)


def one_head(at: Selection) -> tuple[AttentionMap, str, Any]:
    """The chosen head in the chosen view, to be read, clicked and exported: what is drawn, its title, and the row of
    buttons below it."""
    chosen = current()
    with st.container(horizontal=True, vertical_alignment="center"):
        switch_view()
        map_options.controls(at.trace, at.head.kind, at.attention.layer.n_heads)
    windows.pick(at.trace, at.head)
    found = map_options.chosen_map(at.trace, at.head, chosen)

    def choose_cell(row: int, column: int) -> None:
        weights = at.attention.stages(found.rows[row][1]).weights
        clicked_query, clicked_key = found.tokens_at(row, column, weights)
        choose(query=clicked_query, key=clicked_key)

    several = "" if chosen.combine == "head" else f" {map_options.COMBINE[chosen.combine]}"
    name = f"L{at.head.layer}{several}" if several else str(at.head)
    title = name + (f" {at.head.kind}" if len(at.trace.kinds) > 1 else "")
    glue = (
        continues_word(at.trace, at.head.kind, found.rows, of_keys=False),
        continues_word(at.trace, at.head.kind, found.columns, of_keys=True),
    )
    cell = found.cell_of(at.query, at.key)
    show_map(Shown(found, cell, title, choose_cell, glue))
    beside = st.container(horizontal=True)
    with beside:
        make = partial(exports.of_head, at.trace, at.head, found, chosen, title, cell, glue)
        export_menu("head", name_of(at.trace.model, title), make)
    st.caption(
        "Read along a row: where that token looks. Click a cell to see how its weight is computed."
        + (" A decoder's row is where it looks while it predicts the token after." if at.head.kind != "encoder" else "")
    )
    return found, title, beside


def switch_view() -> None:
    """Which of the views of a head."""
    chosen_by(st.segmented_control, "shown_as", "View", current().shown_as, options=list(HEAD_VIEWS),
              format_func=lambda name: HEAD_VIEWS[name].title, required=True,
              label_visibility="collapsed")  # fmt: skip
    on_screen(*SETTINGS)


def show_map(shown: Shown) -> None:
    """A map in the chosen view, and what was done to it."""
    HEAD_VIEWS[current().shown_as].show(shown)
    for note in shown.found.notes:
        st.caption(note)


def weight_breakdown(at: Selection) -> None:
    """Where the weight of the chosen cell comes from."""
    st.subheader("How this weight is computed")
    pick_cell(at)
    queries, keys = at.attention.queries, at.attention.keys
    windows.offer(at.trace, at.head.kind, at.query, at.key)
    found = at.attention
    row = None if found.q is None else found.q[at.query : at.query + 1]
    vectors, scale = (row, found.k, found.v), found.layer.scale
    show_breakdown(found.stages([at.query]), vectors, scale, (0, at.key), queries[at.query : at.query + 1], keys)
    cell = {"query": at.query, "key": at.key}
    export_menu(
        "weight", name_of(at.trace.model, at.head, "from", at.query, "to", at.key),
        partial(exports.of_head_charts, f"{queries[at.query]} → {keys[at.key]}", figures.weight_breakdown_in, at.trace,
                at.head, cell),
    )  # fmt: skip


def pick_cell(at: Selection) -> None:
    """The token that attends, and the one that is attended to."""
    queries, keys = at.attention.queries, at.attention.keys
    pick_query, pick_key, _ = st.columns([1, 1, 2])
    with pick_query:
        chosen_by(
            st.selectbox,
            "query",
            "From",
            at.query,
            options=range(len(queries)),
            format_func=lambda i: f"{queries[i]} · {i}",
        )
    with pick_key:
        chosen_by(st.selectbox, "key", "To", at.key, options=range(len(keys)), format_func=lambda j: f"{keys[j]} · {j}")
