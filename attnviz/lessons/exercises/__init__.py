"""Ten exercises whose answers are checked by computing: the section's five and five harder ones."""

from attnviz.lessons.exercises.harder import HARDER
from attnviz.lessons.exercises.parts import Cells, Choice, Exercise, Numbers, Plan, Shown, Table
from attnviz.lessons.exercises.section import SECTION

EXERCISES = SECTION | HARDER

__all__ = ["EXERCISES", "Cells", "Choice", "Exercise", "Numbers", "Plan", "Shown", "Table"]
