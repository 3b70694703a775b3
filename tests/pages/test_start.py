"""Opening the app must cost what an empty Streamlit app costs, not the seconds that torch takes to import."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from streamlit.testing.v1 import AppTest
from attnviz.ui.pages import LESSONS
app = AppTest.from_file("app.py", default_timeout=60)
for lesson in LESSONS:
    app.switch_page(f"pages/{lesson}.py").run()
    assert not app.exception and app.get("plotly_chart"), lesson
    print(lesson, sorted({"torch", "transformers"} & set(sys.modules)))
"""


def test_every_lesson_opens_without_torch():
    done = subprocess.run([sys.executable, "-c", OPEN], cwd=ROOT, capture_output=True, text=True, timeout=120)
    lines = done.stdout.strip().splitlines()
    assert lines and all(line.endswith(" []") for line in lines), done.stdout + done.stderr
