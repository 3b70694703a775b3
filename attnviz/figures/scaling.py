"""Scores against their width, and one row of weights with and without the division."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, styled
from attnviz.lessons.scaling import ScoreSample


def over_width(
    samples: Sequence[ScoreSample],
    measure: str,
    *,
    title: str,
    unit: str,
    law: Sequence[float] | None,
    d_k: int,
    theme: str,
) -> go.Figure:
    """One measure (`spread`, `winner`, `gradient`) over d_k, unscaled and scaled; `law` is drawn dashed behind."""
    colours = THEMES[theme]
    widths = sorted({sample.d_k for sample in samples})
    figure = go.Figure()
    if law is not None:
        figure.add_scatter(x=widths, y=list(law), mode="lines", name="√d_k, the law", hoverinfo="skip",
                           line={"color": colours.faint, "dash": "dash", "width": 2})  # fmt: skip
    series = ((False, "not divided", colours.alarm, "circle"), (True, "divided by √d_k", colours.accent, "square"))
    for scaled, name, colour, symbol in series:
        values = [getattr(sample, measure) for sample in samples if sample.scaled is scaled]
        figure.add_scatter(
            x=widths, y=values, mode="lines+markers", name=name, line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 7}, hovertemplate=f"d_k %{{x}}, {name}: %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    styled(figure, theme, height=330, margin={"l": 52, "r": 10, "t": 70, "b": 44}, title=title)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(
        constrain=None, type="log", title="d_k", tickvals=widths[::2], showline=True, linecolor=colours.faint
    )
    figure.update_yaxes(constrain=None, title=unit, showgrid=True, gridcolor=colours.ink[1], rangemode="tozero")
    if law is not None:
        figure.update_yaxes(type="log", tickvals=widths[:6])
    figure.add_vline(x=d_k, line={"color": colours.text, "width": 1, "dash": "dot"})
    return figure


def two_rows(unscaled: np.ndarray, scaled: np.ndarray, *, title: str, theme: str) -> go.Figure:
    """The same query's weights [keys], largest first, without and with the division."""
    colours = THEMES[theme]
    order = np.argsort(-unscaled, kind="stable")
    places = list(range(1, len(order) + 1))
    figure = go.Figure()
    for weights, name, colour in (
        (unscaled, "not divided", colours.alarm),
        (scaled, "divided by √d_k", colours.accent),
    ):
        figure.add_bar(x=places, y=weights[order], name=name, marker_color=colour,
                       hovertemplate=f"key %{{x}}, {name}: %{{y:.3f}}<extra></extra>")  # fmt: skip
    styled(figure, theme, height=330, margin={"l": 52, "r": 10, "t": 70, "b": 44}, title=title)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(constrain=None, title="key, best match first", dtick=1)
    figure.update_yaxes(constrain=None, title="weight", range=[0, 1.02], showgrid=True, gridcolor=colours.ink[1])
    return figure
