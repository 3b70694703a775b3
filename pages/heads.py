"""Every head of a model for one sentence, and the chosen head's weights beside the proof that they are the model's."""

import streamlit as st

from attnviz import figures
from attnviz.errors import AttnvizError
from attnviz.traces import Head
from attnviz.ui import cache, pickers
from attnviz.ui.certificates import badge
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import choose, chosen_by, view
from attnviz.ui.stories import tell
from attnviz.ui.theme import theme

chosen = view()
trace = pickers.current_trace()
kind = chosen.kind if chosen.kind in trace.kinds else trace.kinds[0]
layers = trace.of_kind(kind)
layer = min(chosen.layer, len(layers) - 1)
head = min(chosen.head, layers[layer].n_heads - 1)
choose(kind=kind, layer=layer, head=head)

st.sidebar.caption(f"{len(trace.tokens)} tokens · captured in {1000 * trace.seconds:.0f} ms")
if trace.decoder_tokens is not None:
    st.sidebar.caption(f"The decoder writes, from its start token on: {plain(' '.join(trace.decoder_tokens))}")


def open_clicked_head() -> None:
    points = st.session_state.all_heads.selection.points
    if points:
        clicked_layer, clicked_head = points[0]["customdata"]
        choose(layer=int(clicked_layer), head=int(clicked_head))


def open_clicked_cell() -> None:
    points = st.session_state.heatmap.selection.points
    if points:
        clicked_query, clicked_key, _ = points[0]["customdata"]
        choose(query=int(clicked_query), key=int(clicked_key))


stages = trace.attention(layer, head, kind)
queries, keys = trace.sides(kind)
query = min(chosen.query, len(queries) - 1)
key = chosen.key if chosen.key < len(keys) else int(stages.weights[query].argmax())

left, right = st.columns(2, gap="large")
with left:
    st.caption("Each square is one head: click it to open it. Rows attend (queries), columns are attended to (keys).")
    st.plotly_chart(
        figures.all_heads(
            trace,
            kind,
            chosen=(layer, head),
            theme=theme(),
            pooled=cache.thumbnails_of(trace, trace.model, trace.revision, trace.text, kind),
        ),
        key="all_heads",
        on_select=open_clicked_head,
        selection_mode="points",
        theme=None,
        config={"displayModeBar": False},
        alt=f"Attention weights of all {len(layers)} layers of heads as thumbnails; L{layer}.H{head} is chosen.",
    )
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
    st.plotly_chart(
        figures.heatmap(trace, layer, head, kind, cell=(query, key), theme=theme()),
        key="heatmap",
        on_select=open_clicked_cell,
        selection_mode="points",
        theme=None,
        config={"displayModeBar": False},
        alt=f"Attention weights of L{layer}.H{head} over {len(trace.tokens)} tokens: {' '.join(trace.tokens)[:300]}",
    )
    st.caption(
        "Read along a row: where that token looks; every row sums to 1. Click a cell for its story; drag to zoom in, "
        "double-click to go back."
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

try:
    certificate = cache.certificate_of(trace.model, trace.revision, trace.text)
    badge(certificate_line, certificate, Head(kind, layer, head))
except AttnvizError as error:
    certificate_line.empty()
    show_error(error)
except ValueError as error:
    certificate_line.badge(plain(error), icon=":material/error:", color="red")
