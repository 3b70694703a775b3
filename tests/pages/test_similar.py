"""Similar heads: what is called nearest is, one click leads there, and the axes are in the address."""

import numpy as np
import pytest

from attnviz import estimate
from attnviz.capture.tracing import trace
from attnviz.maps.head_statistics import measure_heads
from attnviz.maps.similarity import head_divergence
from attnviz.models.loading import load_model
from attnviz.traces import Head
from attnviz.validation.sentences import SENTENCES
from tests.pages.test_pages import open_app

TEXT = "The old fox saw a red hen."


def open_similar(**query):
    app = open_app("similar.py", **({"model": "tiny-gpt", "text": TEXT, "layer": "1", "head": "2"} | query))
    assert not app.exception and not app.error
    return app


def listed(app):
    """Heads with a button, in order."""
    return [button.key.removeprefix("open_") for button in app.button if button.key.startswith("open_")]


def test_the_nearest_and_the_farthest_are_listed_with_their_divergence():
    app = open_similar()
    model = load_model("tiny-gpt")
    found = head_divergence([trace(model, text) for text in (TEXT, *SENTENCES)], Head("decoder", 1, 2))
    order = [f"L{i}.H{j}" for i, j in zip(*np.unravel_index(np.argsort(found, axis=None), found.shape))]
    assert listed(app) == [*order[1:7], *order[:-3:-1]]
    assert any(box.value == f"{order[1]} · {np.sort(found.ravel())[1]:.3f}" for box in app.markdown)


def test_a_head_is_opened_with_one_click():
    app = open_similar()
    name = listed(app)[0]
    app.button(key=f"open_{name}").click().run()
    assert not app.exception
    assert f"L{app.query_params['layer']}.H{app.query_params['head']}" == name
    assert app.query_params["text"] == TEXT and "shown_as" in app.query_params


def test_two_heads_are_compared_with_one_click():
    app = open_similar()
    name = listed(app)[-1]
    app.button(key=f"compare_{name}").click().run()
    assert not app.exception and not app.error
    query = app.query_params
    assert (query["layer"], query["head"], query["text_b"], query["model_b"]) == ("1", "2", TEXT, "tiny-gpt")
    assert f"L{query['layer_b']}.H{query['head_b']}" == name


def test_any_two_measures_span_the_plane_and_are_in_the_address():
    app = open_similar(across="weight", up="divergence", query="3", key="2")
    assert (app.query_params["across"], app.query_params["up"], app.query_params["query"]) == (
        "weight",
        "divergence",
        "3",
    )
    weights = measure_heads(trace(load_model("tiny-gpt"), TEXT), "decoder", "weight", 3, 2)
    (plane,) = [chart for chart in app.get("plotly_chart") if "divergence from L1.H2" in chart.proto.alt]
    assert f"from {weights.min():.3f} to {weights.max():.3f}" in plane.proto.alt
    app.selectbox(key="pick_across").set_value("largest").run()
    assert app.query_params["across"] == "largest" and "query" not in app.query_params


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_every_kind_of_layer_has_its_own_relations(kind):
    app = open_similar(model="tiny-translator", text="the 3rd of May, 2021", kind=kind, layer="0", head="1")
    assert len(listed(app)) == 7


def test_comparing_every_head_on_a_long_text_is_asked_first(monkeypatch):
    """Every row of every head takes long on a long text: the reader hears how long, and starts it."""
    monkeypatch.setattr(estimate, "SAMPLE", 8)
    monkeypatch.setattr(estimate, "comparing_seconds", lambda *given: 90.0)
    app = open_similar(text="The old fox saw a red hen, and then the hen saw the old fox.")
    assert [one.label for one in app.metric] == ["Comparing every head"] and not app.get("plotly_chart")
    assert app.metric[0].value == "≤ 90.0 s" and app.query_params["layer"] == "1"
    next(button for button in app.button if button.label == "Compare them").click().run()
    assert not app.exception and len(listed(app)) == 8
    app.selectbox(key="pick_head").set_value(3).run()
    assert len(listed(app)) == 8, "it was asked again"
