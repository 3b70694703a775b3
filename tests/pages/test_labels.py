"""Head labels, a head's card, the method: nothing long runs unasked, and every number comes with its evidence."""

import re
from dataclasses import replace

import pytest

from attnviz.labels import cache as label_cache
from attnviz.labels.cache import load_cached
from attnviz.models.loading import load_model
from attnviz.ui import confirm_run
from tests.pages.test_pages import MINILM, open_app, said


def open_labels(page="head_labels.py", **query):
    app = open_app(page, model="tiny-gpt", **query)
    assert not app.exception and not app.error
    return app


def written(app):
    return " ".join(box.value for kind in ("title", "subheader", "markdown", "caption") for box in app.get(kind))


@pytest.fixture
def nothing_kept(monkeypatch):
    """No label results but those that this test makes."""
    from attnviz.ui import cache

    monkeypatch.setattr(label_cache, "load_cached", lambda model: None)
    cache._cached_results.clear()
    yield monkeypatch
    cache._cached_results.clear()


def test_a_model_without_results_gets_an_offer_with_its_cost_and_nothing_runs(nothing_kept):
    nothing_kept.setattr(label_cache, "evaluate_or_load", lambda *_: pytest.fail("labelled without being asked"))
    for page in ("head_labels.py", "head_card.py"):
        app = open_labels(page)
        assert not app.get("plotly_chart") and re.search(r"about \d\d,\d00 tokens", written(app))
        assert app.button[0].label.startswith("Label its heads (")


def test_results_from_before_a_label_are_shown_and_can_be_made_again(nothing_kept):
    results = load_cached(load_model("tiny-gpt"))
    older = {name: version for name, version in results.versions.items() if name != "same_word"}
    nothing_kept.setattr(label_cache, "load_cached", lambda model: replace(results, versions=older))
    app = open_labels()
    assert "new or changed since this model was labelled: same word." in written(app) and app.get("plotly_chart")
    assert "Label its heads again" in [button.label for button in app.button]


def test_labelling_shows_how_far_it_is_and_can_be_stopped(nothing_kept):
    stages = []

    def evaluate_once(model, progress):
        for done in (50, 100):
            progress(done, 100)
            stages.append(done)
        nothing_kept.setattr(label_cache, "load_cached", lambda model: found)

    found = load_cached(load_model("tiny-gpt"))
    nothing_kept.setattr(label_cache, "evaluate_or_load", evaluate_once)
    app = open_labels()
    app.button[0].click().run()
    assert stages == [50, 100] and not app.exception
    assert "have one" in written(app) and app.get("plotly_chart"), "the labels are not there after labelling"


def test_the_mosaic_the_scores_and_the_table_of_a_labelled_model():
    app = open_labels(layer="1", head="1")
    assert len(app.get("plotly_chart")) == 3
    table = app.dataframe[0].value
    assert {"score", "low", "high", "baseline", "n", "p", "confidence", "effect", "rest_share", "entropy_share"} <= set(
        table
    )
    assert "induction 0.9" in written(app) and app.query_params["head"] == "1"
    assert {"All labels as CSV", "… as JSON"} <= {button.label for button in app.get("download_button")}


def test_effects_are_measured_when_asked_for_and_told_with_what_they_are_held_against(nothing_kept):
    results = load_cached(load_model("tiny-gpt"))
    unmeasured = replace(
        results, effects=None, found=[[row | {"effect": None} for row in found] for found in results.found]
    )
    effect = {"task": "repeats", "metric": "loss on repeats", "base": 0.5, "mean": 1.25, "resample": 1.5,
              "random_low": 0.45, "random_high": 0.55, "n": 65}  # fmt: skip
    found = [[row | {"effect": effect} for row in rows] for rows in results.found]
    said_of = {"reason": None, "unmeasured": {"local": "It claims nothing."}, "together": {}}
    nothing_kept.setattr(label_cache, "load_cached", lambda model: unmeasured)

    def effects_once(model, given, progress):
        progress(1, 2)
        nothing_kept.setattr(label_cache, "load_cached", lambda model: replace(results, found=found, effects=said_of))

    nothing_kept.setattr(label_cache, "measure_or_load_effects", effects_once)
    app = open_labels()
    assert set(app.dataframe[0].value["effect"]) == {"not measured"}
    next(button for button in app.button if button.label == "Measure effects").click().run()
    assert not app.exception and set(app.dataframe[0].value["effect"]) == {"0.50 → 1.25"}
    assert "It claims nothing" in written(app).replace("\\", "")
    app = open_labels("head_card.py", layer="1", head="1")
    assert "0.50 with all heads; 1.25 with the mean" in written(app).replace("\\", "")


