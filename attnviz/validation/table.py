"""The table of architectures: the stored report of a run, and the same as a page of the documentation.

python -m attnviz validate --architectures --json > attnviz/validation/architectures.json
python -m attnviz.validation.table > docs/architectures.md
"""

import json
import math
from pathlib import Path
from typing import Any

REPORT = Path(__file__).with_name("architectures.json")

HEADING = """# Text architectures, certified

Every architecture among transformers' causal, masked and sequence-to-sequence language models: a tiny random model of
each, on two texts, plain and left-padded, every head of every layer compared with the model's own eager attention
([architecture.md](architecture.md) says what the errors and routes mean). Errors are given as decades.

transformers {version}: **{passed} of {total} pass**, {interface} through transformers' attention interface,
{fallback} through a tap on the softmax that the model itself runs. The rest say why not.

This page is generated: `python -m attnviz.validation.table`, from the report that
`python -m attnviz validate --architectures --json` stored in `attnviz/validation/architectures.json`.

| architecture | route | heads | passed | same inputs | end to end | output | reason |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def stored_report() -> dict[str, Any]:
    """The report that comes with this version, in the JSON shape of `validate --architectures`."""
    return json.loads(REPORT.read_text(encoding="utf-8"))


def as_markdown(report: dict[str, Any]) -> str:
    """The page: counts, and a row an architecture."""
    results = report["architectures"]
    passed = [result for result in results if result["passed"]]
    heading = HEADING.format(
        version=report["transformers"],
        passed=len(passed),
        total=len(results),
        **{route: sum(result["route"] == route for result in passed) for route in ("interface", "fallback")},
    )
    return heading + "".join(_row(result) for result in results)


def decade(error: float | None) -> str:
    """The power of ten next above an error: 3e-7 reads 1e-6."""
    if error is None:
        return ""
    return "0" if error == 0 else f"1e{math.ceil(math.log10(error))}"


def _row(result: dict[str, Any]) -> str:
    heads = f"{result['heads_compared']} of {result['heads_expected']}" if result["route"] else ""
    verdict = "yes" if result["passed"] else "**no**" if result["route"] else "not compared"
    errors = (decade(result[name]) for name in ("weight_error", "drift", "output_error"))
    reason = (result["reason"] or "").replace("|", "\\|").replace("<", "&lt;")
    return f"| {' | '.join([result['name'], result['route'] or '', heads, verdict, *errors, reason])} |\n"


if __name__ == "__main__":
    print(as_markdown(stored_report()), end="")
