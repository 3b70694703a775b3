"""Heatmap: a cell for each pair of tokens."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import streamlit as st

from attnviz import components, figures
from attnviz.choices import one_of, within
from attnviz.maps.attention_map import AttentionMap, strongest_cells
from attnviz.ui.chart import show_chart
from attnviz.ui.head_view import Cell, HeadView, Shown
from attnviz.ui.state import current
from attnviz.ui.theme import theme


@dataclass(frozen=True)
class Choices:
    """`scale` of the colours, which go up to `top`."""

    scale: str = one_of(("linear", "log", "row"))
    top: float = within(0.05, 1.0, 1.0)


def show(shown: Shown) -> None:
    """As a chart, or as pixels where it has more cells than can be clicked one by one."""
    if max(shown.found.weights.shape) > figures.CLICKABLE:
        st.markdown(f"**{shown.title}**")
        components.canvas_map(
            shown.found.weights, shown.found.queries, shown.found.keys, key="canvas", theme=theme(),
            scale=current().scale, chosen=shown.cell, lines=figures.outline(shown.targets),
            on_choose=shown.choose_cell,
        )  # fmt: skip
        return

    def clicked() -> None:
        points = st.session_state.heatmap.selection.points
        if points:
            shown.choose_cell(*(int(place) for place in points[0]["customdata"][:2]))

    chart(shown.found, shown.title, "heatmap", cell=shown.cell, on_select=clicked, targets=shown.targets)


def chart(
    found: AttentionMap,
    title: str,
    key: str,
    *,
    cell: Cell | None = None,
    on_select: Callable[[], None] | None = None,
    says: str = "weight",
    targets: Collection[Cell] = (),
) -> None:
    """A map as Plotly draws it, with `cell` framed and a line round `targets`; `says` is what its numbers are, and
    those below zero get a scale of two sides."""
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


VIEW = HeadView(name="heatmap", order=10, title="Heatmap", show=show, choices=Choices)