def test_filters_are_in_the_address_and_count():
    app = open_labels()
    every = len(app.dataframe[0].value)
    app.segmented_control(key="pick_confidence").set_value("high").run()
    assert set(app.dataframe[0].value["confidence"]) == {"high"} and app.query_params["confidence"] == "high"
    app.selectbox(key="pick_label").set_value("induction").run()
    assert set(app.dataframe[0].value["label"]) == {"induction"} and every > len(app.dataframe[0].value)
    assert app.selectbox(key="pick_scores_of").value == "induction"
    app.selectbox(key="pick_label").set_value("punctuation").run()
    assert not app.exception and "No head has such a label" in said(app)


def test_a_head_without_a_label_is_said_to_have_none():
    assert "unlabelled" in written(open_labels(layer="0", head="1"))


def test_a_card_opens_from_its_address_with_evidence_and_examples():
    app = open_labels("head_card.py", layer="2", head="0", scores_of="coreference", example="3")
    assert app.title[0].value == "L2.H0" and "Where it shows: coreference" in written(app)
    assert "On its targets here: **0.0" in written(app), "the worst example is not the worst"
    app.segmented_control(key="pick_example").set_value(0).run()
    assert "On its targets here: **0.9" in written(app) and app.query_params["example"] == "0"


@pytest.mark.parametrize("shown_as", ["heatmap", "lines", "strip", "table"])
def test_a_probe_is_shown_in_every_view(shown_as):
    open_labels("head_card.py", layer="1", head="1", shown_as=shown_as)


def test_the_probes_targets_are_marked():
    """A score is a share of the weight on its targets: a reader has to see which cells these are."""
    app = open_labels("head_card.py", layer="1", head="1", scores_of="induction", shown_as="table")
    pairs = app.dataframe[0].value
    rest = pairs[~pairs["target"] & (pairs["to"] != "<|start|>")]
    assert pairs["target"].sum() > 10 and len(rest) < 10, "an induction head's strong pairs are targets, or rest"
    app = open_labels("head_card.py", layer="1", head="1", scores_of="induction")
    assert "A line goes round the targets" in written(app)


def test_a_card_says_what_the_head_does_in_the_readers_own_sentence():
    app = open_labels("head_card.py", layer="1", head="1", text="A fox saw the hen.")
    assert "**induction**: no place to act here" in written(app)
    app.text_area(key="pick_text").set_value("A fox saw. A fox saw.").run()
    assert "**induction**: **0." in written(app) and "(uniform: 0." in written(app)
    app = open_labels("head_card.py", layer="2", head="0")
    assert "**coreference**: cannot be counted here" in written(app)


def test_one_click_leads_to_a_sentence_that_triggers_the_head():
    app = open_labels("head_card.py", layer="2", head="0", scores_of="coreference")
    app.button(key="open_trigger").click().run()
    assert not app.exception and (app.query_params["layer"], app.query_params["head"]) == ("2", "0")
    assert app.query_params["text"] != "The cat sat on the mat" and app.selectbox(key="pick_query").options


def test_random_tokens_are_shown_but_not_offered_as_a_sentence():
    app = open_labels("head_card.py", layer="1", head="1", scores_of="induction", example="0")
    assert "cannot be typed" in written(app)


