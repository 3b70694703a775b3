"""One thing more is one file, or one line: CONTRIBUTING's own words, followed in a copy of the project."""

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
from attnviz.ui.lessons import end_lesson
from attnviz.ui.state import url_state
from attnviz.ui.theme import theme

url_state()
st.title("Dots")
show_chart(dots.charts(2.0, theme=theme())["products"], alt="2, 4 and 6.")
export_menu("lesson", "dots", partial(exports.of_lesson, "Dots", dots.charts, {"a": 2.0}))
end_lesson("dots")
'''
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


@pytest.mark.ci
def test_a_format_and_a_lesson_are_added_by_the_words_of_contributing(tmp_path):
    """Whoever follows them finds the new thing in the menu, on its page and in its files."""
    for folder in ("attnviz", "pages", ".streamlit"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "app.py", tmp_path)
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
    lessons = tmp_path / "attnviz" / "ui" / "lessons.py"
    last = '    "exercises": ("Exercises", ":material/edit_note:"),\n'
    assert last in lessons.read_text()
    lessons.write_text(lessons.read_text().replace(last, last + '    "dots": ("Dots", ":material/circle:"),\n'))
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={"PYTHONPATH": str(tmp_path), "PATH": "", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    title, buttons, numbers, *_, links = done.stdout.strip().splitlines()
    assert title == "Dots 1" and "JSON" in buttons.split() and numbers == "[2.0, 4.0, 6.0]" and "Next: dots" in links
