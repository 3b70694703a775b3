"""Streamlit glue that the pages share: the address bar, caches, pickers and messages."""