@pytest.mark.parametrize("page", ["head_labels.py", "head_card.py"])
def test_a_damaged_address_opens_some_head(page):
    app = open_app(page, model="tiny-gpt", layer="99", head="99", scores_of="no such label", example="77", label="x",
                   confidence="sure", query="99", key="0")  # fmt: skip
    assert not app.exception and not app.error
    assert (app.query_params["layer"], app.query_params["head"]) == ("3", "3")


def test_published_heads_stand_beside_ours(tiny_folder, nothing_kept, tmp_path):
    """A model whose name and shape are GPT-2 small's; its labels are made up here."""
    from tests.conftest import save_tiny

    save_tiny("gpt2", tmp_path / "gpt2", n_layer=12, n_head=12, n_embd=48)
    made = load_cached(load_model("tiny-gpt"))
    number = [str(head) for head in made.heads].index("L1.H1")
    heads = [replace(made.heads[0], layer=layer, head=head) for layer in range(12) for head in range(12)]
    every = [number] * len(heads)

    def widened(one):
        arrays = ("score", "baseline", "low", "high", "enrichment", "threshold", "best", "worst")
        return replace(one, again=None, **{name: getattr(one, name)[every] for name in arrays})

    results = replace(
        made, heads=tuple(heads), found=[made.found[number]] * len(heads), 
        sink_token_share=made.sink_token_share[every],
        entropy=made.entropy[every], copies=made.copies[every],
        scores={label: widened(one) for label, one in made.scores.items()},
        examples=[(1, 2, 3, 4, 5)] * len(made.examples),
    )  # fmt: skip
    nothing_kept.setattr(label_cache, "load_cached", lambda model: results)
    model = str(tmp_path / "gpt2")
    app = open_app("head_card.py", model=model, layer="5", head="5", text="the cat sat")
    assert not app.exception and not app.error
    assert set(app.dataframe[0].value["our labels"]) == {"agrees"}
    app = open_app("head_card.py", model=model, layer="4", head="11", text="the cat sat")
    assert set(app.dataframe[0].value["our labels"]) == {"not labelled by us"}
    app = open_app("head_card.py", model=model, layer="0", head="0", text="the cat sat")
    assert "Nothing on this head" in written(app)


def test_an_encoder_decoder_is_told_why_it_has_no_labels():
    app = open_app("head_labels.py", model="tiny-translator")
    assert not app.exception and "has an encoder and a decoder" in said(app)


def test_the_method_explains_one_label_or_all():
    app = open_app("method.py")
    every = len(app.get("plotly_chart"))
    app.selectbox(key="pick_label").set_value("induction").run()
    assert len(app.get("plotly_chart")) == 1 < every and "Olsson" in written(app)
    assert app.query_params["label"] == "induction"


def test_heads_says_a_heads_labels_and_shows_all_by_label():
    app = open_app("heads.py", model="tiny-gpt", layer="2", head="0", measure="label")
    assert not app.exception and not app.error and "coreference 0." in written(app)
    assert {"previous token", "induction"} <= set(app.dataframe[0].value["label"])


def test_heads_of_a_model_without_results_cannot_be_ordered_by_label():
    app = open_app("heads.py", model=MINILM, measure="label")
    assert not app.exception and app.selectbox(key="pick_measure").value == ""
    assert "not labelled yet" in written(app)


def test_a_sentence_too_long_for_the_card_is_not_read_and_the_rest_stays(monkeypatch):
    """A long text must not start work that nobody asked for, nor take the card with it."""
    monkeypatch.setattr(confirm_run, "n_tokens", lambda *given: 900)
    app = open_app("head_card.py", model="tiny-gpt", layer="1", head="1")
    assert not app.exception and "has 900 tokens, and all of it is shown here, up to 512" in said(app)
    assert app.title[0].value == "L1.H1" and "Where it shows" in written(app) and "(uniform: " not in written(app)
