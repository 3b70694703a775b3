"""Method: what every label looks for, what it is held against, and what it cannot say."""

import streamlit as st

from attnviz import figures
from attnviz.figures.labels import letter_of
from attnviz.labels import method
from attnviz.labels.definitions import LABELS
from attnviz.ui.chart import show_chart
from attnviz.ui.state import chosen_by, url_state
from attnviz.ui.theme import theme

chosen = url_state()
parts = method.parts()
st.title("How heads are labelled")
st.markdown(parts[""])
st.subheader("What a label needs")
st.markdown(parts["What a label needs"])

st.subheader("The labels")
with st.container(width=420):
    chosen_by(
        st.selectbox, "label", "Label", chosen.label, options=("", *LABELS),
        format_func=lambda kind: f"{letter_of(kind)}  {method.spelt(kind)}" if kind else "all labels",
    )  # fmt: skip
st.caption("Each map is what a head with this one job and no other would show: rows attend, columns are attended to.")
for kind in [chosen.label] if chosen.label else LABELS:
    with st.container(border=True):
        picture, words = st.columns([2, 5], gap="medium")
        tokens, weights = method.picture(kind)
        show_chart(
            figures.small_map(weights, tokens, title=f"{letter_of(kind)} · {method.spelt(kind)}", theme=theme()),
            key=f"method_{kind}",
            alt=f"{method.spelt(kind)}, drawn: {LABELS[kind].text.looks_for}",
            place=picture,
        )
        words.markdown(method.explained(kind))
st.subheader("What a label does not say")
st.markdown(parts["What a label does not say"])
st.subheader("What ablating a head does")
st.markdown(parts["What ablating a head does"])
st.page_link("pages/head_labels.py", label="What the heads of a model get", icon=":material/label:")
