"""Findings: views with notes that somebody kept, opened again with everything worked out anew."""

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.files.saved_view import MOST_BYTES, SavedView, load_saved_view
from attnviz.models.catalog import find_model
from attnviz.ui import saved_views, state
from attnviz.ui.messages import plain, show_error

state.url_state()
st.title("Findings")
st.markdown(
    "What you kept under **Explore**: a view, a note and its main numbers. Opening one works them out again and says "
    "whether they still hold."
)
kept: dict[str, SavedView] = st.session_state.setdefault("findings", {})


def take() -> None:
    """Each file is read once, and stays while other pages are looked at."""
    st.session_state.finding_faults = []
    for file in st.session_state.finding_files:
        try:
            kept[file.file_id] = load_saved_view(file.getvalue(), file.name)
        except AttnvizError as error:
            st.session_state.finding_faults.append(error)


def is_here(name: str) -> bool:
    """Whether a model can be loaded now."""
    try:
        entry = find_model(name)
    except AttnvizError:
        return False
    return entry is not None and entry.loadable


st.file_uploader(
    "Files of findings", type=["json"], accept_multiple_files=True, key="finding_files", on_change=take,
    max_upload_size=MOST_BYTES // 2**20,
)  # fmt: skip
for fault in st.session_state.get("finding_faults", []):
    show_error(fault)
for key, finding in kept.items():
    with st.container(border=True):
        st.markdown(f"**{plain(finding.title)}** · {plain(finding.model)} · {finding.saved}")
        st.text(finding.note)
        for name in dict.fromkeys(finding.model.split(", ")):
            if not is_here(name):
                st.caption(f"The model {plain(name)} is not on this machine: opening says how to get it.")
        with st.container(horizontal=True):
            if st.button("Open", key=f"open_{key}", icon=":material/open_in_new:"):
                saved_views.open_again(finding)
                st.switch_page(f"pages/{finding.page}.py")
            st.button("Take off the list", key=f"drop_{key}", icon=":material/close:", on_click=kept.pop, args=(key,))
if not kept:
    st.caption("A finding is kept with “Keep this finding”, below the picture. The files stay on this machine.")
