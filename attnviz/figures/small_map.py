"""A small attention map: ink without numbers."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, styled, token_labels


def small_map(weights: np.ndarray, tokens: Sequence[str], *, title: str, theme: str = "light") -> go.Figure:
    """weights [queries, keys] of one short text as ink, without numbers: rows attend, columns are attended to."""
    labels = token_labels(tuple(tokens))
    figure = go.Figure(
        go.Heatmap(
            z=weights,
            zmin=0,
            zmax=1,
            colorscale=THEMES[theme].ink_scale(),
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y} → %{x}: %{z:.4f}<extra></extra>",
        )
    )
    axis = {"ticks": "", "dtick": 1, "tickformat": "d", "labelalias": labels, "tickfont": {"size": 11}}
    figure.update_xaxes(side="top", tickangle=-60, **axis)
    figure.update_yaxes(scaleanchor="x", autorange="reversed", **axis)
    return styled(figure, theme, height=222, margin={"l": 34, "r": 18, "t": 62, "b": 6}, title=title)
