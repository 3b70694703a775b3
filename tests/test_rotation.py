"""Long lists are checked a tenth at a time: nothing of them may be left out for good, or when it matters."""

import os
import subprocess

from tests.rotation import drawn, rotated, state_of

CASES = [f"architecture {number}" for number in range(200)]


def commit(folder, name, day):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(day)
    when = {"GIT_AUTHOR_DATE": f"2026-01-{day}T12:00:00Z", "GIT_COMMITTER_DATE": f"2026-01-{day}T12:00:00Z"}
    who = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", name]):
        subprocess.run(["git", *arguments], cwd=folder, check=True, env=os.environ | when | who)


def test_a_commit_draws_about_a_tenth_and_each_case_has_its_turn():
    shares = [{case for case in CASES if drawn(f"commit {number}", case)} for number in range(120)]
    assert all(5 <= len(share) <= 40 for share in shares) and set().union(*shares) == set(CASES)


def test_all_are_run_after_a_change_of_what_they_guard(tmp_path):
    commit(tmp_path, "attnviz/capture/x.py", "10")
    assert state_of(tmp_path)[1]
    commit(tmp_path, "README.md", "11")
    assert state_of(tmp_path)[1], "the change of the same day is not yet checked"
    commit(tmp_path, "README.md", "14")
    assert not state_of(tmp_path)[1]
    assert state_of(tmp_path / "nothing") == ("", True)


def test_every_case_is_run_by_night():
    marks = [{mark.name for mark in case.marks} for case in rotated(CASES)]
    assert all("nightly" in of_case for of_case in marks)
