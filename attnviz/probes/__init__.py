"""Generated sentences and sequences with known answers: pronouns, mentions, agreement, dependencies, repeats.

Every generator takes a split and a seed and gives the same for the same arguments. Templates, and pairings of a noun
or name with a verb, belong to one split each. `VERSION` grows when what pronouns or repeats give for their arguments
changes, on which the bundled models are trained and scored; dependencies and mentions count in `labels.decide.VERSION`.
"""

from __future__ import annotations

from .agreement import Agreement, agreement_pairs
from .dependencies import dependency_sentences
from .mentions import mention_sentences
from .pronouns import pronoun_sentences
from .repeats import PERIODS, Repeat, repeats
from .templates import TEST_ONLY, template_split
from .trees import Dependency, Sentence
from .words import PRONOUNS, pairing_split

VERSION = 1

__all__ = [
    "PERIODS",
    "PRONOUNS",
    "TEST_ONLY",
    "VERSION",
    "Agreement",
    "Dependency",
    "Repeat",
    "Sentence",
    "agreement_pairs",
    "dependency_sentences",
    "mention_sentences",
    "pairing_split",
    "pronoun_sentences",
    "repeats",
    "template_split",
]
