"""Export: what is on screen as a file, made when somebody asks for it."""

import re
from collections.abc import Callable
from functools import partial

import streamlit as st

from attnviz import export
from attnviz.export import FigureSet
from attnviz.ui.theme import theme


def export_menu(
    key: str, name: str, figures: Callable[[str], FigureSet], recording: Callable[[], bytes] | None = None
) -> None:
    """A popover with a button a format; `figures` is asked for, with the reader's theme, when one is pressed.

    `key` tells this view from others on the page, and files are called `name`. `recording` makes the file of all
    weights, where there is one.
    """
    look = theme()  # what runs when a button is pressed knows nothing of the reader's page

    def file(suffix: str) -> bytes:
        return export.made(figures(look), suffix)

    with st.popover("Export", icon=":material/download:", key=f"export_{key}"):
        st.caption("What is on screen; each file says inside where it comes from.")
        called = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
        for suffix, one in export.FORMATS.items():
            st.download_button(
                one.label, partial(file, suffix), f"{called}.{suffix}", one.mime, key=f"export_{key}_{suffix}",
                on_click="ignore", width="stretch",
            )  # fmt: skip
        if recording is not None:
            st.download_button(
                "All weights, opens without the model", recording, f"{called}.weights.npz",
                export.FORMATS["npz"].mime, key=f"export_{key}_recording", on_click="ignore", width="stretch",
                help="Every head's weights for this text, as a file that Your own weights shows in the same views.",
            )  # fmt: skip


def name_of(model: str, *parts: object) -> str:
    """What a file is called: the model's last name and what is shown."""
    return "-".join([model.rstrip("/").split("/")[-1], *map(str, parts)])
