"""Numbers as people type them: cells of text to an array, and a sentence on each cell that holds none."""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

LARGEST = 1000.0  # beyond it a lesson shows nothing but overflow
LARGEST_COUNT = 1e18
EXACT = 12  # decimals


def read_number(text: str, largest: float = LARGEST) -> float:
    """ "0.5", "0,5", "1/3", "-2" or "1e-3" to a number of at most `largest` in size.

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
    if abs(number) > largest:
        raise ValueError(f"is out of range: a number from −{largest:,.0f} to {largest:,.0f} is wanted")
    return number


def read_count(text: str) -> float:
    """ "1024000000", "1,024,000,000", "1 024 000 000" or "1.024e9" to a number; raises ValueError as `read_number`."""
    return read_number(re.sub(r"(?<=\d)[\s,_'](?=\d{3}(?!\d))", "", text), largest=LARGEST_COUNT)


def decimals(text: str) -> int:
    """How many decimals were typed; fractions and powers of ten count as exact."""
    if "/" in text or "e" in text.lower():
        return EXACT
    return len(text.strip().replace(",", ".").partition(".")[2])


def read_matrix(
    cells: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    read: Callable[[str], float] = read_number,
) -> tuple[np.ndarray | None, list[str]]:
    """cells [rows][columns] to an array, or None and a sentence for each cell that is no number, by its names.

    `read` turns one cell to a number, or raises ValueError with what is wrong.
    """
    values = np.zeros((len(rows), len(columns)))
    complaints = []
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            try:
                values[i, j] = read(cells[i][j])
            except ValueError as error:
                typed = f"“{cells[i][j].strip()[:20]}” " if cells[i][j].strip() else ""
                complaints.append(f"{row}, {column}: {typed}{error}.")
    return (None if complaints else values), complaints
