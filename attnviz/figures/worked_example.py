"""A small matrix whose numbers are read, not guessed from a colour."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, styled


def matrix(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    digits: int = 4,
    chosen_row: int | None = None,
    flagged: np.ndarray | None = None,
    theme: str = "light",
) -> go.Figure:
    """values [rows, columns] with each number in its cell; `flagged` cells are framed, -inf reads −∞."""
    colours = THEMES[theme]
    finite = np.where(np.isfinite(values), values, 0.0)
    top = max(float(np.abs(finite).max()), 1.0)
    share = np.abs(finite) / top
    figure = go.Figure(
        go.Heatmap(
            z=share,
            customdata=values,
            zmin=0,
            zmax=1.6,  # the darkest ink is left out, so that the numbers stay readable on every cell
            colorscale=colours.ink_scale(),
            showscale=False,
            xgap=3,
            ygap=3,
            hovertemplate="%{y}, %{x}: %{customdata:.6f}<extra></extra>",
        )
    )
    on_strong = "#ffffff" if theme == "light" else "#0b0e14"
    cells = list(np.ndindex(values.shape))
    numbers = [
        {"x": j, "y": i, "showarrow": False, "text": _number(float(values[i, j]), digits),
         "font": {"size": 15, "color": on_strong if share[i, j] > 0.7 else colours.text}}
        for i, j in cells
    ]  # fmt: skip
    frames = [
        {"type": "rect", "x0": j - 0.46, "x1": j + 0.46, "y0": i - 0.44, "y1": i + 0.44,
         "line": {"color": colours.alarm, "width": 2, "dash": "dot"}}
        for i, j in cells if flagged is not None and flagged[i, j]
    ]  # fmt: skip
    if chosen_row is not None:
        frames.append({"type": "rect", "x0": -0.5, "x1": values.shape[1] - 0.5, "y0": chosen_row - 0.48,
                       "y1": chosen_row + 0.48, "line": {"color": colours.accent, "width": 2}})  # fmt: skip
    figure.update_layout(annotations=numbers, shapes=frames)  # at once: one by one takes a millisecond each
    figure.update_xaxes(side="top", ticks="", tickvals=list(range(len(columns))),
                        ticktext=[html.escape(name) for name in columns], range=[-0.54, len(columns) - 0.46],
                        fixedrange=True, tickfont={"size": 13, "color": colours.faint})  # fmt: skip
    figure.update_yaxes(ticks="", tickvals=list(range(len(rows))), ticktext=[html.escape(name) for name in rows],
                        range=[len(rows) - 0.46, -0.54], fixedrange=True, ticklabelstandoff=6,
                        tickfont={"size": 13, "color": colours.faint})  # fmt: skip
    left = 18 + 8 * max(len(name) for name in rows)
    return styled(figure, theme, height=62 * len(rows) + 66, margin={"l": left, "r": 6, "t": 58, "b": 8}, title=title)


def _number(value: float, digits: int) -> str:
    if np.isneginf(value):
        return "−∞"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.{digits}f}"
