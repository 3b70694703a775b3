"""A Plotly figure on a page: one place for what all of them need."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st


def show_chart(
    figure: go.Figure, *, alt: str, key: str | None = None, on_select: Callable[[], None] | None = None, place: Any = st
) -> None:
    """The figure as it is, in a place of the page; `alt` is what a screen reader says of it, and `on_select` is called
    after a click on one of its points."""
    interactive: dict[str, Any] = {} if on_select is None else {"on_select": on_select, "selection_mode": "points"}
    place.plotly_chart(figure, key=key, theme=None, config={"displayModeBar": False}, alt=alt, **interactive)
