"""The view of this session: read from the address, changed by choices, written back after each run."""

import runpy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attnviz.ui import address
from attnviz.ui.address import UrlState

APP = Path(__file__).parents[2] / "app.py"
ICON, LOGO, STYLE = (Path(__file__).with_name(name) for name in ("icon.svg", "logo.svg", "screen.css"))


class StopPage(Exception):
    """Raised where a page has said why it can show no more. After `st.stop()` nothing could write the address."""


class NeedsConfirmation(StopPage):
    """Raised where the page goes on when the reader agrees to work that takes long."""


def start() -> None:
    """app.py calls this first. A new session takes its view from the address, and so does a step back or forward in
    the browser's history; choices that this address does not name stay as they are.
    """
    if "view" not in st.session_state or _came_by_history():
        before = st.session_state.get("view", UrlState())
        st.session_state.view, st.session_state.notices = address.read(st.query_params.to_dict(), before)
    st.session_state.inside_app = True
    st.session_state.on_screen = set()


def _came_by_history() -> bool:
    """Whether the browser's Back or Forward asked for this run: an address that differs for another reason is one that
    a click has overtaken."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


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


def take(query: Mapping[str, str]) -> None:
    """The view that a file names."""
    st.session_state.view, st.session_state.notices = address.read(query)


def finish() -> None:
    """app.py calls this last: the address holds every choice on this screen, so that it can be copied and sent. An
    address that says so already is not sent again: it could reach a browser that has gone on in its history."""
    st.session_state.inside_app = False
    query = address.write(st.session_state.view, st.session_state.on_screen)
    if query != st.query_params.to_dict():
        st.query_params.from_dict(query)


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
