"""Numbers as people type them: cells of text to an array, and a sentence on each cell that holds none."""

import math
from collections.abc import Sequence

import numpy as np

LARGEST = 1000.0  # beyond it a lesson shows nothing but overflow


def read_number(text: str) -> float:
    """ "0.5", "0,5", "1/3", "-2" or "1e-3" to a number.

    Raises ValueError with what is wrong, in words that follow the text itself: "is not a number".
    """
    tidy = text.strip().replace("−", "-").replace(",", ".")
    if not tidy:
        raise ValueError("is empty")
    above, slash, below = tidy.partition("/")
    try:
        number = float(above) / float(below) if slash else float(above)
    except ValueError:
        raise ValueError("is not a number") from None
    except ZeroDivisionError:
        raise ValueError("divides by zero") from None
    if math.isnan(number):
        raise ValueError("is not a number")
    if abs(number) > LARGEST:
        raise ValueError(f"is out of range: a number from −{LARGEST:,.0f} to {LARGEST:,.0f} is wanted")
    return number


def read_matrix(
    cells: Sequence[Sequence[str]], rows: Sequence[str], columns: Sequence[str]
) -> tuple[np.ndarray | None, list[str]]:
    """cells [rows][columns] to an array, or None and a sentence for each cell that is no number, by its names."""
    values = np.zeros((len(rows), len(columns)))
    complaints = []
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            try:
                values[i, j] = read_number(cells[i][j])
            except ValueError as error:
                typed = f"“{cells[i][j].strip()[:20]}” " if cells[i][j].strip() else ""
                complaints.append(f"{row}, {column}: {typed}{error}.")
    return (None if complaints else values), complaints
