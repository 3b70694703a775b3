"""Take it away: what is on screen as a file, made when somebody asks for it."""

import re
from collections.abc import Callable
from functools import partial

import streamlit as st

from attnviz import export
from attnviz.export import Picture, Plotted
from attnviz.ui.theme import theme

TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "html": "text/html", "csv": "text/csv",
         "npz": "application/octet-stream", "py": "text/x-python"}  # fmt: skip


def export_menu(
    key: str, name: str, picture: Callable[[str], Picture | Plotted], recording: Callable[[], bytes] | None = None
) -> None:
    """A popover with a button a format; `picture` is asked for, with the reader's theme, when one is pressed.

    `key` tells this view from others on the page, and files are called `name`. `recording` makes the file of all
    weights, where there is one.
    """
    look = theme()  # what runs when a button is pressed knows nothing of the reader's page

    def file(ending: str) -> bytes:
        return export.made(picture(look), ending)

    with st.popover("Take it away", icon=":material/download:", key=f"away_{key}"):
        st.caption("What is on screen; each file says inside where it comes from.")
        called = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
        for ending, label in export.ENDINGS.items():
            st.download_button(
                label, partial(file, ending), f"{called}.{ending}", TYPES[ending], key=f"take_{key}_{ending}",
                on_click="ignore", width="stretch",
            )  # fmt: skip
        if recording is not None:
            st.download_button(
                "All weights, opens without the model", recording, f"{called}.weights.npz", TYPES["npz"],
                key=f"take_{key}_recording", on_click="ignore", width="stretch",
                help="Every head's weights for this text, as a file that Your own weights shows in the same views.",
            )  # fmt: skip


def name_of(model: str, *parts: object) -> str:
    """What a file is called: the model's last name and what is shown."""
    return "-".join([model.rstrip("/").split("/")[-1], *map(str, parts)])
