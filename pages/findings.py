"""Findings: views with notes that somebody kept, opened again with everything worked out anew."""

import streamlit as st

from attnviz import findings
from attnviz.errors import AttnvizError
from attnviz.ui import state
from attnviz.ui.messages import plain, show_error

state.view()
st.title("Findings")
st.markdown(
    "What you kept under **Heads** or **Compare**: a view, a note and its main numbers. Opening one runs the model "
    "again and says whether the numbers still hold."
)
kept: dict[str, findings.Finding] = st.session_state.setdefault("findings", {})


def take() -> None:
    """Each file is read once, and stays while other pages are looked at."""
    st.session_state.finding_faults = []
    for file in st.session_state.finding_files:
        try:
            kept[file.name] = findings.read(file.getvalue(), file.name)
        except AttnvizError as error:
            st.session_state.finding_faults.append(error)


st.file_uploader(
    "Files of findings", type=["json"], accept_multiple_files=True, key="finding_files", on_change=take,
    max_upload_size=findings.MOST // 2**20,
)  # fmt: skip
for fault in st.session_state.get("finding_faults", []):
    show_error(fault)
for name, finding in kept.items():
    with st.container(border=True):
        st.markdown(f"**{plain(finding.title)}** · {plain(finding.model)} · {plain(finding.saved)}")
        st.text(finding.note)
        if st.button("Open", key=f"open_{name}", icon=":material/open_in_new:", help=plain(name)):
            state.take(finding.view)
            st.session_state.finding = finding
            st.session_state.note = finding.note
            st.switch_page(f"pages/{finding.page}.py")
