"""Compare: two of anything, with the proof on both sides, and a sentence where they cannot be compared."""

import re

import pytest

from attnviz import estimate
from attnviz.traces import HeadAttention
from tests.pages.test_pages import badges, open_app, said
from tests.pages.test_saved_views import kept, opened, told
from tests.test_estimate import text_of

TEXT = "The old fox saw a red hen. The old fox saw a red hen"


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def test_a_head_differs_from_itself_by_nothing_and_both_sides_are_certified():
    app = open_app("compare.py", model="tiny-gpt", text=TEXT, layer="1", head="1", layer_b="1", head_b="1")
    assert not app.exception and not app.error
    assert metrics(app)["Largest difference"] == "0.000"
    assert badges(app).count("recomputed") == 2


def test_two_moments_of_training():
    """An induction head before and after it was born."""
    app = open_app("compare.py", model="tiny-gpt@500", model_b="tiny-gpt", text=TEXT, layer="1", head="1", layer_b="1",
                   head_b="1")  # fmt: skip
    assert not app.exception and not app.error
    assert float(metrics(app)["Largest difference"]) > 0.3
    assert app.query_params["model_b"] == "tiny-gpt"


def test_two_sentences_are_aligned_by_word_and_the_rest_is_named():
    app = open_app("compare.py", text="the cat sat on the mat", text_b="the dog sat on the mat")
    assert not app.exception and not app.error
    assert "Only one side shows: cat, dog" in " ".join(box.value for box in app.caption)


def test_a_model_that_is_not_here_gets_a_sentence():
    app = open_app("compare.py", model_b="gone/model")
    assert not app.exception and "not on this machine" in said(app)


def test_a_side_is_opened_with_its_head():
    app = open_app("compare.py", text="the cat", layer_b="3", head_b="7")
    next(button for button in app.button if button.label == "Open L3.H7").click().run()
    assert not app.exception
    assert (app.query_params["layer"], app.query_params["head"]) == ("3", "7")


# ---- long texts


LONG = {"window": "32", "queries_at": "100"}


def captions(app):
    return " ".join(box.value for box in app.caption)


@pytest.fixture
def both(tiny_folder, tiny_model, monkeypatch):
    """Compare with texts of 300 and 280 tokens, of which the second lacks the first's beginning."""
    text = text_of(tiny_model("llama"), 300)

    def opened(slow=1e9, **query):
        monkeypatch.setattr(estimate, "SLOW", slow)
        query = {"model": str(tiny_folder("llama")), "text": "Dogs! " + text, "text_b": text} | LONG | query
        return open_app("compare.py", **query)

    return opened


def test_two_heavy_texts_are_asked_about_together_and_read_when_the_reader_agrees(both, monkeypatch):
    """One click, and one number that is not passed: nobody is to be asked for the second text after the first."""
    app = both(slow=0.0)
    assert not app.exception and not app.get("plotly_chart")
    assert re.fullmatch(r"The two texts have \d+ and 300 tokens", app.subheader[0].value)
    assert "both together" in " ".join(box.value for box in app.markdown)
    rows = []
    stages = HeadAttention.stages
    monkeypatch.setattr(HeadAttention, "stages", lambda head, of=None: rows.append(len(of)) or stages(head, of))
    app.button[0].click().run()
    assert not app.exception and not app.error and badges(app).count("recomputed") == 2
    assert rows and max(rows) < 50, "more than the words of the window were computed"
    app.selectbox(key="pick_head_b").set_value(3).run()
    assert len(app.get("plotly_chart")) == 4, "it was asked again"
    monkeypatch.setattr(estimate, "free_bytes", lambda: 1000)
    app.text_input(key="pick_text_b").set_value("cats " * 200).run()
    assert "not enough memory" in said(app)


