"""Opening the app must cost what an empty Streamlit app costs, not the seconds that torch takes to import."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=60).run()
for page in ("worked_example", "exercises"):
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception and app.get("plotly_chart")
print(sorted({"torch", "transformers"} & set(sys.modules)))
"""


def test_the_first_page_and_the_exercises_open_without_torch():
    done = subprocess.run([sys.executable, "-c", OPEN], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
