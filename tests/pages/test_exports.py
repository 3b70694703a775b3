"""What a page offers to take away is what it shows."""

import json

import pytest

from attnviz.export import Plotted
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
    "heads.py": {"model": "tiny-gpt", "layer": "1"},
    "head_is_born.py": {"step": "800"},
    "head_card.py": {"model": "tiny-gpt", "layer": "1", "head": "1"},
    "validation.py": {"model": "tiny-gpt"},
    "architectures.py": {},
}
FAST = ("soft_lookup.py", "head_labels.py")


@pytest.mark.parametrize("page", [page if page in FAST else pytest.param(page, marks=ci) for page in PAGES])
def test_the_charts_of_a_file_are_those_on_screen(page, monkeypatch):
    """A file that shows other numbers than the screen would be worse than none."""
    offered = {}

    def take(key, name, picture, recording=None):
        offered[key] = picture

    for module in (export_menu, head_explorer, labels, windows):  # pages take it from the first
        monkeypatch.setattr(module, "export_menu", take)
    app = open_app(None, **PAGES[page])
    offered.clear()
    app.switch_page(f"pages/{page}").run()
    assert not app.exception and offered
    shown = [json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")]
    taken = [picture("light") for picture in offered.values()]
    charts = [figure for one in taken if isinstance(one, Plotted) for figure in one.figures.values()]
    assert charts
    for figure in charts:
        assert json.loads(figure.to_json())["data"] in shown, figure.layout.title.text