def test_one_window_stands_over_both_texts_and_its_difference_is_kept(both):
    """Seen by place alone, the second text would stand some words aside, and no saved view would tell."""
    app = both(head="1", head_b="1")
    shown = captions(app)
    assert "window count the tokens of A" in shown and "Only one side shows" not in shown
    assert "queries 98 to 133 of 306" in shown and "queries 92 to 127 of 300" in shown
    assert app.query_params["queries_at"] == "100" and app.query_params["window"] == "32"
    assert not app.exception and float(metrics(app)["Largest difference"]) < 0.5
    view = kept(app)
    assert {view["address"][name] for name in ("queries_at", "window")} == {"100", "32"}
    again = opened(view, page="compare.py")
    assert "still hold" in told(again) and dict(again.query_params) == dict(app.query_params)
    app.slider(key="pick_queries_at").set_value(150).run()
    assert not app.exception and re.search(r"queries 1[45]\d to \d+ of 306", captions(app))
    next(button for button in app.button if button.label == "Open L0.H1").click().run()
    assert app.query_params["queries_at"] == "150" and "queries 150 to" in captions(app)


def test_a_short_text_beside_a_long_one_is_shown_whole(both):
    app = both(text="the cat sat on the mat")
    assert "window count the tokens of B. All of A is shown." in captions(app) and not app.exception
    assert app.slider(key="pick_queries_at").value == 100


def test_no_link_asks_for_more_than_three_maps_can_show(both):
    app = both(window="99999", queries_at="9999999", keys_at="7")
    assert not app.exception and app.selectbox(key="pick_window").value == 256


# ---- with heads ablated

INDUCTION = {"model": "tiny-gpt", "text": TEXT, "layer": "1", "head": "1", "layer_b": "1", "head_b": "1"}


def test_a_head_before_and_after_another_was_ablated():
    app = open_app("compare.py", **INDUCTION, ablated="L0.H1")
    assert not app.exception and not app.error and float(metrics(app)["Largest difference"]) > 0.1
    assert "L1.H1 after L0.H1 was zeroed." in captions(app) and badges(app).count("recomputed") == 2
    assert "both passes" in captions(app) and "self-repair" in " ".join(box.value for box in app.markdown)
    assert list(app.dataframe[0].value)[::2] == ["expected before", "expected after"]
    view = kept(app)
    assert view["title"] == "L1.H1 after L0.H1 was zeroed − L1.H1" and "both passes" in view["certificate"]
    again = opened(view, page="compare.py")
    assert "still hold" in told(again) and dict(again.query_params) == dict(app.query_params)
    zeroed = metrics(app)
    app.segmented_control(key="pick_ablation").set_value("mean").run()
    assert app.query_params["ablation"] == "mean" and "set to its mean" in captions(app)
    assert metrics(app) != zeroed and not app.exception
    app.multiselect(key="pick_ablated").set_value([]).run()
    assert app.query_params["ablated"] == "" and metrics(app)["Largest difference"] == "0.000"


def test_what_lies_below_an_ablated_head_is_said_to_stay():
    app = open_app("compare.py", **INDUCTION, ablated="L1.H0-L2.H3")
    assert "L1.H1 cannot differ" in said(app) and metrics(app)["Largest difference"] == "0.000"


def test_a_head_to_remove_that_is_not_there_is_said_and_leaves_the_address():
    app = open_app("compare.py", **INDUCTION, ablated="L0.H1-L9.H9")
    assert not app.exception and "no decoder head L9.H9" in said(app)
    assert app.query_params["ablated"] == "L0.H1" and "after L0.H1 was zeroed" in captions(app)


def test_an_encoder_decoder_reads_the_same_before_and_after():
    """What it would write without the head would be another text to look at."""
    app = open_app("compare.py", model="tiny-translator", text="21 Nov 2026", kind="cross", layer="1", layer_b="1",
                   head_b="0", ablated="L0.H1")  # fmt: skip
    assert not app.exception and not app.error and badges(app).count("recomputed") == 2
    assert "Only one side shows" not in captions(app)
