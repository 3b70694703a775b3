"""The view of this session: read from the address once, changed by choices, written back after each run."""

from dataclasses import replace
from typing import Any

import streamlit as st

from attnviz.ui import address
from attnviz.ui.address import View


def start() -> None:
    """Call first in every run: a new session takes its view from the address."""
    if "view" not in st.session_state:
        st.session_state.view, st.session_state.notices = address.read(st.query_params.to_dict())


def view() -> View:
    """What is chosen now."""
    return st.session_state.view


def choose(**changes: Any) -> None:
    """Change some choices."""
    st.session_state.view = replace(st.session_state.view, **changes)


def finish() -> None:
    """Call last in every run: the address shows the view, so that it can be copied and sent."""
    st.query_params.from_dict(address.write(view()))


def chosen_by(widget: Any, field: str, label: str, value: Any, **options: Any) -> Any:
    """A widget bound to one field of the view: `chosen_by(st.selectbox, "layer", "Layer", 3, options=…)`.

    The view is the truth and the widget shows it; Streamlit drops the state of widgets on pages that are left.
    """
    key = f"pick_{field}"
    st.session_state[key] = value

    def changed() -> None:
        if st.session_state[key] is not None:
            choose(**{field: st.session_state[key]})

    return widget(label, key=key, on_change=changed, **options)
