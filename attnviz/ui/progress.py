"""Work that shows how far it is, and that ends when Streamlit ends the page's run."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any, TypeVar

import streamlit as st

PATIENCE = 0.3  # seconds; what is done by then shows no bar
LOOK = 0.1  # seconds from one look at the work to the next

Result = TypeVar("Result")


class Stopped(BaseException):
    """Ends work that nobody waits for any more."""


def layers(done: int, total: int) -> str:
    """Which layer is at work."""
    return f"layer {min(done + 1, total)} of {total}"


def with_progress(
    label: str,
    total: int,
    work: Callable[[Callable[[int], None]], Result],
    cancel: Callable[[], Any] | None = None,
    says: Callable[[int, int], str] = layers,
) -> Result:
    """What `work(step)` gives; it calls `step(n)` when n parts of `total` are done, which the bar tells as `says` does.

    It runs in a thread of its own, so that Streamlit can end the page's run, as it does when the reader changes
    something: then `step` raises Stopped, and what the work held is let go before this returns. With `cancel` there is
    a button that does so; Streamlit calls `cancel` before it runs the page again.
    """
    found: list[Result] = []
    failed: list[BaseException] = []
    stopped, done = Event(), 0

    def step(n: int) -> None:
        nonlocal done
        done = n
        if stopped.is_set():
            raise Stopped

    def run() -> None:
        try:
            found.append(work(step))
        except Stopped:
            pass
        except BaseException as error:
            failed.append(error.with_traceback(None))  # whose frames hold what the work held

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(PATIENCE)
        if thread.is_alive():
            _show(label, total, thread, lambda: done, cancel, says)
    finally:  # Streamlit ends a run by raising at a call such as those of the bar
        stopped.set()
        thread.join()
    if failed:
        raise failed.pop()
    return found.pop()


def _show(
    label: str,
    total: int,
    thread: Thread,
    done: Callable[[], int],
    cancel: Callable[[], Any] | None,
    says: Callable[[int, int], str],
) -> None:
    """A bar, until the thread has ended."""
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, f"{label}…")
        if cancel is not None:
            st.button("Cancel", key=f"cancel {label}", icon=":material/close:", on_click=cancel)
    while thread.is_alive():
        bar.progress(min(done() / max(total, 1), 1.0), f"{label}: {says(done(), total)}")
        thread.join(LOOK)
    place.empty()
