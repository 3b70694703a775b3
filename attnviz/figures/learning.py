"""A training as it went, and matrices of signed numbers."""

import html
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, styled
from attnviz.lessons.learning import CHANCE, EVEN_LOSS, ITEMS, Training


class Panel(NamedTuple):
    """One of the charts above each other: the format of its numbers, a level to compare with, its y axis and place."""

    title: str
    number: str
    level: float
    level_name: str
    axis: dict[str, Any]
    place: tuple[float, float]


PANELS = {
    "loss": Panel("loss: squared distance from the right value", ".3f", EVEN_LOSS, "mean of the stored values",
                  {"type": "log", "dtick": 1}, (0.74, 1.0)),
    "accuracy": Panel("accuracy: share of right answers", ".0%", CHANCE, "a guess",
                      {"range": [-0.02, 1.02], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}, (0.37, 0.63)),
    "entropy": Panel("entropy of the weights, bits", ".2f", math.log2(ITEMS + 1), "even weights",
                     {"range": [0, 2.6]}, (0.0, 0.26)),
}  # fmt: skip


def learning_curves(training: Training, step: int, *, theme: str) -> go.Figure:
    """Loss, accuracy and entropy over the steps, on training and held-out sequences; `step` is marked."""
    colours = THEMES[theme]
    last = len(training.projections) - 1
    layout: dict[str, Any] = {
        "xaxis": {"title": "training step", "range": [0, last], "showline": True, "linecolor": colours.faint,
                  "anchor": "y3"},
        "shapes": [{"type": "line", "x0": step, "x1": step, "yref": "paper", "y0": 0, "y1": 1,
                    "line": {"color": colours.text, "width": 1, "dash": "dot"}}],
        "annotations": [
            {"text": panel.title, "xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": panel.place[1],
             "yanchor": "bottom", "showarrow": False, "font": {"color": colours.faint}}
            for panel in PANELS.values()
        ],
    }  # fmt: skip
    lines = []
    for row, (measure, panel) in enumerate(PANELS.items(), start=1):
        layout[f"yaxis{row}"] = panel.axis | {"domain": panel.place, "gridcolor": colours.ink[1]}
        lines.append(
            go.Scatter(
                x=[0, last], y=[panel.level] * 2, yaxis=f"y{row}", mode="lines+text", text=["", panel.level_name],
                textposition="top left", textfont={"size": 11, "color": colours.faint}, hoverinfo="skip",
                showlegend=False, line={"color": colours.faint, "width": 1, "dash": "dot"},
            )
        )  # fmt: skip
        for name, measures, colour, dash in (
            ("training", training.training, colours.accent, "solid"),
            ("held out", training.held_out, colours.alarm, "dash"),
        ):
            lines.append(
                go.Scatter(
                    y=[getattr(measured, measure) for measured in measures], yaxis=f"y{row}", mode="lines",
                    name=name, meta=measure, line={"color": colour, "width": 2, "dash": dash}, showlegend=row == 1,
                    hovertemplate=f"step %{{x}}, {name}: %{{y:{panel.number}}}<extra></extra>",
                )
            )  # fmt: skip
    figure = go.Figure(lines, layout)
    styled(figure, theme, height=520, margin={"l": 50, "r": 10, "t": 96, "b": 44}, title="Over training")
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.07, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(constrain=None)
    figure.update_yaxes(constrain=None, showgrid=True)
    return figure


def signed_matrix(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], largest: float, *, title: str, theme: str
) -> go.Figure:
    """values [rows, columns]: orange below zero, blue above, full colour at ±`largest`."""
    figure = go.Figure(
        go.Heatmap(
            z=values, zmin=-largest, zmax=largest, colorscale=THEMES[theme].signed_scale(), showscale=False,
            xgap=1, ygap=1, hovertemplate="%{y}, %{x}: %{z:.3f}<extra></extra>",
            x=[html.escape(name) for name in columns], y=[html.escape(name) for name in rows],
        )
    )  # fmt: skip
    both = {"ticks": "", "dtick": 1, "fixedrange": True, "tickfont": {"size": 11}}
    figure.layout.xaxis = both | {"side": "top", "tickangle": 0}
    figure.layout.yaxis = both | {"autorange": "reversed", "ticklabelstandoff": 4}
    left = 14 + 8 * max(len(name) for name in rows)
    return styled(figure, theme, height=82 + 20 * len(rows), margin={"l": left, "r": 4, "t": 58, "b": 8}, title=title)
