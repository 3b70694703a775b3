"""Query, key, value: three roles of one word, and why one projection for two of them will not do."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from attnviz.core.attention import attention
from attnviz.lessons import query_key_value
from attnviz.lessons.query_key_value import FEATURES, TOKENS, X, asymmetry
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import chosen_by, url_state
from attnviz.ui.tables import typed_matrix
from attnviz.ui.theme import theme

chosen = url_state()
st.title("Query, key, value")
st.markdown(
    "“The dog chased the ball until it tired.” What a word *needs* is not what it *is*: “it” is a pronoun, and looks "
    "for a living noun. So each word gets a **query** for what it looks for, a **key** for what it shows, and a "
    "**value** for what it hands over."
)
left, right = st.columns([5, 6], gap="large")
with left:
    needs = typed_matrix(
        "needs", FEATURES, FEATURES, label="W\\_Q, what a word of each kind asks for. Change a number and break it."
    )
    offers = typed_matrix("offers", FEATURES, FEATURES, label="W\\_K, what a word of each kind shows.")
    chosen_by(
        st.toggle, "one_projection", "One projection for both: use W\\_K as W\\_Q", chosen.one_projection,
        help="Then a word can only look for what it is itself.",
    )  # fmt: skip

W_Q = offers if chosen.one_projection else needs
Q, K, V = X @ W_Q, X @ offers, X
stages = attention(Q, K, V)
row = TOKENS.index("it")
liked = int(stages.weights[row].argmax())
mirrored = asymmetry(stages.scores)


typed = {"needs": W_Q.tolist(), "offers": offers.tolist()}
drawn = query_key_value.charts(**typed, theme=theme())


def draw(place, name: str, says: str) -> None:
    title, values = drawn[name].layout.title.text, drawn[name].data[0].customdata
    show_chart(
        drawn[name],
        key=name,
        alt=f"{title}: " + "; ".join(f"{token} {np.round(line, 2).tolist()}" for token, line in zip(TOKENS, values)),
        place=place,
    )
    place.caption(says)


with right:
    st.markdown(
        f"“it” gives most of its weight to **{TOKENS[liked]}**: **{stages.weights[row, liked]:.2f}**. "
        + (
            "The scores are **symmetric**: whatever the dog sees in the ball, the ball sees in the dog."
            if mirrored < 1e-9
            else f"The scores are **not symmetric** (they differ from their mirror image by up to {mirrored:.3g}): "
            "asking and being asked are two things."
        )
    )
    top, bottom = st.columns(2), st.columns(2)
    draw(top[0], "queries", "What each word asks for.")
    draw(top[1], "keys", "What each word shows.")
    draw(bottom[0], "scores", "How well they match.")
    draw(bottom[1], "weights", "Where each word looks.")

values, words = st.columns([6, 5], gap="large")
draw(values, "output", "What each word takes over from the others.")
with values:
    export_menu(
        "lesson", "query key value", partial(exports.of_lesson, "Query, key, value", query_key_value.charts, typed)
    )
with words:
    st.markdown(
        "Queries and keys decide *where* a word looks; the value decides *what* it gets. Here a value is the word's "
        f"own features, so the output of “it” is {stages.output[row, 0]:.2f} noun and {stages.output[row, 3]:.2f} "
        "alive."
    )
    n, d = X.shape
    st.table(
        pd.DataFrame(
            [
                ("Q = X W_Q", f"[{n} × {d}] = [{n} × {d}] [{d} × {d}]", "[n × d_k]"),
                ("K = X W_K", f"[{n} × {d}] = [{n} × {d}] [{d} × {d}]", "[n × d_k]"),
                ("V = X W_V", f"[{n} × {d}] = [{n} × {d}] [{d} × {d}]", "[n × d_v]"),
                ("scores = Q Kᵀ", f"[{n} × {n}] = [{n} × {d}] [{d} × {n}]", "[n × n]"),
                ("weights = softmax", f"[{n} × {n}], row by row", "[n × n]"),
                ("output = weights V", f"[{n} × {d}] = [{n} × {n}] [{n} × {d}]", "[n × d_v]"),
            ],
            columns=["matrix", "here", "in general"],
        ).set_index("matrix")
    )
end_lesson("query_key_value")
