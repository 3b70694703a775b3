"""Ten exercises whose answers are checked by computing: the section's five and five harder ones."""

from dataclasses import dataclass

from attnviz.choices import checked, one_of
from attnviz.lessons.exercises.harder import HARDER
from attnviz.lessons.exercises.parts import Cells, Choice, Exercise, Numbers, Plan, Shown, Table
from attnviz.lessons.exercises.section import SECTION

EXERCISES = SECTION | HARDER


def of_exercise(numbers: str) -> None:
    """Raises ValueError for numbers of an exercise that there is not."""
    if numbers.partition("~")[0] not in ("", *EXERCISES):
        raise ValueError(numbers)


@dataclass(frozen=True)
class Choices:
    """The exercise, and the numbers that a teacher chose: its name and rows of cells."""

    exercise: str = one_of(EXERCISES, "hand")
    numbers: str = checked(of_exercise)


__all__ = ["EXERCISES", "Cells", "Choice", "Choices", "Exercise", "Numbers", "Plan", "Shown", "Table"]
