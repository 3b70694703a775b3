"""Every piece of the gallery opens the view that its question is about."""

import pytest

from attnviz.ui.gallery import PIECES
from tests.pages.test_pages import badges, open_app


@pytest.mark.parametrize("number", range(len(PIECES)), ids=[piece.title for piece in PIECES])
def test_a_piece_opens_its_view(number):
    piece = PIECES[number]
    app = open_app("gallery.py")
    app.button(key=f"gallery_{number}").click().run()
    assert not app.exception and not app.error
    assert app.query_params["model"] == piece.model and app.query_params["text"] == piece.text
    for name, value in piece.choices.items():
        assert app.query_params[name] == (str(int(value)) if isinstance(value, bool) else str(value))
    assert "recomputed" in badges(app)


def test_there_are_twelve_and_each_asks():
    assert len(PIECES) == 12 and all("?" in piece.question for piece in PIECES)
