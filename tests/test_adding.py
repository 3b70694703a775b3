"""One thing more is one file, or one line: CONTRIBUTING's own words, followed in a copy of the project."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LESSON = '''"""Dots: what a product of two numbers is."""

import plotly.graph_objects as go


def charts(a: float, *, theme: str = "light") -> dict[str, go.Figure]:
    """a times 1 to 3."""
    layout = {"height": 200, "margin": {"l": 40, "r": 10, "t": 40, "b": 30}, "title": {"text": "Products"}}
    return {"products": go.Figure(go.Bar(x=[1, 2, 3], y=[a, 2 * a, 3 * a], marker={"color": "#2f55b8"}), layout)}
'''
PAGE = '''"""Dots, on screen."""

from functools import partial

import streamlit as st

from attnviz.lessons import dots
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import url_state
from attnviz.ui.theme import theme

url_state()
st.title("Dots")
show_chart(dots.charts(2.0, theme=theme())["products"], alt="2, 4 and 6.")
export_menu("lesson", "dots", partial(exports.of_lesson, "Dots", dots.charts, {"a": 2.0}))
end_lesson("dots")
'''
VIEW = """
from streamlit.testing.v1 import AppTest
def opened(**query):
    app = AppTest.from_file("app.py", default_timeout=60)
    app.query_params.update(v="1", model="tiny-gpt", text="The old fox", layer="1", head="1", **query)
    return app.switch_page("pages/heads.py").run()
app = opened(shown_as="bars", least="0.25", query="3")
assert not app.exception and not app.error, app
print(*app.segmented_control(key="pick_shown_as").options)
print(app.slider(key="pick_least").value, app.query_params["shown_as"], app.query_params["least"])
from attnviz import draw, load_model, make_map, trace, Head, MapOptions
read = trace(load_model("tiny-gpt"), "The old fox")
found = make_map(read, Head("decoder", 1, 1), MapOptions())
draw("bars", found, "bars.svg", title="Bars by hand", least=0.25)
print("Bars by hand" in open("bars.svg").read())
from attnviz.ui import exports
from attnviz.ui.address import UrlState
state = UrlState(shown_as="bars", least=0.25)
exported = exports.of_head(read, Head("decoder", 1, 1), found, state, "L1.H1", (3, 0), ((), ()), "light")
exec(exported.python)
print("least=0.25" in exported.python)
"""
LOOK = """
import json
from streamlit.testing.v1 import AppTest
from attnviz import export
from attnviz.lessons import dots
from attnviz.ui import exports
app = AppTest.from_file("app.py", default_timeout=60).switch_page("pages/dots.py").run()
assert not app.exception, app.exception
print(app.title[0].value, len(app.get("plotly_chart")))
print(*sorted(button.label for button in app.get("download_button")))
taken = exports.of_lesson("Dots", dots.charts, {"a": 2.0}, "light")
print(json.loads(export.made(taken, "json"))["products"])
exec(export.made(taken, "py").decode())
before = AppTest.from_file("app.py", default_timeout=60).switch_page("pages/exercises.py").run()
print(*(link.proto.label for link in before.get("page_link")))
"""


def copied(folder: Path) -> None:
    """The app, with the models that came with it linked and not copied."""
    bundled = Path("models") / "bundled"
    for name in ("attnviz", "pages", ".streamlit"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    (folder / "attnviz" / bundled).symlink_to(ROOT / "attnviz" / bundled)
    shutil.copy(ROOT / "app.py", folder)


def said_by(code: str, folder: Path, *arguments: str) -> list[str]:
    """The lines that a fresh process prints in the copy."""
    done = subprocess.run(
        [sys.executable, *(arguments or ("-c", code))], cwd=folder, capture_output=True, text=True, timeout=240,
        env={"PYTHONPATH": str(folder), "PATH": "", "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()


def block_of(heading: str) -> str:
    """The Python of a section of CONTRIBUTING."""
    words = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", words[words.index(heading) :], re.DOTALL)[0]


@pytest.mark.ci
def test_a_view_of_a_head_is_added_by_the_words_of_contributing(tmp_path):
    """It stands on the switch, its setting in the link, and its picture in files and in Python lines."""
    copied(tmp_path)
    (tmp_path / "attnviz" / "ui" / "head_views" / "bars.py").write_text(block_of("## To add a view of a head"))
    switch, kept, *drawn = said_by(VIEW, tmp_path)
    assert switch.split() == ["Heatmap", "Lines", "Bars", "Text", "Table"]
    assert kept.split() == ["0.25", "bars", "0.25"] and drawn == ["True", "(5, 5)", "True"]


@pytest.mark.ci
def test_a_label_is_added_by_the_words_of_contributing_and_asked_for_on_the_command_line(tmp_path):
    """`python -m attnviz label MODEL --again` asks for it beside the others."""
    copied(tmp_path)
    (tmp_path / "attnviz" / "labels" / "definitions" / "next_but_one.py").write_text(block_of("## To add a label"))
    lines = said_by("", tmp_path, "-m", "attnviz", "label", "tiny-bert", "--again", "--json")
    assert "next_but_one" in json.loads("\n".join(lines))["probes"]["labels"]


@pytest.mark.ci
def test_a_format_and_a_lesson_are_added_by_the_words_of_contributing(tmp_path):
    """Whoever follows them finds the new thing in the menu, on its page and in its files."""
    copied(tmp_path)
    words = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (entry,) = re.findall(r"```python\n(Format\(.*?\))", words)
    formats = tmp_path / "attnviz" / "export" / "formats.py"
    write = (
        "def _json(figures: FigureSet) -> bytes:\n    import json\n\n"
        '    return json.dumps({name: list(map(float, picture.table.columns["y"]))\n'
        "                       for name, picture in figures.pictures.items()}).encode()\n\n\nFORMATS = {"
    )
    code = formats.read_text().replace("FORMATS = {", write)
    formats.write_text(code.replace('        Format("csv"', f'        {entry},\n        Format("csv"'))
    assert all(said in words for said in ("`attnviz/lessons/<name>.py`", "`pages/<name>.py`", "a line in `LESSONS`"))
    (tmp_path / "attnviz" / "lessons" / "dots.py").write_text(LESSON)
    (tmp_path / "pages" / "dots.py").write_text(PAGE)
    lessons = tmp_path / "attnviz" / "ui" / "pages.py"
    last = '    "exercises": Page("Exercises", ":material/edit_note:"),\n'
    assert last in lessons.read_text()
    lessons.write_text(lessons.read_text().replace(last, last + '    "dots": Page("Dots", ":material/circle:"),\n'))
    title, buttons, numbers, *_, links = said_by(LOOK, tmp_path)
    assert title == "Dots 1" and "JSON" in buttons.split() and numbers == "[2.0, 4.0, 6.0]" and "Next: dots" in links
