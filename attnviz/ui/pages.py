"""The pages: their names on screen, their order, and what their sidebar asks for. `pages/<name>.py` lays each out."""

from typing import NamedTuple

import streamlit as st


class Page(NamedTuple):
    """`picks`: what the sidebar asks for, "model" and "text". `linked`: whether a link holds what is chosen there."""

    title: str
    icon: str
    picks: tuple[str, ...] = ()
    linked: bool = True


LESSONS = {
    "worked_example": Page("Worked example", ":material/calculate:"),
    "query_key_value": Page("Query, key, value", ":material/key:"),
    "soft_lookup": Page("Soft lookup", ":material/search:"),
    "scaling": Page("Why divide by √d_k", ":material/compress:"),
    "cost": Page("What it costs", ":material/payments:"),
    "patterns": Page("Patterns", ":material/pattern:"),
    "learning": Page("Learning it", ":material/trending_down:"),
    "exercises": Page("Exercises", ":material/edit_note:"),
}
EXPLORE = {
    "heads": Page("Heads", ":material/grid_view:", ("model", "text")),
    "similar": Page("Similar heads", ":material/scatter_plot:", ("model", "text")),
    "compare": Page("Compare", ":material/compare:"),
    "head_labels": Page("Head labels", ":material/label:", ("model",)),
    "head_card": Page("A head's card", ":material/badge:", ("model", "text")),
    "gallery": Page("Gallery", ":material/collections_bookmark:", linked=False),
    "saved_views": Page("Saved views", ":material/bookmarks:", linked=False),
    "own_tensors": Page("Your own weights", ":material/upload_file:", linked=False),
    "head_is_born": Page("A head is born", ":material/egg:", ("text",)),
}
TRUST = {
    "validation": Page("Validation", ":material/verified:", ("model", "text")),
    "architectures": Page("Architectures", ":material/list_alt_check:"),
    "method": Page("Method", ":material/menu_book:"),
}
SECTIONS = {"Learn": LESSONS, "Explore": EXPLORE, "Trust": TRUST}
FORMER = {"findings": "saved_views"}  # addresses of earlier versions


def end_lesson(page: str) -> None:
    """The last line of a lesson: a link to the next, and after the last one to the heads of a trained model."""
    pages = list(LESSONS)
    after = pages.index(page) + 1
    if after == len(pages):
        st.page_link("pages/heads.py", label="Next: the heads of a trained model", icon=":material/grid_view:")
    else:
        title, icon = LESSONS[pages[after]][:2]
        st.page_link(f"pages/{pages[after]}.py", label=f"Next: {title[0].lower()}{title[1:]}", icon=icon)
