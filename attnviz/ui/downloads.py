"""Take it away: the view on screen as a file, made when somebody asks for it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from attnviz import export
from attnviz.errors import AttnvizError
from attnviz.export import Picture, Provenance
from attnviz.reading import Reading
from attnviz.traces import Head, Trace
from attnviz.ui import cache, readings
from attnviz.ui.address import View
from attnviz.ui.certificates import NOT_RECOMPUTED, in_words
from attnviz.ui.theme import theme

OF_VIEW = {"heatmap": ("scale", "top"), "lines": ("threshold", "top_k"), "strip": ("side",), "table": ()}
TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "html": "text/html", "csv": "text/csv",
         "npz": "application/octet-stream", "py": "text/x-python"}  # fmt: skip


def take_away(
    trace: Trace,
    head: Head,
    found: Reading,
    view: View,
    title: str,
    cell: tuple[int, int] | None,
    glue: tuple[Sequence[bool], Sequence[bool]],
) -> None:
    """A popover with a button a format; `found` is what the view shows, `cell` its chosen row and column."""
    look = theme()  # what runs when a button is pressed knows nothing of the reader's page

    def file(ending: str) -> bytes:
        return export.made(picture_of(trace, head, found, view, title, cell, glue, look), ending)

    with st.popover("Take it away", icon=":material/download:"):
        st.caption("What is on screen, with its model, text, settings, versions and certificate inside.")
        name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{trace.model.rstrip('/').split('/')[-1]}-{title}")
        for ending, label in export.ENDINGS.items():
            st.download_button(
                label, partial(file, ending), f"{name}.{ending}", TYPES[ending], key=f"take_{ending}",
                on_click="ignore", width="stretch",
            )  # fmt: skip


def picture_of(
    trace: Trace,
    head: Head,
    found: Reading,
    view: View,
    title: str,
    cell: tuple[int, int] | None,
    glue: tuple[Sequence[bool], Sequence[bool]],
    look: str,
) -> Picture:
    """The view with its provenance; the certificate is made here if it is not there yet."""
    aids = readings.aids_of(trace, head.kind, view)
    drawn = {name: getattr(view, name) for name in OF_VIEW[view.shown_as]}
    heads = readings.heads(trace, head.kind, head.layer, head.head, view)
    shown = ", ".join(str(replace(head, head=one)) for one in heads)
    settings = {"view": view.shown_as, "combine": view.combine} | drawn | aids.chosen()
    ink: dict[str, Any] = {"scale": view.scale, "top": view.top}
    return Picture(
        found, title,
        provenance=Provenance.of(trace, head.kind, shown, settings, _certificate(trace, head)),
        python=export.python_lines(trace, head.kind, head.layer, heads, view.combine, aids, title=title, **ink),
        shown_as=view.shown_as, theme=look, cell=cell or (0, 0), glue=glue, **ink,
        threshold=view.threshold, top_k=view.top_k, side=view.side,
    )  # fmt: skip


def _certificate(trace: Trace, head: Head) -> str:
    if trace.route == "own":
        return NOT_RECOMPUTED
    try:
        return in_words(cache.certificate_of(trace), head)
    except (AttnvizError, ValueError) as error:
        return f"none: {error}"
