"""What somebody found: kept as a file with a note, and opened again."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import streamlit as st

from attnviz import findings
from attnviz.components import copy_link
from attnviz.export import versions
from attnviz.findings import Finding
from attnviz.traces import Trace
from attnviz.ui import address, state
from attnviz.ui.messages import plain


def keep(page: str, title: str, trace: Trace, numbers: Mapping[str, float], certificate: Any) -> None:
    """A popover with a note and a button that saves the finding, beside one that copies the link.

    `certificate()` says it in words; it is asked when the file is made.
    """
    view, names = state.current(), st.session_state.on_screen  # the set goes on filling until the run ends

    def file(note: str) -> bytes:
        return findings.as_json(
            Finding(
                note, page, title, address.write_all(view, names), trace.model, trace.revision, dict(numbers),
                saved=date.today().isoformat(), versions=versions(), certificate=certificate(),
            )
        )  # fmt: skip

    with st.popover("Keep this finding", icon=":material/bookmark_add:"):
        st.caption("A small file with this view, your note and its main numbers. It opens under Findings.")
        with st.form("note_form", border=False):  # a button outside would be pressed before the note has arrived
            note = st.text_area("Note", st.session_state.get("note", ""), max_chars=findings.LONGEST_NOTE,
                                placeholder="What is seen here?")  # fmt: skip
            done = st.form_submit_button("Done")
        if done:
            st.session_state.note = note
            st.download_button(
                "Save the file", partial(file, note), "finding.json", "application/json", key="save_finding",
                on_click="ignore", icon=":material/download:", type="primary",
            )  # fmt: skip
    copy_link("copy_link")
    if len(address.write_all(view, names)) > len(address.write(view, names)):
        st.caption(
            f"The text is too long for a link, which holds {address.LONGEST_TEXT:,} characters: keep the finding as a "
            "file instead."
        )


def show(page: str) -> Any:
    """The note of the finding that this view was opened from, if it was; what `judge` fills."""
    finding = st.session_state.get("finding")
    if finding is None or finding.page != page or not _still_on_view(finding):
        return None
    with st.container(border=True):
        st.markdown(f"**{plain(finding.title)}**, found on {plain(finding.saved)}")
        st.text(finding.note)
        line = st.empty()
        line.caption("Working it out again…")
    return line


def judge(line: Any, numbers: Mapping[str, float], revision: str) -> None:
    """Say whether the finding's numbers still hold."""
    if line is not None:
        holds, says = findings.verdict(st.session_state.finding, numbers, revision, versions())
        if holds:
            line.badge(plain(says), icon=":material/check:", color="green")
        else:
            line.warning(plain(says), icon=":material/difference:")


def _still_on_view(finding: Finding) -> bool:
    found, now = address.read(finding.view)[0], state.current()
    return all(getattr(now, name) == getattr(found, name) for name in finding.view if hasattr(found, name))
