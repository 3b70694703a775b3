"""The Heads page: four views, the finder, the display options; and no choice among them runs the model again."""

import pytest

from attnviz.capture import tracing
from attnviz.models.catalog import locate
from tests.pages.test_pages import MINILM, open_app, said

VIEWS = ("heatmap", "lines", "strip", "table")


def open_heads(**query):
    app = open_app("heads.py", **query)
    assert not app.exception and not app.error
    return app


@pytest.mark.parametrize("shown_as", VIEWS)
@pytest.mark.parametrize("model", [MINILM, "tiny-gpt", "tiny-translator"])
def test_every_view_of_every_kind_of_model(shown_as, model):
    app = open_heads(model=model, text="the 3rd of May, 2021", shown_as=shown_as, merge_words="1", hide_special="1")
    assert app.query_params["shown_as"] == shown_as and app.query_params["merge_words"] == "1"


def test_heads_views_and_options_do_not_run_the_model_again(monkeypatch):
    """Exploring 144 heads must not cost 144 forward passes."""
    runs = []
    original = tracing.trace
    monkeypatch.setattr(tracing, "trace", lambda *args, **how: (runs.append(args), original(*args, **how))[1])
    app = open_heads(text="A sentence for counting the passes")
    for view in VIEWS:
        app.segmented_control(key="pick_shown_as").set_value(view).run()
    app.selectbox(key="pick_head").set_value(5).run()
    app.toggle(key="pick_merge_words").set_value(True).run()
    app.segmented_control(key="pick_combine").set_value("mean").run()
    app.segmented_control(key="pick_beyond").set_value("rollout").run()
    app.selectbox(key="pick_measure").set_value("entropy").run()
    assert not app.exception and len(runs) == 1


def test_the_finder_ranks_heads_by_the_chosen_pair():
    app = open_heads(measure="weight", query="3", key="2")
    table = app.dataframe[0].value
    assert len(table) == 72
    weights = table.iloc[:, 1].tolist()
    assert weights == sorted(weights, reverse=True)


def test_a_pair_and_a_decoders_text_are_read_and_in_the_address():
    app = open_heads(text="the cat", pair="the mat", parts="a-b")
    assert app.query_params["pair"] == "the mat"
    app = open_heads(model="tiny-translator", text="the 3rd of May, 2021", decoder_text="2021-05-03", kind="decoder")
    assert app.query_params["decoder_text"] == "2021-05-03"


def test_a_pair_for_a_model_that_reads_one_text_gets_a_sentence():
    app = open_app("heads.py", model="tiny-gpt", text="the cat", pair="the mat")
    assert not app.exception and "one text" in said(app)


def test_flow_beyond_its_length_gets_a_sentence_and_the_page_stays():
    app = open_app("heads.py", text="the cat sat on the mat and " * 8, beyond="flow")
    assert not app.exception and "up to 32 tokens" in said(app)
    assert app.get("plotly_chart")


def test_what_the_model_expects_next_stands_beside_the_sentence():
    app = open_heads(model="tiny-gpt", text="The old fox smiled at a red hen. The old fox smiled at a red")
    expected = app.dataframe[0].value
    assert list(expected.columns) == ["token", "probability"] and len(expected) == 5
    assert expected["probability"].is_monotonic_decreasing and expected["probability"].sum() <= 1
    assert not [box for box in open_heads().dataframe if "probability" in box.value], "MiniLM has no such head"


def test_a_typed_mask_is_text_unless_it_is_to_be_read_as_one():
    app = open_heads(model="tiny-bert", text="The [MASK] sat on the mat")
    assert not app.dataframe
    app.toggle(key="pick_read_special").set_value(True).run()
    assert len(app.dataframe[0].value) == 5 and app.query_params["read_special"] == "1"


def test_the_start_token_can_be_left_out():
    app = open_heads(model="tiny-gpt", add_special="0")
    assert "<|start|>" not in app.selectbox(key="pick_query").options[0]


def test_value_weighted_stands_beside_the_weights():
    app = open_heads(beyond="value")
    assert "residual stream" in " ".join(box.value for box in app.caption)


def test_a_decoder_writes_on_and_each_written_token_is_stepped_through():
    app = open_heads(model="tiny-gpt", text="The old fox", write="4", query="3")
    slider = app.select_slider(key="pick_written")
    assert len(slider.options) == 4
    slider.set_value(slider.value + 1).run()
    assert not app.exception and app.query_params["write"] == "4"
    assert app.query_params["query"] == str(slider.value - 1), "not the row that predicted the token"


def test_the_scores_before_softmax_stand_beside_the_weights():
    app = open_heads(model="tiny-gpt", beyond="scores")
    assert "as softmax gets them" in " ".join(box.value for box in app.caption)


def test_a_sink_is_told_where_rows_do_not_sum_to_one(tiny_folder):
    """A reader who adds up such a row must learn where the rest went."""
    app = open_heads(model=str(tiny_folder("gpt_oss")), text="the cat sat on the mat")
    assert "The sink takes" in " ".join(box.value for box in app.markdown)
    app.selectbox(key="pick_measure").set_value("sink").run()
    assert not app.exception and 0 < app.dataframe[0].value.iloc[0, 1] < 1


def test_cancelled_writing_says_so_and_goes_on_when_asked():
    """Cancel must not start the same slow writing anew."""
    how = {"text_pair": None, "decoder_text": None, "read_special": False, "add_special": True, "write": 3}
    app = open_app(None, model="tiny-gpt", text="The old hen", write="3")
    app.session_state["cancelled"] = (locate("tiny-gpt"), "The old hen", how)
    app.switch_page("pages/heads.py").run()
    assert "Writing was cancelled" in said(app) and not app.get("plotly_chart")
    next(button for button in app.button if button.label == "Write it").click().run()
    assert not app.exception and len(app.select_slider(key="pick_written").options) == 3
