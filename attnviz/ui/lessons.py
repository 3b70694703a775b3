"""The order of the lessons; each page ends in the next."""

import streamlit as st

LESSONS = {  # page: title, icon
    "worked_example": ("Worked example", ":material/calculate:"),
    "query_key_value": ("Query, key, value", ":material/key:"),
    "soft_lookup": ("Soft lookup", ":material/search:"),
    "scaling": ("Why divide by √d_k", ":material/compress:"),
    "cost": ("What it costs", ":material/payments:"),
    "patterns": ("Patterns", ":material/pattern:"),
    "learning": ("Learning it", ":material/trending_down:"),
    "exercises": ("Exercises", ":material/edit_note:"),
}


def end_lesson(page: str) -> None:
    """The last line of a lesson: a link to the next, and after the last one to the heads of a trained model."""
    pages = list(LESSONS)
    after = pages.index(page) + 1
    if after == len(pages):
        st.page_link("pages/heads.py", label="Next: the heads of a trained model", icon=":material/grid_view:")
    else:
        title, icon = LESSONS[pages[after]]
        st.page_link(f"pages/{pages[after]}.py", label=f"Next: {title[0].lower()}{title[1:]}", icon=icon)
