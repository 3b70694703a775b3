"""Names and texts in messages must show themselves, never act as markup."""

import pytest
from markdown_it import MarkdownIt

from attnviz.ui.messages import plain


@pytest.mark.parametrize(
    "text",
    [
        "**bold**",
        "[link](x)",
        "`code`",
        "<b>x</b>",
        "# title",
        "1. one",
        "- item",
        "$x$",
        "a_b_c",
        "~~no~~",
        "&amp;",
    ],
)
def test_markdown_in_a_name_is_shown_as_it_is(text):
    rendered = MarkdownIt("commonmark").enable("strikethrough").render(plain(text))
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert rendered == f"<p>{escaped}</p>\n"


def test_streamlit_directives_lose_their_power():
    for text in (":red[alarm]", ":material/delete:", ":smile:"):
        assert ":" + text.split(":")[1] not in plain(text).replace("\\", "")
