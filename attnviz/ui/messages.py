"""What the app says when something is not as it should be; foreign text stays text, never markup."""

import re
from typing import Any

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.ui import address


def plain(text: object) -> str:
    """Text for a place where Streamlit reads Markdown: every sign that could mean something is escaped."""
    escaped = re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$&])", r"\\\1", " ".join(str(text).split()))
    return escaped.replace(":", ":\u2060")  # a word joiner ends what could be an icon, an emoji or a colour


def show_error(error: AttnvizError) -> None:
    """What happened and what to do."""
    st.error(plain(error), icon=":material/error:")


def say_not_there(sentence: str) -> None:
    """A choice that fits no model or text of this screen, and what is shown in its place."""
    st.info(plain(sentence), icon=":material/link_off:")


def say_new_files(model: str) -> None:
    """The files of a model are not those that were read before."""
    st.info(
        f"The files of {plain(model)} were written anew since they were read: this is the model as it is in them now.",
        icon=":material/sync:",
    )


def show_notices() -> None:
    """What in the opened link could not be used; said once."""
    for notice in st.session_state.pop("notices", []):
        st.info(plain(notice), icon=":material/link_off:")


def warn_link_too_long(place: Any) -> None:
    """What of this screen its address does not hold; asked when the address is written."""
    names = st.query_params.get(address.LEFT_OUT)
    if names:
        place.info(
            f"The {address.in_words(names)} is too long for a link, which holds {address.LONGEST_TEXT:,} characters: "
            "a copied link opens without it. “Save this view”, where a screen has it, saves all of the view as a "
            "file.",
            icon=":material/link_off:",
        )
