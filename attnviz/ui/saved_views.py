"""Views that are saved as a file with a note, and opened again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import streamlit as st

import attnviz
from attnviz.components import save_view
from attnviz.export import versions
from attnviz.files import saved_view
from attnviz.files.saved_view import SavedView
from attnviz.traces import Trace
from attnviz.ui import address, session, state
from attnviz.ui.messages import plain


class Source(NamedTuple):
    """Where numbers come from that no single trace holds."""

    model: str
    revision: str


def popover() -> Any:
    """The popover that `save_button` fills."""
    popover = st.popover("Save this view", icon=":material/bookmark_add:")
    popover.caption("A small file with this view, your note and its main numbers. Open it under Saved views.")
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
    opened = st.session_state.get("saved_view")
    models, revisions = {one.model: None for one in sources}, {one.revision: None for one in sources}
    view = SavedView(
        attnviz.__version__, page, title, address.write_all(state.current(), st.session_state.on_screen),
        opened.note if opened else "", ", ".join(models), ", ".join(revisions), date.today().isoformat(), versions(),
        certificate, numbers,
    )  # fmt: skip
    with where:
        save_view(saved_view.as_json(view), saved_view.LONGEST_NOTE, key="save_view")


def save_unread(page: str) -> None:
    """Offers to save a view whose text was not read yet, where such a page can be saved: it holds no numbers."""
    if page in saved_view.PAGES:
        model = state.current().model
        save_button(popover(), page, model, [Source(model, "not read")], {}, "none: the text was not read")


def banner(page: str) -> Any:
    """The note of the saved view that was opened, and a place for what `recheck` says; None where there is none."""
    view = st.session_state.get("saved_view")
    if view is None or view.page != page:
        return None
    with st.container(border=True):
        st.markdown(f"**{plain(view.title)}**, saved on {view.saved}")
        st.text(view.note)
        line = st.empty()
        with st.container(horizontal=True):
            if not _still_on_view(view):
                line.caption("The view has been changed since it was opened.")
                st.button("Back to the saved view", icon=":material/undo:", on_click=open_again, args=(view,))
                st.button("Close", icon=":material/close:", on_click=close)
                return None
            line.caption("Its numbers are worked out again as soon as the view is there.")
            st.button("Close", icon=":material/close:", on_click=close)
    return line


def recheck(line: Any, again: Callable[[SavedView], Mapping[str, float]], sources: Sequence[Trace | Source]) -> None:
    """Say whether the saved view's numbers still hold; `again` works them out."""
    if line is None:
        return
    view = st.session_state.saved_view
    revisions = ", ".join({one.revision: None for one in sources})
    holds, says = saved_view.verdict(view, again(view), revisions, versions())
    if holds:
        line.success(plain(says), icon=":material/check:")
    else:
        line.warning(plain(says), icon=":material/difference:")


def open_again(view: SavedView) -> None:
    """The view that a file names, which its page then shows with the note."""
    session.open_address(view.address)
    st.session_state.saved_view = view


def close() -> None:
    """The view stays, the note goes."""
    st.session_state.pop("saved_view", None)


def _still_on_view(view: SavedView) -> bool:
    names = set(view.address)
    saved, _ = address.read(view.address)
    return address.write_all(state.current(), names) == address.write_all(saved, names)
