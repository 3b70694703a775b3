"""attnviz: navigation, and what all screens share. Start with `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from attnviz import ui
from attnviz.components import copy_link
from attnviz.ui import pickers, saved_views, session, state
from attnviz.ui.messages import show_notices, warn_link_too_long
from attnviz.ui.pages import FORMER, SECTIONS

LOOKS = Path(ui.__path__[0])

st.set_page_config(page_title="attnviz", page_icon=LOOKS / "icon.svg", layout="wide")
st.logo(LOOKS / "logo.svg", size="large")
st.html(LOOKS / "screen.css")
session.start()

known = {name: page for pages in SECTIONS.values() for name, page in pages.items()}
first = next(iter(known))
menu = {
    section: [
        st.Page(f"pages/{name}.py", title=page.title, icon=page.icon, default=name == first)
        for name, page in pages.items()
    ]
    for section, pages in SECTIONS.items()
}
hidden = [
    st.Page(f"pages/{name}.py", title=known[name].title, icon=known[name].icon, url_path=former, visibility="hidden")
    for former, name in FORMER.items()
]
chosen = st.navigation({**menu, "Explore": [*menu["Explore"], *hidden]}, position="top")
page = known[FORMER.get(chosen.url_path, chosen.url_path or first)]
with st.sidebar:
    if "model" in page.picks:
        pickers.model()
    if "text" in page.picks:
        pickers.text()
if page.linked:
    with st.container(horizontal=True, horizontal_alignment="right", key="share"):
        copy_link("copy_link")
show_notices()
too_long = st.empty()
try:
    chosen.run()
except state.StopPage as ended:
    state.on_screen(*st.query_params)  # what the page did not come to is still what the address names
    if isinstance(ended, state.NeedsConfirmation):
        saved_views.save_unread(chosen.url_path)
finally:
    session.finish()
    warn_link_too_long(too_long)
