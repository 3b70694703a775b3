"""A button that copies the address of what is on screen."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
_COPY_LINK = st.components.v2.component(
    "attnviz.copy_link",
    html='<div><button type="button">Copy link</button><span role="status"></span></div>',
    css=(HERE / "copy_link.css").read_text(encoding="utf-8"),
    js=(HERE / "copy_link.js").read_text(encoding="utf-8"),
)


def copy_link(key: str) -> None:
    """The button. It takes the address from the browser, so the link is to the view as it stands."""
    _COPY_LINK(key=key, width="content")
