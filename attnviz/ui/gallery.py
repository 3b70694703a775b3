"""Twelve sentences worth opening, each with a question that the reader can answer by looking."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Piece:
    """A view of a sentence, as fields of `ui.address.UrlState`, and what to ask of it."""

    title: str
    text: str
    question: str
    model: str
    choices: dict[str, Any] = field(default_factory=dict)


TWICE = "The old fox smiled at a red hen. The old fox smiled at a red"

PIECES = (
    Piece(
        "Said twice",
        TWICE,
        "At the second “fox”, where does L1.H1 look: at the first “fox”, or behind it?",
        "tiny-gpt",
        {"layer": 1, "head": 1, "shown_as": "strip"},
    ),
    Piece(
        "One step back",
        "The king and the queen went down to the sea.",
        "Which head always looks one token back, and is there a token where it does not?",
        "tiny-gpt",
        {"measure": "distance"},
    ),
    Piece(
        "Resting",
        "Once upon a time there was a little girl.",
        "How many heads give most of their weight to the start token, and what is left of their maps without it?",
        "tiny-gpt",
        {"measure": "first", "hide_first": True, "renormalise": True},
    ),
    Piece(
        "Who is she?",
        "Lily met Tom at the door, and she smiled.",
        "Find the head in which “she” looks most at “Lily”. Does it still when you swap the two names?",
        "tiny-bert",
        {"measure": "weight", "merge_words": True},
    ),
    Piece(
        "A hidden word",
        "The [MASK] sat on the throne and wore a crown.",
        "Which words does the mask look at, in the heads where it looks at words at all?",
        "tiny-bert",
        {"read_special": True, "measure": "entropy"},
    ),
    Piece(
        "Agreement across a clause",
        "The boys who saw the dog were happy.",
        "Does any head lead from “were” back to “boys”, past the nearer “dog”?",
        "tiny-bert",
        {"measure": "weight", "merge_words": True},
    ),
    Piece(
        "One bank or another",
        "She sat by the bank of the river and went to the bank for money.",
        "Do the two “bank” look at different words?",
        "tiny-bert",
        {"merge_words": True, "shown_as": "lines", "top_k": 3},
    ),
    Piece(
        "A list",
        "red, blue, green, gold, red, blue, green,",
        "After the second “green,” the model has seen what comes next. Which head looks there?",
        "tiny-gpt",
        {"layer": 1, "head": 1},
    ),
    Piece(
        "Quotes",
        "“Come in,” said the fox. “Come in,” said the hen.",
        "Does a closing quote look at its opening one?",
        "tiny-gpt",
        {"shown_as": "lines", "threshold": 0.1},
    ),
    Piece(
        "Code",
        "for i in range(10): print(i)",
        "How does a model that has read only tales cut this up, and what do its heads do with the pieces?",
        "tiny-gpt",
        {"shown_as": "strip"},
    ),
    Piece(
        "Another language",
        "Der alte Fuchs sah eine rote Henne.",
        "Do heads that look one token back in English still do so here?",
        "tiny-gpt",
        {"measure": "distance"},
    ),
    Piece(
        "A date, translated",
        "the 3rd of May, 2021",
        "While the translator writes the month, where does it look?",
        "tiny-translator",
        {"kind": "cross", "shown_as": "heatmap"},
    ),
)
