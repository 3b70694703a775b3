"""Long lists of the same check: a tenth of them a run of `.ci/run`, another tenth after every commit.

All of them run by `pytest -m nightly`, and by `.ci/run` where the last day's commits changed what they guard.
"""

import hashlib
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUARDED = ("attnviz/capture", "attnviz/labels", "requirements.txt")
TENTH = 10


def rotated(cases: Iterable[Any]) -> list[Any]:
    """The cases as parameters of a test: all marked "nightly", and those of this commit's tenth marked "ci" too.

    A case that is a tuple stands for several parameters.
    """
    commit, every = state_of(ROOT)
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=[pytest.mark.nightly, *([pytest.mark.ci] if every or drawn(commit, case) else [])],
        )
        for case in cases
    ]


def drawn(commit: str, case: Any) -> bool:
    """Whether a case is in the tenth that a commit draws."""
    digest = hashlib.blake2b(f"{commit} {case}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) % TENTH == 0


def state_of(folder: Path, guarded: Sequence[str] = GUARDED) -> tuple[str, bool]:
    """The commit that is checked out, and whether one of the day before it changed something that is guarded; without
    git all is to be run."""
    try:
        commit, seconds = _git(folder, "log", "-1", "--format=%H %ct").split()
        since = f"--since={int(seconds) - 86_400}"
        return commit, bool(_git(folder, "log", since, "--format=%H", "--", *guarded).strip())
    except (OSError, subprocess.CalledProcessError, ValueError):
        return "", True


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=True, text=True).stdout
