"""A small matrix whose numbers are read, not guessed from a colour."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, shortened, styled


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
    framed = [] if flagged is None else [(i, j, i, j, colours.alarm, "dot") for i, j in np.argwhere(flagged).tolist()]
    if chosen_row is not None:
        framed.append((chosen_row, 0, chosen_row, values.shape[1] - 1, colours.accent, "solid"))
    left_names = [html.escape(shortened(name)) for name in rows]
    top_names = [html.escape(shortened(name, 52 // len(columns))) for name in columns]
    axis = {"fixedrange": True, "tickfont": {"size": 13, "color": colours.faint}}
    figure = go.Figure(
        go.Heatmap(
            z=share,
            customdata=values,
            text=[[_number(value, digits) for value in row] for row in values],
            texttemplate="%{text}",  # Plotly writes it light or dark, as the cell needs
            textfont={"size": 15 if values.shape[1] <= 4 else 13 if values.shape[1] <= 6 else 11},
            zmin=0,
            zmax=1.6 if theme == "light" else 2.1,  # the far end of the ink is left out: numbers stay readable on it
            colorscale=colours.ink_scale(),
            showscale=False,
            xgap=3,
            ygap=3,
            hovertemplate="%{y}, %{x}: %{customdata:.6f}<extra></extra>",
        ),
        layout={
            "shapes": [
                {"type": "rect", "x0": left - 0.48, "x1": right + 0.48, "y0": top - 0.47, "y1": bottom + 0.47,
                 "line": {"color": colour, "width": 2, "dash": dash}}
                for top, left, bottom, right, colour, dash in framed
            ],
            "xaxis": axis | {"side": "top", "tickvals": list(range(len(columns))), "ticktext": top_names,
                             "range": [-0.54, len(columns) - 0.46]},
            "yaxis": axis | {"tickvals": list(range(len(rows))), "ticktext": left_names, "ticklabelstandoff": 6,
                             "range": [len(rows) - 0.46, -0.54]},
        },
    )  # fmt: skip
    margin = {"l": 18 + 8 * max(map(len, left_names)), "r": 6, "t": 58, "b": 8}
    return styled(figure, theme, height=(62 if len(rows) <= 4 else 44) * len(rows) + 66, margin=margin, title=title)


def _number(value: float, digits: int) -> str:
    if np.isneginf(value):
        return "−∞"
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.1e}"
    return f"{value:.{digits}f}"
