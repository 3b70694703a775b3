"""Work beside a page ends with the page, and lets go of what it held."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest

from attnviz.ui import confirm_run, progress
from attnviz.ui.progress import with_progress


class Ended(BaseException):
    """As Streamlit ends a page's run."""


class Bar:
    def progress(self, share, text):
        assert 0 <= share <= 1
        if int(text.split()[2]) >= 3:
            raise Ended


@pytest.fixture
def slow(monkeypatch):
    """Work that holds an array and never ends by itself; what it reports of itself."""
    told = {"steps": 0, "held": None}
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "LOOK", 0.001)

    def work(step):
        held = np.zeros(10)
        told["held"] = weakref.ref(held)
        while True:
            told["steps"] += 1
            step(told["steps"])
            time.sleep(0.005)

    return work, told


def test_a_page_that_ends_takes_its_work_with_it(slow, monkeypatch):
    """A reader who cancels, or goes elsewhere, must not leave a model running and its memory taken."""
    work, told = slow
    monkeypatch.setattr(progress.st, "progress", lambda *args: Bar())
    threads = threading.active_count()
    with pytest.raises(Ended):
        with_progress("Reading", 10, work)
    steps = told["steps"]
    time.sleep(0.05)
    assert told["steps"] == steps and threading.active_count() == threads
    gc.collect()
    assert told["held"]() is None, "what the work held is still there"


def test_what_the_work_gives_and_raises_comes_through():
    assert with_progress("Reading", 2, lambda step: step(1) or "done") == "done"

    def fails(step):
        raise ValueError("no such layer")

    with pytest.raises(ValueError, match="no such layer"):
        with_progress("Reading", 2, fails)


def test_tokens_are_told_before_layers():
    assert confirm_run._parts(4, 0, 6) == "token 1 of at most 4"
    assert [confirm_run._parts(4, done, 6) for done in (4, 6)] == ["layer 1 of 2", "layer 2 of 2"]
    assert confirm_run._parts(4, 4, 4) == "reading it whole"
