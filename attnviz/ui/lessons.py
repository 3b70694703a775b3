"""The order of the lessons; each page ends in the next."""

import streamlit as st

LESSONS = {  # page: title, icon
    "worked_example": ("Worked example", ":material/calculate:"),
    "scaling": ("Why divide by √d_k", ":material/compress:"),
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
