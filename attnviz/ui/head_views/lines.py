"""Lines: one from each token to those that it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attnviz import components
from attnviz.choices import within
from attnviz.figures.theme import HEAD_COLOURS, THEMES
from attnviz.ui.head_view import HeadView, Shown
from attnviz.ui.state import chosen_by, current
from attnviz.ui.theme import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from attnviz.export import Marks

FAINTEST_LINE = 0.02  # the least weight that is drawn on paper, as on screen


@dataclass(frozen=True)
class Choices:
    """Lines keep to weights from `threshold` on, and to the `top_k` of each row, 0 for all."""

    threshold: float = within(0.0, 0.5, 0.0)
    top_k: int = 0


def show(shown: Shown) -> None:
    """With the settings above; the chosen row stands out."""
    at_least, at_most = st.columns(2)
    with at_least:
        chosen_by(st.slider, "threshold", "Lines from a weight of", current().threshold,
                  min_value=0.0, max_value=0.5, step=0.01)  # fmt: skip
    with at_most:
        chosen_by(st.slider, "top_k", "Lines a token, 0 for all", min(current().top_k, 10), min_value=0, max_value=10)
    st.markdown(f"**{shown.title}**")
    found = shown.found
    components.lines(
        found.weights, found.queries, found.keys, key="lines", theme=theme(), threshold=current().threshold,
        top_k=current().top_k or None, chosen=None if shown.cell is None else ("query", shown.cell[0]),
        strongest=found.strongest, heads=found.heads, on_choose=shown.choose_token,
    )  # fmt: skip


def paint(figure: Figure, axes: Axes, marks: Marks) -> None:
    """Tokens that attend to the left, tokens that are attended to to the right, a line for each weight."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    from attnviz.export.marks import lined, token_text

    found, colours = marks.attention_map, THEMES[marks.theme]
    lined(figure, axes, max(found.weights.shape))
    sides = ((found.queries, 0.29, "right", marks.cell and marks.cell[0]), (found.keys, 0.71, "left", None))
    for tokens, x, side, chosen in sides:
        for place, token in enumerate(tokens):
            colour = colours.alarm if place == chosen else colours.text
            axes.text(x, place + 0.5, token_text(token), ha=side, va="center", size=9, color=colour)
    for place, name in enumerate(found.heads):
        axes.text(1, place + 0.5, name, ha="right", va="center", size=9, color=HEAD_COLOURS[place % len(HEAD_COLOURS)])
    links = _links(marks)
    top = max(1.0, found.weights.max())
    along = np.linspace(0, 1, 24)
    bend = along**2 * (3 - 2 * along)
    axes.add_collection(
        LineCollection(
            [np.column_stack([0.3 + 0.4 * along, i + 0.5 + (j - i) * bend]) for i, j, _ in links],
            colors=[to_rgba(_head_colour(marks, i, j), min(1, 0.06 + weight / top)) for i, j, weight in links],
            linewidths=[0.5 + 2 * weight / top for *_, weight in links],
        )
    )


def _head_colour(marks: Marks, row: int, column: int) -> str:
    """The accent, or, of several heads, the colour of the one that is strongest there."""
    strongest_heads = marks.attention_map.strongest
    if strongest_heads is None:
        return THEMES[marks.theme].accent
    return HEAD_COLOURS[strongest_heads[row, column] % len(HEAD_COLOURS)]


def _links(marks: Marks) -> list[tuple[int, int, float]]:
    """Row, column and weight of each line, weakest first, so that the strongest lie on top."""
    weights = marks.attention_map.weights
    most = marks.settings["top_k"] or weights.shape[1]
    least = max(marks.settings["threshold"], FAINTEST_LINE)
    kept = [(i, int(j)) for i, row in enumerate(weights) for j in np.argsort(-row, kind="stable")[:most]]
    return sorted(((*at, float(weights[at])) for at in kept if weights[at] >= least), key=lambda link: link[2])


VIEW = HeadView(name="lines", order=20, title="Lines", show=show, choices=Choices, paint=paint)
