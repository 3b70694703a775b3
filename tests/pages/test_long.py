"""A long text is asked about, then opened whole, through a window; and a link brings the window with it."""

import pytest

from attnviz import estimate
from tests.pages.test_pages import badges, open_app, said
from tests.test_estimate import text_of


@pytest.fixture
def long_text(tiny_model):
    return text_of(tiny_model("llama"), 300)


def open_long(tiny_folder, text, **query):
    return open_app("heads.py", model=str(tiny_folder("llama")), text=text, **query)


def told(app):
    return {one.label: one.value for one in app.metric}


def test_a_heavy_text_is_read_when_the_reader_agrees(tiny_folder, long_text, monkeypatch):
    """Nobody is to wait, or to lose memory, for something that they did not ask for."""
    monkeypatch.setattr(estimate, "SLOW", 0.0)
    app = open_long(tiny_folder, long_text)
    assert not app.exception and set(told(app)) == {"Reading and drawing", "Memory for that", "Checking it afterwards"}
    assert "300 tokens" in app.subheader[0].value and not app.get("plotly_chart")
    app.button[0].click().run()
    assert not app.exception and "recomputed" in badges(app)
    app.selectbox(key="pick_head").set_value(3).run()
    assert app.get("plotly_chart"), "it was asked again"


def test_a_text_without_memory_for_it_is_refused_with_advice(tiny_folder, long_text, monkeypatch):
    monkeypatch.setattr(estimate, "SLOW", 0.0)
    monkeypatch.setattr(estimate, "free_bytes", lambda: 1000)
    app = open_long(tiny_folder, long_text)
    assert "not enough memory" in said(app) and "Half the text" in said(app) and not app.button


def test_a_certificate_without_memory_for_it_is_left_out_with_a_word(tiny_folder, monkeypatch):
    monkeypatch.setattr(estimate, "free_bytes", lambda: 1000)
    app = open_long(tiny_folder, "a sentence that no other test reads")
    assert app.get("plotly_chart") and "Not compared" in said(app)


def test_a_window_is_in_the_address_and_moves(tiny_folder, long_text, monkeypatch):
    monkeypatch.setattr(estimate, "SLOW", 1e9)
    app = open_long(tiny_folder, long_text, window="64", queries_at="100", keys_at="20")
    captions = " ".join(box.value for box in app.caption)
    assert "queries 100 to 163 of 300 and keys 20 to 83 of 300" in captions and "lies outside it" in captions
    assert (app.slider(key="pick_queries_at").value, app.slider(key="pick_keys_at").value) == (100, 20)
    app.toggle(key="pick_apart").set_value(False).run()
    app.slider(key="pick_queries_at").set_value(236).run()
    assert not app.exception and "queries 236 to 299 of 300 and keys 236 to 299" in " ".join(
        box.value for box in app.caption
    )
    assert app.query_params["queries_at"] == "236" and app.query_params["window"] == "64"


def test_a_cell_outside_of_the_window_is_said_and_brought_into_it(tiny_folder, long_text, monkeypatch):
    monkeypatch.setattr(estimate, "SLOW", 1e9)
    app = open_long(tiny_folder, long_text, query="250", key="10")
    assert "outside of the window" in " ".join(box.value for box in app.caption)
    next(button for button in app.button if button.label == "Show it there").click().run()
    captions = " ".join(box.value for box in app.caption)
    assert "outside of the window" not in captions and not app.exception
