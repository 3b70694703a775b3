"""The view of a session: taken from the address, and written into it after each run."""

from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attnviz.ui import address
from attnviz.ui.address import UrlState


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


def open_address(query: Mapping[str, str]) -> None:
    """The view that a file names."""
    st.session_state.view, st.session_state.notices = address.read(query)


def finish() -> None:
    """app.py calls this last: the address holds every choice on this screen, so that it can be copied and sent."""
    st.session_state.inside_app = False
    st.query_params.from_dict(address.write(st.session_state.view, st.session_state.on_screen))
