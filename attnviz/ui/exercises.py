"""What a reader answers, and what a teacher chooses, kept while the session lasts."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from attnviz.lessons.exercises import Choice, Numbers, Shown, Table
from attnviz.lessons.exercises.charts import MOST_NUMBERED, small_matrix
from attnviz.ui import address
from attnviz.ui.chart import show_chart
from attnviz.ui.messages import plain
from attnviz.ui.state import choose, on_screen, url_state
from attnviz.ui.tables import Cells, to_cells, to_text, typed_table
from attnviz.ui.theme import theme


@dataclass
class Work:
    """One reader's work on one exercise with its numbers: answers by question, cells of text or an option.

    `key` is what its widgets' keys end in.
    """

    key: str
    answers: dict[str, Any] = field(default_factory=dict)
    tried: bool = False
    revealed: bool = False


def work_on(exercise: str, values: np.ndarray | None) -> Work:
    """The work of this session on an exercise, fresh for other numbers."""
    every = st.session_state.setdefault("exercise_work", {})
    numbers = b"" if values is None else values.tobytes()
    return every.setdefault((exercise, numbers), Work(f"{exercise}_{len(every)}"))


def solved() -> set[str]:
    """The exercises that this session has solved."""
    return st.session_state.setdefault("exercises_solved", set())


def pick(choice: Choice, work: Work, key: str) -> int | None:
    """The options side by side; returns the position of the one that was picked."""
    if key not in st.session_state:
        st.session_state[key] = work.answers.get(choice.name)
    work.answers[choice.name] = st.pills(
        choice.asks,
        range(len(choice.options)),
        format_func=lambda option: choice.options[option],
        key=key,
        wrap=True,
    )
    return work.answers[choice.name]


def ask(question: Table | Choice, work: Work, key: str) -> bool:
    """A question with its answer so far and what is off in it; whether it is solved."""
    if isinstance(question, Choice):
        picked = pick(question, work, key)
        verdict = None if picked is None else question.check(picked)
    else:
        cells = work.answers.get(question.name) or [[""] * len(question.columns) for _ in question.rows]
        cells = typed_table(key, cells, question.columns, rows=question.rows, label=question.asks)
        work.answers[question.name] = cells
        verdict = question.check(cells) if any(map(any, cells)) else None
    if verdict is None:
        return False
    work.tried |= verdict.tried
    if verdict.right:
        st.success(plain(verdict.says), icon=":material/check:")
    elif verdict.tried:
        st.warning(plain(verdict.says), icon=":material/edit:")
    else:
        st.caption(plain(verdict.says))
    return verdict.right


def offer_solution(work: Work) -> None:
    """A button that shows the solution; before any try it says so."""

    def reveal() -> None:
        work.revealed = True

    if not work.revealed:
        label = "Show the solution" if work.tried else "Show the solution without a try"
        st.button(label, key=f"reveal_{work.key}", icon=":material/visibility:", on_click=reveal)


def teacher(exercise: str, numbers: Numbers) -> tuple[np.ndarray, list[str]]:
    """An expander to choose an exercise's numbers in; returns them, or its own and why the chosen ones are no use.

    The chosen cells are the view's `numbers` with the exercise's name as their first row, so that they mean nothing
    to another exercise.
    """
    first, *linked = to_cells(url_state().numbers)
    chosen = linked if first == [exercise] else numbers.cells()
    fits = [len(row) for row in chosen] == [len(numbers.columns)] * len(numbers.rows)
    shown: Cells = chosen if fits else numbers.cells()
    with st.expander("For teachers: choose the numbers", icon=":material/link:"):
        typed = typed_table(
            f"numbers_{exercise}", shown, numbers.columns, rows=numbers.rows, label="This exercise, with other numbers"
        )
        if typed != shown:
            choose(numbers=to_text([[exercise], *typed]))
            chosen = typed
        if chosen != numbers.cells():
            on_screen("numbers")
        link = urlencode(
            address.write(url_state(), ("exercise", "numbers") if chosen != numbers.cells() else ("exercise",))
        )
        st.caption("A link to this exercise with these numbers, to put behind this app's address:")
        st.code(f"/exercises?{link}", language=None, wrap_lines=True)
    return numbers.read(chosen)


def draw(matrices: tuple[Shown, ...], key: str) -> None:
    """Matrices side by side, as many as fit: small ones with their numbers, larger ones as ink."""
    with st.container(horizontal=True, gap="small"):
        for position, shown in enumerate(matrices):
            with st.container(width=_width(shown)):
                show_chart(
                    small_matrix(shown, theme=theme()),
                    key=f"{key}_{position}",
                    alt=f"{shown.title}: "
                    + "; ".join(f"{row} {np.round(line, 4).tolist()}" for row, line in zip(shown.rows, shown.values)),
                )
                if shown.says:
                    st.caption(shown.says)


def _width(shown: Shown) -> int:
    if len(shown.rows) > MOST_NUMBERED:
        return 186
    widest = max(len(f"{value:.0f}" if float(value).is_integer() else f"{value:.4f}") for value in shown.values.ravel())
    return max(24 + 8 * max(map(len, shown.rows)) + max(56, 22 + 9 * widest) * len(shown.columns), 150)
