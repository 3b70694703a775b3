"""Which theme the reader has."""

import streamlit as st


def theme() -> str:
    """ "light" or "dark"; light where Streamlit cannot tell."""
    return "dark" if st.context.theme.type == "dark" else "light"
