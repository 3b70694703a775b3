"""The view of this session, for pages and their parts: what is chosen, and the widgets that choose."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from attnviz.ui.address import UrlState

APP = Path(__file__).parents[2] / "app.py"


class StopPage(Exception):
    """Raised where a page has said why it can show no more. After `st.stop()` nothing could write the address."""


class NeedsConfirmation(StopPage):
    """Raised where the page goes on when the reader agrees to work that takes long."""


def current() -> UrlState:
    """What is chosen now, inside callbacks too."""
    return st.session_state.view


def url_state() -> UrlState:
    """What is chosen now, for a page, which asks for it before it draws anything.

    Because there is a folder `pages`, Streamlit runs a page alone, without app.py, when it is the first thing that a
    fresh server is asked for (by a link that somebody was sent). Then app.py is run here in its place.
    """
    if not st.session_state.get("inside_app"):
        runpy.run_path(str(APP))
        st.stop()
    return current()


def choose(**changes: Any) -> None:
    """Change some choices."""
    st.session_state.view = replace(st.session_state.view, **changes)


def on_screen(*names: str) -> None:
    """These choices shape this screen, so the address holds them; `chosen_by` says it of its own."""
    st.session_state.on_screen.update(names)


def chosen_by(widget: Any, field: str, label: str, value: Any, **options: Any) -> Any:
    """A widget bound to one field of the view: `chosen_by(st.selectbox, "layer", "Layer", 3, options=…)`.

    The view is the truth and the widget shows it; Streamlit drops the state of widgets on pages that are left.
    """
    key = f"pick_{field}"
    st.session_state[key] = value
    on_screen(field)

    def changed() -> None:
        if st.session_state[key] is not None:
            choose(**{field: st.session_state[key]})

    return widget(label, key=key, on_change=changed, **options)


def open_clicked(chart: str) -> Callable[[], None]:
    """For a chart of heads, by its key: a click chooses the head that the point's customdata begins with."""

    def clicked() -> None:
        points = st.session_state[chart].selection.points
        if points:
            clicked_layer, clicked_head = points[0]["customdata"][:2]
            choose(layer=int(clicked_layer), head=int(clicked_head))

    return clicked
