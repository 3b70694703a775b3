"""Compare: two of anything, with the proof on both sides, and a sentence where they cannot be compared."""

from tests.pages.test_pages import badges, open_app, said

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
    assert "Only one side has: cat, dog" in " ".join(box.value for box in app.caption)


def test_a_model_that_is_not_here_gets_a_sentence():
    app = open_app("compare.py", model_b="gone/model")
    assert not app.exception and "not on this machine" in said(app)


def test_a_side_is_opened_with_its_head():
    app = open_app("compare.py", text="the cat", layer_b="3", head_b="7")
    next(button for button in app.button if button.label == "Open L3.H7").click().run()
    assert not app.exception
    assert (app.query_params["layer"], app.query_params["head"]) == ("3", "7")


def test_a_text_too_long_to_be_drawn_whole_gets_a_sentence_before_it_is_read():
    app = open_app("compare.py", text="cat " * 300)
    assert not app.exception and "302 tokens" in said(app) and "open it under Heads" in said(app)
    assert not app.get("plotly_chart")
