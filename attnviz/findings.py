"""A finding: what is on screen and a note on it, as a small JSON file that is worked out again when it is opened.

The format is in docs/findings.md. A file holds choices and numbers, never a result to be believed: numbers are there to
be compared with those of the run that opens it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from attnviz.errors import AttnvizError, in_one_line
from attnviz.reading import Reading, strongest

FORMAT = 1
MOST = 2**20  # bytes
LONGEST_NOTE = 4000  # characters
TOLERANCE = 1e-5  # as the certificate's, for weights of the same inputs in float32
PAGES = ("heads", "compare")
STRONGEST = 5


@dataclass(frozen=True)
class Finding:
    """`view`: the choices as the address writes them. `numbers`: by what they are, as they were when it was saved."""

    note: str
    page: str
    title: str
    view: Mapping[str, str]
    model: str
    revision: str
    numbers: Mapping[str, float]
    saved: str  # a date
    versions: str
    certificate: str
    format: int = field(default=FORMAT)


def numbers_of(reading: Reading, cell: tuple[int, int] | None = None) -> dict[str, float]:
    """The weight of the chosen cell, and the strongest ones, by the two tokens with their places."""
    chosen = [] if cell is None else [cell]
    cells = chosen + [(row, column) for *_, row, column in strongest(reading, STRONGEST)]
    return {
        f"{i} {reading.queries[i]} → {j} {reading.keys[j]}": round(float(reading.weights[i, j]), 9) for i, j in cells
    }


def as_json(finding: Finding) -> bytes:
    """The file."""
    return json.dumps(asdict(finding), ensure_ascii=False, indent=1).encode()


def read(file: bytes, name: str) -> Finding:
    """A finding from the bytes of a file. Raises AttnvizError for everything that is not as the format says."""
    name = in_one_line(name, 60)
    if len(file) > MOST:
        raise AttnvizError(
            f"'{name}' has {len(file) / 2**20:,.1f} MiB, and a finding has a few KiB: pick another file."
        )
    try:
        told = json.loads(file)
    except (ValueError, RecursionError) as error:
        raise AttnvizError(f"'{name}' is no JSON ({in_one_line(error)}): save the finding again.") from error
    if not isinstance(told, dict) or "view" not in told or "format" not in told:
        raise AttnvizError(f"'{name}' is not a finding of attnviz: it has no 'view' and 'format'.")
    if told["format"] != FORMAT:
        raise AttnvizError(
            f"'{name}' is a finding of format {in_one_line(told['format'], 20)}, and this version opens {FORMAT}: "
            "open it in the attnviz that wrote it."
        )
    missing = [part.name for part in fields(Finding) if part.name not in told]
    if missing:
        raise AttnvizError(f"'{name}' has no '{missing[0]}': save the finding again.")
    for part, holds in CHECKS.items():
        if not holds(told[part]):
            raise AttnvizError(f"'{name}' has a '{part}' that makes no sense here: save the finding again.")
    return Finding(**{part.name: told[part.name] for part in fields(Finding)})


def differences(finding: Finding, now: Mapping[str, float]) -> dict[str, tuple[float, float | None]]:
    """The numbers that no longer hold: what was saved, and what is there now, None where there is nothing."""
    return {
        name: (before, now.get(name))
        for name, before in finding.numbers.items()
        if name not in now or not abs(now[name] - before) <= TOLERANCE
    }


def verdict(finding: Finding, now: Mapping[str, float], revision: str, versions: str) -> tuple[bool, str]:
    """Whether the numbers still hold, and a sentence that says so; where they do not, with what has changed since."""
    changed = differences(finding, now)
    if not changed:
        largest = max((abs(now[name] - before) for name, before in finding.numbers.items()), default=0.0)
        return True, (
            f"Worked out again: all {len(finding.numbers)} numbers of {finding.saved} still hold "
            f"(largest difference {largest:.0e})."
        )
    listed = "; ".join(
        f"{name} was {before:.4f}, " + ("is not there" if after is None else f"is {after:.4f}")
        for name, (before, after) in list(changed.items())[:3]
    )
    since = [
        f"{what}: then {then}, now {today}"
        for what, then, today in (
            ("model revision", finding.revision, revision),
            ("versions", finding.versions, versions),
        )
        if then != today
    ]
    return False, (
        f"Worked out again: {len(changed)} of {len(finding.numbers)} numbers of {finding.saved} no longer hold. "
        f"{listed}. "
        + (f"What has changed since: {'; '.join(since)}." if since else "Model and versions are the same as then.")
    )


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in value.values()
    )


def _text(value: Any) -> bool:
    return isinstance(value, str)


CHECKS = {
    "note": lambda value: _text(value) and len(value) <= LONGEST_NOTE,
    "page": lambda value: value in PAGES,
    "view": _texts,
    "numbers": _numbers,
    **dict.fromkeys(("title", "model", "revision", "saved", "versions", "certificate"), _text),
}
