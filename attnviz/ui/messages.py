"""What the app says when something is not as it should be; foreign text stays text, never markup."""

import re

import streamlit as st

from attnviz.errors import AttnvizError


def plain(text: object) -> str:
    """Text for a place where Streamlit reads Markdown: every sign that could mean something is escaped."""
    escaped = re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$&])", r"\\\1", " ".join(str(text).split()))
    return escaped.replace(":", ":\u2060")  # a word joiner ends what could be an icon, an emoji or a colour


def show_error(error: AttnvizError) -> None:
    """What happened and what to do."""
    st.error(plain(error), icon=":material/error:")


def show_notices() -> None:
    """What in the opened link could not be used; said once."""
    for notice in st.session_state.pop("notices", []):
        st.info(plain(notice), icon=":material/link_off:")
