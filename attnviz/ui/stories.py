"""The story of one weight, as the lessons and the real heads both tell it."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from attnviz import figures
from attnviz.core.attention import Stages
from attnviz.ui.messages import plain
from attnviz.ui.theme import theme


def tell(
    stages: Stages,
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
    scale: float,
    cell: tuple[int, int],
    queries: Sequence[str],
    keys: Sequence[str],
) -> None:
    """One sentence of numbers and four charts for cell (query i, key j); `vectors` are the head's q, k and v."""
    i, j = cell
    masked = stages.masked[i, j]
    after = "out of reach" if np.isneginf(masked) else f"{masked:.3f}"
    st.markdown(
        f"From **{plain(queries[i])}** to **{plain(keys[j])}**: q · k = {stages.scores[i, j]:.3f}, times {scale:.4g} "
        f"→ {after}; its share of the row is the weight **{stages.weights[i, j]:.4f}**."
    )
    st.caption(
        "The score is a sum over dimensions; softmax makes it compete with its row; what arrives from each key is its "
        "weight times its value, whose length the last chart shows (before the output projection mixes the heads)."
    )
    charts = figures.cell_story(stages, *vectors, cell, keys, theme=theme())
    for place, name, chart in zip(st.columns(4), ("dimensions", "steps", "row", "carried"), charts):
        place.plotly_chart(
            chart,
            key=f"story_{name}",
            theme=None,
            config={"displayModeBar": False},
            alt=f"{chart.layout.title.text}: "
            + "; ".join(f"{label} {value:.3f}" for label, value in zip(chart.data[0].customdata, chart.data[0].x)),
        )
