"""Four views of the same weights; a click in any of them chooses the cell whose weight is explained."""

from collections.abc import Callable, Collection

import pandas as pd
import streamlit as st

from attnviz import components, figures
from attnviz.maps.attention_map import AttentionMap, strongest_cells
from attnviz.ui.chart import show_chart
from attnviz.ui.state import chosen_by, current, on_screen
from attnviz.ui.theme import theme

NAMES = {"heatmap": "Heatmap", "lines": "Lines", "strip": "Text", "table": "Table"}
Choose = Callable[[int, int], None]  # row and column of the map


def show(
    found: AttentionMap,
    cell: tuple[int, int] | None,
    title: str,
    choose_cell: Choose,
    glue: tuple[list[bool], list[bool]],
    targets: Collection[tuple[int, int]] = (),
) -> None:
    """The map in the chosen view; `cell` is framed, and `choose_cell` is told of a click.

    `glue`: which rows, and which columns, follow the one before without a space. `targets`: cells that a heatmap draws
    a line round, and that a table says yes to.
    """
    if current().shown_as == "strip":
        _strip(found, cell, title, choose_cell, glue)
    elif current().shown_as == "lines":
        _lines(found, cell, title, choose_cell)
    else:
        draw = {"heatmap": _heatmap, "table": _table}[current().shown_as]
        draw(found, cell, title, choose_cell, targets)
    for note in found.notes:
        st.caption(note)


def heatmap(
    found: AttentionMap,
    cell: tuple[int, int] | None,
    title: str,
    key: str,
    on_select=None,
    says: str = "weight",
    targets: Collection[tuple[int, int]] = (),
) -> None:
    """The map as Plotly draws it; `says` is what its numbers are, and those below zero get a scale of two sides."""
    show_chart(
        figures.map_figure(
            found,
            title,
            scale=current().scale,
            top=current().top,
            says=says,
            cell=cell,
            marked=targets,
            clickable=on_select is not None,
            theme=theme(),
        ),
        key=key,
        alt=f"{title}: {len(found.rows)} rows over {len(found.columns)} columns, the largest: "
        + "; ".join(f"{a} to {b} {weight:.2f}" for a, b, weight, *_ in strongest_cells(found, 5)),
        on_select=on_select,
    )


def _heatmap(
    found: AttentionMap,
    cell: tuple[int, int] | None,
    title: str,
    choose_cell: Choose,
    targets: Collection[tuple[int, int]],
) -> None:
    if max(found.weights.shape) > figures.CLICKABLE:
        st.markdown(f"**{title}**")
        components.canvas_map(found.weights, found.queries, found.keys, key="canvas", theme=theme(),
                              scale=current().scale, chosen=cell, lines=figures.outline(targets),
                              on_choose=choose_cell)  # fmt: skip
        return

    def clicked() -> None:
        points = st.session_state.heatmap.selection.points
        if points:
            choose_cell(*(int(place) for place in points[0]["customdata"][:2]))

    heatmap(found, cell, title, "heatmap", clicked, targets=targets)


def _lines(found: AttentionMap, cell: tuple[int, int] | None, title: str, choose_cell: Choose) -> None:
    at_least, at_most = st.columns(2)
    with at_least:
        chosen_by(st.slider, "threshold", "Lines from a weight of", current().threshold,
                  min_value=0.0, max_value=0.5, step=0.01)  # fmt: skip
    with at_most:
        chosen_by(st.slider, "top_k", "Lines a token, 0 for all", min(current().top_k, 10), min_value=0, max_value=10)
    st.markdown(f"**{title}**")
    components.lines(
        found.weights, found.queries, found.keys, key="lines", theme=theme(), threshold=current().threshold,
        top_k=current().top_k or None, chosen=None if cell is None else ("query", cell[0]),
        strongest=found.strongest,
        heads=found.heads,
        on_choose=lambda side, place: choose_cell(*_with(cell, side, place)),
    )  # fmt: skip


def _strip(
    found: AttentionMap,
    cell: tuple[int, int] | None,
    title: str,
    choose_cell: Choose,
    glue: tuple[list[bool], list[bool]],
) -> None:
    chosen_by(st.segmented_control, "side", "Painted on the text", current().side, options=("query", "key"),
              format_func={"query": "where a token looks", "key": "who looks at it"}.get, required=True)  # fmt: skip
    st.markdown(f"**{title}**")
    side = current().side
    components.strip(
        found.weights, found.queries, found.keys, key="strip", theme=theme(), side=side,
        glue=glue[0], key_glue=glue[1],
        chosen=None if cell is None else (side, cell[0] if side == "query" else cell[1]),
        on_choose=lambda side, place: choose_cell(*_with(cell, side, place)),
    )  # fmt: skip


def _table(
    found: AttentionMap,
    cell: tuple[int, int] | None,
    title: str,
    choose_cell: Choose,
    targets: Collection[tuple[int, int]],
) -> None:
    cells = strongest_cells(found)
    st.markdown(f"**{title}**: its {len(cells)} strongest pairs")

    def picked() -> None:
        rows = st.session_state.pairs.selection.rows
        if rows:
            choose_cell(*cells[rows[0]][3:])

    pairs = pd.DataFrame([(a, b, weight) for a, b, weight, *_ in cells], columns=["from", "to", "weight"])
    if targets:
        pairs["target"] = [(row, column) in targets for *_, row, column in cells]
    st.dataframe(
        pairs,
        hide_index=True,
        height=420,
        key="pairs",
        on_select=picked,
        selection_mode="single-row",
        column_config={"weight": st.column_config.ProgressColumn(format="%.4f", min_value=0.0, max_value=1.0)},
    )


def _with(cell: tuple[int, int] | None, side: str, place: int) -> tuple[int, int]:
    """The chosen cell with another row or column."""
    row, column = cell or (0, 0)
    return (place, column) if side == "query" else (row, place)


def switch() -> None:
    """Which of the four views."""
    chosen_by(st.segmented_control, "shown_as", "View", current().shown_as, options=list(NAMES),
              format_func=NAMES.get, required=True, label_visibility="collapsed")  # fmt: skip
    on_screen("threshold", "top_k", "side")
