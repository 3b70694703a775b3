"""Every head of a model for one sentence, and the chosen head's weights beside the proof that they are the model's."""

import numpy as np
import pandas as pd
import streamlit as st

from attnviz import figures
from attnviz.aids import Aids
from attnviz.errors import AttnvizError
from attnviz.reading import MEASURES, glued, ranked
from attnviz.traces import Head
from attnviz.ui import cache, pickers, readings, views
from attnviz.ui.address import BEYOND
from attnviz.ui.certificates import badge
from attnviz.ui.downloads import take_away
from attnviz.ui.expected import show_predictions, step_through_written
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import choose, chosen_by, view
from attnviz.ui.stories import tell
from attnviz.ui.theme import theme

OTHERWISE = {"": "off", "dimensions": "q·k by dimension", "scores": "scores before softmax", "value": "value-weighted",
             "rollout": "rollout", "flow": "flow"}  # fmt: skip

chosen = view()
trace = pickers.current_trace()
kind = chosen.kind if chosen.kind in trace.kinds else trace.kinds[0]
layers = trace.of_kind(kind)
layer = min(chosen.layer, len(layers) - 1)
head = min(chosen.head, layers[layer].n_heads - 1)
choose(kind=kind, layer=layer, head=head)
stages = trace.attention(layer, head, kind)
queries, keys = trace.sides(kind)
query = min(chosen.query, len(queries) - 1)
key = chosen.key if chosen.key < len(keys) else int(stages.weights[query].argmax())

st.sidebar.caption(f"{len(trace.tokens)} tokens · captured in {1000 * trace.seconds:.0f} ms")
if trace.decoder_tokens is not None:
    st.sidebar.caption(f"The decoder reads, from its start token on: {plain(' '.join(trace.decoder_tokens))}")

with st.sidebar:
    step_through_written(trace)
    show_predictions(trace)


def open_clicked_head() -> None:
    points = st.session_state.all_heads.selection.points
    if points:
        clicked_layer, clicked_head = points[0]["customdata"][:2]
        choose(layer=int(clicked_layer), head=int(clicked_head))


def heads_at_a_glance() -> None:
    measures = ["", *(name for name in MEASURES if name != "sink" or layers[0].sink is not None)]
    measure = chosen.measure if chosen.measure in measures else ""
    chosen_by(st.selectbox, "measure", "Every head by", measure, options=measures,
              format_func=lambda name: MEASURES.get(name, "its map"))  # fmt: skip
    if not measure:
        picture = figures.all_heads(
            trace,
            kind,
            chosen=(layer, head),
            theme=theme(),
            pooled=cache.thumbnails_of(trace, kind, Aids.of(chosen)),
        )
        says = f"Attention weights of all {len(layers)} layers of heads as thumbnails"
    else:
        found = cache.measure_of(trace, kind, measure, *((query, key) if measure == "weight" else (0, 0)))
        title = f"{queries[query]} → {keys[key]}" if measure == "weight" else MEASURES[measure].capitalize()
        picture = figures.measured_heads(found, title=title, chosen=(layer, head), theme=theme())
        says = f"{MEASURES[measure]} of every head, from {np.nanmin(found):.3f} to {np.nanmax(found):.3f}"
    st.plotly_chart(
        picture, key="all_heads", on_select=open_clicked_head, selection_mode="points", theme=None,
        config={"displayModeBar": False}, alt=f"{says}; L{layer}.H{head} is chosen.",
    )  # fmt: skip
    if measure:
        order = ranked(found, kind)

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
            st.caption("Pick the two tokens below, under “One number's story”; a row here opens its head.")
    else:
        st.caption(
            "Each square is one head: click it to open it. Rows attend (queries), columns are attended to (keys)."
        )


left, right = st.columns(2, gap="large")
with left:
    heads_at_a_glance()
with right:
    pick_layer, pick_head, pick_kind = st.columns(3)
    with pick_layer:
        chosen_by(st.selectbox, "layer", "Layer", layer, options=range(len(layers)))
    with pick_head:
        chosen_by(st.selectbox, "head", "Head", head, options=range(layers[layer].n_heads))
    if len(trace.kinds) > 1:
        with pick_kind:
            chosen_by(st.selectbox, "kind", "Kind", kind, options=trace.kinds)
    certificate_line = st.empty()
    certificate_line.badge("checking against the model's own attention…", icon=":material/hourglass_top:", color="gray")
    with st.container(horizontal=True, vertical_alignment="center"):
        views.switch()
        readings.controls(trace, kind, layers[layer].n_heads)
    found = readings.read(trace, kind, layer, head, chosen)

    def choose_cell(row: int, column: int) -> None:
        clicked_query, clicked_key = found.tokens_at(row, column, stages.weights)
        choose(query=clicked_query, key=clicked_key)

    several = "" if chosen.combine == "head" else f" {readings.COMBINE[chosen.combine]}"
    name = f"L{layer}{several}" if several else f"L{layer}.H{head}"
    title = name + (f" {kind}" if len(trace.kinds) > 1 else "")
    glue = glued(trace, kind, found.rows, of_keys=False), glued(trace, kind, found.columns, of_keys=True)
    views.show(found, found.cell_of(query, key), title, choose_cell, glue)
    take_away(trace, Head(kind, layer, head), found, chosen, title, found.cell_of(query, key), glue)
    st.caption(
        "Read along a row: where that token looks. Click a cell for its story."
        + (" A decoder's row is where it looks while it predicts the token after." if kind != "encoder" else "")
    )

st.subheader("One number's story")
pick_query, pick_key, _ = st.columns([1, 1, 2])
with pick_query:
    chosen_by(
        st.selectbox, "query", "From", query, options=range(len(queries)), format_func=lambda i: f"{queries[i]} · {i}"
    )
with pick_key:
    chosen_by(st.selectbox, "key", "To", key, options=range(len(keys)), format_func=lambda j: f"{keys[j]} · {j}")
tell(stages, layers[layer].vectors(head), layers[layer].scale, (query, key), queries, keys)

st.subheader("Beyond the raw weight")
chosen_by(
    st.segmented_control, "beyond", "Beside the weights of this head", chosen.beyond, options=BEYOND,
    format_func=OTHERWISE.get, required=True,
    help="Value-weighted: Kobayashi et al. 2020. Rollout and flow: Abnar & Zuidema 2020.",
)  # fmt: skip
if chosen.beyond:
    raw, other = st.columns(2, gap="large")
    with raw:
        views.heatmap(found, None, title, "raw")
    with other:
        try:
            with st.spinner("Following the layers…"):
                beside = readings.beyond(trace, kind, layer, head, query, chosen)
            views.heatmap(beside, None, OTHERWISE[chosen.beyond].capitalize(), "beside")
            for note in beside.notes:
                st.caption(note)
        except AttnvizError as error:
            show_error(error)

try:
    certificate = cache.certificate_of(trace)
    badge(certificate_line, certificate, Head(kind, layer, head))
except AttnvizError as error:
    certificate_line.empty()
    show_error(error)
except ValueError as error:
    certificate_line.badge(plain(error), icon=":material/error:", color="red")
