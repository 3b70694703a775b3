"""What a page exports is what it shows."""

import json

import pytest

from attnviz.ui import export_menu, head_explorer, labels, windows
from tests.pages.test_pages import open_app

ci = pytest.mark.ci
PAGES = {
    "soft_lookup.py": {"direction": "100"},
    "head_labels.py": {"model": "tiny-gpt", "layer": "1", "head": "1"},
    "query_key_value.py": {"one_projection": "1"},
    "scaling.py": {"d_k": "64"},
    "cost.py": {"n": "1024"},
    "patterns.py": {"read_by": "tiny-bert"},
    "learning.py": {"learning_step": "40"},
    "exercises.py": {"exercise": "hull"},
    "worked_example.py": {"causal": "1"},
    "heads.py": {"model": "tiny-gpt", "layer": "1", "query": "3", "key": "1", "beyond": "scores"},
    "head_is_born.py": {"step": "800"},
    "head_card.py": {"model": "tiny-gpt", "layer": "2", "head": "0", "scores_of": "coreference"},
    "similar.py": {"model": "tiny-gpt", "layer": "1", "head": "1", "across": "entropy"},
    "compare.py": {"model": "tiny-gpt", "model_b": "tiny-gpt", "layer": "1", "head": "1", "layer_b": "1"},
    "validation.py": {"model": "tiny-gpt"},
    "architectures.py": {},
}
FAST = ("soft_lookup.py", "heads.py", "compare.py", "head_card.py")
NOT_DRAWN = ("divergence",)  # a list on its page, a picture in its file


@pytest.mark.parametrize("page", [page if page in FAST else pytest.param(page, marks=ci) for page in PAGES])
def test_what_a_file_shows_is_what_the_screen_shows(page, monkeypatch):
    """A file without the frame of the chosen cell, or with other numbers than the screen, would be worse than none."""
    offered = {}

    def collect(key, name, figures, recording=None):
        offered[key] = figures

    for module in (export_menu, head_explorer, labels, windows):  # pages take it from the first
        monkeypatch.setattr(module, "export_menu", collect)
    app = open_app(page, **PAGES[page])
    assert not app.exception and offered
    shown = [told(json.loads(chart.proto.spec)) for chart in app.get("plotly_chart")]
    exported = [figures("light") for key, figures in offered.items() if key not in NOT_DRAWN]
    drawn = [figure for one in exported if one.marks is None for figure in one.figures.values()]
    assert drawn
    for figure in drawn:
        assert told(json.loads(figure.to_json())) in shown, figure.layout.title.text


def told(spec):
    """What a figure draws; its title may say more in a file than beside its page."""
    layout = spec["layout"]
    return spec["data"], *(layout.get(part, []) for part in ("shapes", "annotations"))
