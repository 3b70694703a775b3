"""Gallery: sentences worth opening, each with a question, not a claim."""

import streamlit as st

from attnviz.ui.address import UrlState
from attnviz.ui.gallery import PIECES
from attnviz.ui.messages import plain
from attnviz.ui.state import choose, url_state

url_state()
st.title("Gallery")
st.markdown("Twelve sentences and a question for each. Open one, and look for yourself: no answers are given here.")
columns = st.columns(3, gap="medium")
for number, piece in enumerate(PIECES):
    with columns[number % 3].container(border=True):
        st.markdown(f"**{piece.title}**")
        st.caption(f"{piece.model}: {plain(piece.text)}")
        st.markdown(piece.question)
        if st.button("Open", key=f"gallery_{number}", icon=":material/open_in_new:"):
            choose(**(vars(UrlState()) | {"model": piece.model, "text": piece.text} | piece.choices))
            st.switch_page("pages/heads.py")
