"""Table: the strongest pairs of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from attnviz.figures.theme import THEMES
from attnviz.maps.attention_map import strongest_cells
from attnviz.ui.head_view import HeadView, Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from attnviz.export import Marks


def show(shown: Shown) -> None:
    """A click on a line chooses its cell; targets are told in a column of their own."""
    cells = strongest_cells(shown.found)
    st.markdown(f"**{shown.title}**: its {len(cells)} strongest pairs")

    def picked() -> None:
        rows = st.session_state.pairs.selection.rows
        if rows:
            shown.choose_cell(*cells[rows[0]][3:])

    pairs = pd.DataFrame([(a, b, weight) for a, b, weight, *_ in cells], columns=["from", "to", "weight"])
    if shown.targets:
        pairs["target"] = [(row, column) in shown.targets for *_, row, column in cells]
    st.dataframe(
        pairs,
        hide_index=True,
        height=420,
        key="pairs",
        on_select=picked,
        selection_mode="single-row",
        column_config={"weight": st.column_config.ProgressColumn(format="%.4f", min_value=0.0, max_value=1.0)},
    )


def paint(figure: Figure, axes: Axes, marks: Marks) -> None:
    """The strongest cells, a line each, with a bar."""
    from attnviz.export.marks import lined, token_text

    colours, cells = THEMES[marks.theme], strongest_cells(marks.attention_map)
    lined(figure, axes, len(cells) + 1)
    top = max(1.0, marks.attention_map.weights.max())
    for x, name in zip((0.0, 0.3, 0.6), ("from", "to", "weight")):
        axes.text(x, 0.5, name, size=9, va="center", color=colours.faint)
    for place, (query, key, weight, *_) in enumerate(cells, 1):
        for x, text in zip((0.0, 0.3, 0.6), (token_text(query), token_text(key), f"{weight:.4f}")):
            axes.text(x, place + 0.5, text, size=9, va="center", color=colours.text)
    axes.barh(
        [place + 1.5 for place in range(len(cells))], [0.28 * weight / top for _, _, weight, *_ in cells],
        left=0.72, height=0.5, color=colours.accent,
    )  # fmt: skip


VIEW = HeadView(name="table", order=40, title="Table", show=show, paint=paint)
