"""What is off in an answer: it is compared with the right one, and with what each common mistake would have given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from attnviz.lessons.typed import read_matrix

WANTED = 2  # decimals
NEAR = 0.5 * 10**-WANTED + 1e-9
NAMED_CELLS = 3


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and a sentence or two on how exact it is or on what is off.

    `tried` is False while cells are empty.
    """

    right: bool
    says: str
    tried: bool = True


@dataclass(frozen=True, eq=False)
class Mistake:
    """A mistake that people make: the answer that it leads to, and how to tell them."""

    values: np.ndarray
    says: str


def read_answer(
    cells: Sequence[Sequence[str]], rows: Sequence[str], columns: Sequence[str], read: Callable[[str], float]
) -> tuple[np.ndarray, Verdict | None]:
    """Typed cells [rows][columns] as numbers, and a verdict if they cannot be judged."""
    wanted = np.zeros((len(rows), len(columns)))
    if [len(row) for row in cells] != [len(columns)] * len(rows):
        return wanted, Verdict(False, f"{len(rows)} × {len(columns)} numbers are wanted.")
    values, complaints = read_matrix([[cell.strip() or "0" for cell in row] for row in cells], rows, columns, read)
    if values is None:
        return wanted, Verdict(False, " ".join(complaints))
    if empty := sum(not cell.strip() for row in cells for cell in row):
        return wanted, Verdict(False, f"{empty} of {wanted.size} cells are empty.", tried=False)
    return values, None


def judge(
    values: np.ndarray,
    typed: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    right: np.ndarray,
    mistakes: Sequence[Mistake] = (),
) -> Verdict:
    """The verdict on `values` typed with `typed` decimals, whose right numbers are `right`, all [rows, columns].

    An answer is right when every number is, to two decimals. Otherwise the mistake that comes closest is named, if it
    gives these very numbers; mistakes of another shape or without finite numbers are passed over.
    """
    distance = np.abs(values - right)
    if distance.max() <= NEAR:
        return Verdict(True, _how_exact(float(distance.max()), int(typed.max())))
    if np.all(distance <= 0.5 * 10.0**-typed + 1e-9):
        return Verdict(False, "Right as far as it goes, but rounded too far: at least two decimals are wanted.")
    mistake = nearest_mistake(values, mistakes)
    return Verdict(False, mistake.says if mistake else _cells_off(values - right, rows, columns))


def nearest_mistake(values: np.ndarray, mistakes: Sequence[Mistake]) -> Mistake | None:
    """The mistake that gives these values to two decimals; the closest one where several do."""
    found = [
        (float(np.abs(values - mistake.values).max()), position)
        for position, mistake in enumerate(mistakes)
        if mistake.values.shape == values.shape and np.isfinite(mistake.values).all()
    ]
    distance, position = min(found, default=(np.inf, 0))
    return mistakes[position] if distance <= NEAR else None


def _how_exact(distance: float, typed: int) -> str:
    if distance < 1e-9:
        return "Right."
    correct = int(np.floor(-np.log10(2 * distance) + 1e-6))
    if correct >= typed:
        return f"Right, rounded to {typed} decimals."
    return f"Right to {correct} decimals; beyond them some digits are off."


def _cells_off(error: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    wrong = [(i, j) for i, j in np.argwhere(np.abs(error) > NEAR)]
    named = [
        f"{rows[i]}, {columns[j]} is too {'large' if error[i, j] > 0 else 'small'} by {_size(error[i, j])}"
        for i, j in wrong[:NAMED_CELLS]
    ]
    more = len(wrong) - len(named)
    listed = "; ".join(named) + (f"; and {more} more" if more else "")
    if error.size == 1:
        return f"The number is too {'large' if error.item() > 0 else 'small'} by {_size(error.item())}."
    if len(wrong) == 1:
        return f"One cell is off: {listed}."
    return f"{len(wrong)} of {error.size} cells are off: {listed}."


def _size(error: float) -> str:
    return f"{abs(error):.3g}" if abs(error) < 100 else f"{abs(error):,.0f}"
