"""How one weight is computed, as the lessons and the real heads both tell it."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from attnviz.core.attention import Stages
from attnviz.figures.weight_breakdown import weight_breakdown
from attnviz.ui.chart import show_chart
from attnviz.ui.messages import plain
from attnviz.ui.theme import theme


def show_breakdown(
    stages: Stages,
    vectors: tuple[np.ndarray | None, np.ndarray | None, np.ndarray],
    scale: float,
    cell: tuple[int, int],
    queries: Sequence[str],
    keys: Sequence[str],
) -> None:
    """One sentence of numbers and a chart a step for cell (query i, key j); `vectors` are the head's q, k and v.

    Where q and k are not known it starts at the score, and without values (d_v = 0) it ends at the weight.
    """
    i, j = cell
    masked = stages.masked[i, j]
    after = "out of reach" if np.isneginf(masked) else f"{masked:.3f}"
    known = vectors[0] is not None
    score = f"q · k = {stages.scores[i, j]:.3f}, times {scale:.4g} → {after}" if known else f"a score of {after}"
    st.markdown(
        f"From **{plain(queries[i])}** to **{plain(keys[j])}**: {score}; "
        f"its share of the row is the weight **{stages.weights[i, j]:.4f}**."
        + (f" The sink takes {stages.sink_share[i]:.4f} of this row." if stages.sink_share[i] > 0 else "")
    )
    beginning = "The score is a sum over dimensions; softmax" if known else "The score: softmax"
    st.caption(
        f"{beginning} makes it compete with its row"
        + (
            "; what arrives from each key is its weight times its value, whose length the last chart shows (before the "
            "output projection mixes the heads)."
            if vectors[2].shape[-1]
            else "."
        )
    )
    charts = weight_breakdown(stages, vectors, cell, keys, theme=theme())
    for place, (name, chart) in zip(st.columns(len(charts)), charts.items()):
        show_chart(
            chart,
            key=f"weight_{name}",
            alt=f"{chart.layout.title.text}: "
            + "; ".join(f"{label} {value:.3f}" for label, value in zip(chart.data[0].customdata, chart.data[0].x)),
            place=place,
        )
