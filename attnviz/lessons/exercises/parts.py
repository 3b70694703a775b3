"""What an exercise is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from attnviz.lessons.exercises.answers import Mistake, Verdict, judge, read_answer
from attnviz.lessons.typed import decimals, read_matrix, read_number

Cells = Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class Shown:
    """A matrix to draw: `values` [rows, columns] under a title, with a sentence on it."""

    title: str
    values: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    says: str = ""


@dataclass(frozen=True)
class Table:
    """A question answered by numbers in cells [rows][columns], typed as text.

    `judge` gets the numbers and with how many decimals each was typed, both [rows, columns]; `read` turns one cell to
    a number.
    """

    name: str
    asks: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    judge: Callable[[np.ndarray, np.ndarray], Verdict]
    read: Callable[[str], float] = read_number

    def check(self, cells: Cells) -> Verdict:
        """The verdict on what was typed; cells that hold no number are named."""
        values, unread = read_answer(cells, self.rows, self.columns, self.read)
        return unread or self.judge(values, np.array([[decimals(cell) for cell in row] for row in cells]))


def table(
    name: str,
    asks: str,
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    right: np.ndarray,
    mistakes: Sequence[Mistake],
) -> Table:
    """A question whose right numbers [rows, columns] and likely mistakes are known."""
    return Table(name, asks, rows, columns, partial(judge, rows=rows, columns=columns, right=right, mistakes=mistakes))


@dataclass(frozen=True)
class Choice:
    """A question answered by one of the options; `says` answers each of them."""

    name: str
    asks: str
    options: tuple[str, ...]
    right: int
    says: tuple[str, ...]

    def check(self, picked: int) -> Verdict:
        """The verdict on the option at this position."""
        return Verdict(picked == self.right, self.says[picked])


@dataclass(frozen=True)
class Exercise:
    """A task on given matrices; the questions come one after the other, the prediction before all of them."""

    task: str
    given: tuple[Shown, ...]
    prediction: Choice
    questions: tuple[Table | Choice, ...]
    solution: tuple[Shown, ...]


def nothing_more(_: np.ndarray) -> str:
    """Any numbers will do."""
    return ""


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of an exercise that a teacher may choose; `values` [rows, columns] are the exercise's own.

    `objection` tells why numbers that can be read cannot be used, or says nothing.
    """

    values: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    largest: float = 10.0
    objection: Callable[[np.ndarray], str] = nothing_more

    def cells(self) -> list[list[str]]:
        """The exercise's own numbers as text."""
        return [[f"{value:g}" for value in row] for row in self.values]

    def read(self, cells: Cells) -> tuple[np.ndarray, list[str]]:
        """The chosen numbers, or the exercise's own and a sentence on each thing that is wrong with the chosen ones."""
        if [len(row) for row in cells] != [len(self.columns)] * len(self.rows):
            return self.values, [f"{len(self.rows)} × {len(self.columns)} numbers are wanted."]
        values, complaints = read_matrix(cells, self.rows, self.columns, partial(read_number, largest=self.largest))
        if values is None:
            return self.values, complaints
        objection = self.objection(values)
        return (self.values, [objection]) if objection else (values, [])


@dataclass(frozen=True, eq=False)
class Plan:
    """How an exercise is made from its numbers; an exercise without any is always the same."""

    title: str
    build: Callable[..., Exercise]
    numbers: Numbers | None = None


def rows_of_weights(values: np.ndarray) -> str:
    """An objection to rows that are no shares of one."""
    if np.all(values >= 0) and np.all(np.abs(values.sum(axis=1) - 1) < 1e-6):
        return ""
    return "Every row has to be weights: none negative, and their sum 1."


def names(letter: str, count: int) -> tuple[str, ...]:
    """q0, q1, …"""
    return tuple(f"{letter}{position}" for position in range(count))


def listed(values: np.ndarray, digits: int = 2) -> str:
    """A vector as one reads it: (0.25, 0.5)."""
    return "(" + ", ".join(f"{value:.{digits}f}".rstrip("0").rstrip(".") for value in values) + ")"


def softmax_gradient(weights: np.ndarray) -> np.ndarray:
    """∂weights/∂scores of one row [keys, keys]: diag(w) − w wᵀ."""
    return np.diag(weights) - np.outer(weights, weights)
