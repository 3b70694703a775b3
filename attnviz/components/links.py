"""Two buttons that only a browser can serve: one copies the address, one saves a file with what was typed beside it.

Streamlit's download button would save the note as it was before the last thing typed: its file is made before the
text box has told the server.
"""

from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent


def _component(name: str, html: str) -> Any:
    style = (HERE / "links.css").read_text(encoding="utf-8")
    script = (HERE / f"{name}.js").read_text(encoding="utf-8")
    return st.components.v2.component(f"attnviz.{name}", html=html, css=style, js=script)


_COPY_LINK = _component(
    "copy_link", '<div class="link"><span role="status"></span><button type="button">Copy link</button></div>'
)
_SAVE_VIEW = _component(
    "save_view",
    """<div class="save"><label for="note">Note</label>
    <textarea id="note" rows="5" placeholder="What is seen here?"></textarea>
    <button type="button">Save view</button><span role="status"></span></div>""",
)


def copy_link(key: str) -> None:
    """The button. It takes the address from the browser, so the link is to the view as it stands."""
    _COPY_LINK(key=key, width="content")


def save_view(view: str, longest: int, *, key: str) -> None:
    """A box for a note of at most `longest` characters, and a button that saves the JSON `view` with it."""
    _SAVE_VIEW(key=key, data={"view": view, "longest": longest})
