"""The section's picture of a pattern: what the word "sat" might look at. Made up there, and kept as an illustration."""

import numpy as np

TEXT = "The cat sat on the mat"
WORDS = tuple(TEXT.split())
QUERY = WORDS.index("sat")
ILLUSTRATION = np.array([0.05, 0.70, 0.02, 0.03, 0.05, 0.15])  # [words], as the section draws it


def out_of_reach() -> float:
    """The illustration's weight on words after the query: no head that cannot look ahead comes closer than this."""
    return float(ILLUSTRATION[QUERY + 1 :].sum())
