"""What somebody found: kept as a file with a note, and opened again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import streamlit as st

import attnviz
from attnviz.components import keep_finding
from attnviz.export import versions
from attnviz.files import saved_view
from attnviz.files.saved_view import SavedView
from attnviz.traces import Trace
from attnviz.ui import address, state
from attnviz.ui.messages import plain


class Source(NamedTuple):
    """Where numbers come from that no single trace holds."""

    model: str
    revision: str


def popover() -> Any:
    """The popover that `keep` fills."""
    popover = st.popover("Keep this finding", icon=":material/bookmark_add:")
    popover.caption("A small file with this view, your note and its main numbers. Open it under Findings.")
    return popover


def save_button(
    where: Any,
    page: str,
    title: str,
    sources: Sequence[Trace | Source],
    numbers: Mapping[str, float],
    certificate: str,
) -> None:
    """A note and a button that saves it with the view: what is on screen has to be said before."""
    opened = st.session_state.get("finding")
    models, revisions = {one.model: None for one in sources}, {one.revision: None for one in sources}
    finding = SavedView(
        attnviz.__version__, page, title, address.write_all(state.current(), st.session_state.on_screen),
        opened.note if opened else "", ", ".join(models), ", ".join(revisions), date.today().isoformat(), versions(),
        certificate, numbers,
    )  # fmt: skip
    with where:
        keep_finding(saved_view.as_json(finding), saved_view.LONGEST_NOTE, key="keep_finding")


def save_unread(page: str) -> None:
    """A finding of a view whose text was not read yet, where such a page has findings: it holds no numbers."""
    if page in saved_view.PAGES:
        model = state.current().model
        save_button(popover(), page, model, [Source(model, "not read")], {}, "none: the text was not read")


def banner(page: str) -> Any:
    """The note of the finding that was opened, and a place for what `judge` says; None where there is none."""
    finding = st.session_state.get("finding")
    if finding is None or finding.page != page:
        return None
    with st.container(border=True):
        st.markdown(f"**{plain(finding.title)}**, kept on {finding.saved}")
        st.text(finding.note)
        line = st.empty()
        with st.container(horizontal=True):
            if not _still_on_view(finding):
                line.caption("The view has been changed since the finding was opened.")
                st.button("Back to the finding", icon=":material/undo:", on_click=open_again, args=(finding,))
                st.button("Close", icon=":material/close:", on_click=close)
                return None
            line.caption("Its numbers are worked out again as soon as the view is there.")
            st.button("Close", icon=":material/close:", on_click=close)
    return line


def recheck(line: Any, again: Callable[[SavedView], Mapping[str, float]], sources: Sequence[Trace | Source]) -> None:
    """Say whether the finding's numbers still hold; `again` works them out."""
    if line is None:
        return
    finding = st.session_state.finding
    revisions = ", ".join({one.revision: None for one in sources})
    holds, says = saved_view.verdict(finding, again(finding), revisions, versions())
    if holds:
        line.success(plain(says), icon=":material/check:")
    else:
        line.warning(plain(says), icon=":material/difference:")


def open_again(finding: SavedView) -> None:
    """The view that a finding names, which its page then shows with the note."""
    state.take(finding.address)
    st.session_state.finding = finding


def close() -> None:
    """The view stays, the note goes."""
    st.session_state.pop("finding", None)


def _still_on_view(finding: SavedView) -> bool:
    names = set(finding.address)
    kept, _ = address.read(finding.address)
    return address.write_all(state.current(), names) == address.write_all(kept, names)
