"""Open every page with nothing but requirements.txt installed: a library that only developers have would show here.

A plain script, because pytest itself is one of those. Prints a line a page; exits 1 if any page raises.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ["HF_HUB_OFFLINE"] = "1"


def main() -> int:
    from streamlit.testing.v1 import AppTest

    failed = False
    for page in sorted((ROOT / "pages").glob("*.py")):
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page(f"pages/{page.name}").run()
        problems = [str(box.value) for box in [*app.exception, *app.error]]
        problems += [] if app.get("plotly_chart") or app.button or app.file_uploader else ["nothing on it"]
        failed = failed or bool(problems)
        print(f"{page.stem}: {'; '.join(problems) or 'ok'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
