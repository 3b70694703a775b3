"""attnviz: navigation, and what all screens share. Start with `streamlit run app.py`."""

import streamlit as st

from attnviz.components import copy_link
from attnviz.ui import pickers, saved_views, state
from attnviz.ui.lessons import LESSONS
from attnviz.ui.messages import show_notices, warn_link_too_long

st.set_page_config(page_title="attnviz", page_icon=state.ICON, layout="wide")
st.logo(state.LOGO, size="large")
st.html(state.STYLE)
state.start()

lessons = [
    st.Page(f"pages/{name}.py", title=title, icon=icon, default=position == 0)
    for position, (name, (title, icon)) in enumerate(LESSONS.items())
]
heads = st.Page("pages/heads.py", title="Heads", icon=":material/grid_view:")
similar = st.Page("pages/similar.py", title="Similar heads", icon=":material/scatter_plot:")
compare = st.Page("pages/compare.py", title="Compare", icon=":material/compare:")
gallery = st.Page("pages/gallery.py", title="Gallery", icon=":material/collections_bookmark:")
saved = st.Page("pages/saved_views.py", title="Saved views", icon=":material/bookmarks:")
findings = st.Page(  # its address in earlier versions
    "pages/saved_views.py", title="Saved views", icon=":material/bookmarks:", url_path="findings", visibility="hidden"
)
own = st.Page("pages/own_tensors.py", title="Your own weights", icon=":material/upload_file:")
labels = st.Page("pages/head_labels.py", title="Head labels", icon=":material/label:")
card = st.Page("pages/head_card.py", title="A head's card", icon=":material/badge:")
born = st.Page("pages/head_is_born.py", title="A head is born", icon=":material/egg:")
validation = st.Page("pages/validation.py", title="Validation", icon=":material/verified:")
architectures = st.Page("pages/architectures.py", title="Architectures", icon=":material/list_alt_check:")
method = st.Page("pages/method.py", title="Method", icon=":material/menu_book:")

explore = [heads, similar, compare, labels, card, gallery, saved, findings, own, born]
trust = [validation, architectures, method]
page = st.navigation({"Learn": lessons, "Explore": explore, "Trust": trust}, position="top")
with st.sidebar:
    if page in (heads, similar, labels, card, validation):
        pickers.model()
    if page in (heads, similar, card, born, validation):
        pickers.text()
if page not in (gallery, saved, findings, own):  # what is chosen there is in no address
    with st.container(horizontal=True, horizontal_alignment="right", key="share"):
        copy_link("copy_link")
show_notices()
too_long = st.empty()
try:
    page.run()
except state.StopPage as ended:
    state.on_screen(*st.query_params)  # what the page did not come to is still what the address names
    if isinstance(ended, state.NeedsConfirmation):
        saved_views.save_unread(page.url_path)
finally:
    state.finish()
    warn_link_too_long(too_long)
