"""Saved views: each with its note, opened again with everything worked out anew."""

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.files.saved_view import MOST_BYTES, SavedView, load_saved_view
from attnviz.models.catalog import find_model
from attnviz.ui import saved_views, state
from attnviz.ui.messages import plain, show_error

state.url_state()
st.title("Saved views")
st.markdown(
    "What you saved under **Explore**: a view, a note and its main numbers. Opening one works them out again and says "
    "whether they still hold."
)
saved: dict[str, SavedView] = st.session_state.setdefault("saved_views", {})


def load() -> None:
    """Each file is read once, and stays while other pages are looked at."""
    st.session_state.view_faults = []
    for file in st.session_state.view_files:
        try:
            saved[file.file_id] = load_saved_view(file.getvalue(), file.name)
        except AttnvizError as error:
            st.session_state.view_faults.append(error)


def is_here(name: str) -> bool:
    """Whether a model can be loaded now."""
    try:
        entry = find_model(name)
    except AttnvizError:
        return False
    return entry is not None and entry.loadable


st.file_uploader(
    "Files of saved views", type=["json"], accept_multiple_files=True, key="view_files", on_change=load,
    max_upload_size=MOST_BYTES // 2**20,
)  # fmt: skip
for fault in st.session_state.get("view_faults", []):
    show_error(fault)
for key, view in saved.items():
    with st.container(border=True):
        st.markdown(f"**{plain(view.title)}** · {plain(view.model)} · {view.saved}")
        st.text(view.note)
        for name in dict.fromkeys(view.model.split(", ")):
            if not is_here(name):
                st.caption(f"The model {plain(name)} is not on this machine: opening says how to get it.")
        with st.container(horizontal=True):
            if st.button("Open", key=f"open_{key}", icon=":material/open_in_new:"):
                saved_views.open_again(view)
                st.switch_page(f"pages/{view.page}.py")
            st.button("Take off the list", key=f"drop_{key}", icon=":material/close:", on_click=saved.pop, args=(key,))
if not saved:
    st.caption("“Save this view”, below a picture, makes such a file. The files stay on this machine.")
