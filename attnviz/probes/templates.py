"""The parts that a sentence's template names, and the split that a template belongs to."""

from __future__ import annotations

import zlib

from .phrases import (
    Draw,
    beside_phrase,
    clause,
    ditransitive,
    intransitive,
    noun_phrase,
    place_phrase,
    relative_by_object,
    relative_by_subject,
    transitive,
)
from .trees import Node
from .words import TIMES, Kind, Noun, Split

OPENINGS = ("none", "none", "time", "place", "when", "after", "before", "as", "once")
MODIFIERS = ("none", "none", "adjective", "beside", "adjective-beside", "by-subject", "by-object")
MAINS = ("plain", "on-other", "on-thing", "giving")
# Parts whose words are kept from training altogether.
TEST_ONLY = frozenset({"once", "although", "for-self", "and-soon", "because-fresh"})
TEST_TEMPLATE_EVERY = 5


def template_split(template: str) -> Split:
    """The split of a template: a fifth of all combinations, and every one that has a part kept for the test."""
    if TEST_ONLY & set(template.split("|")):
        return "test"
    return "test" if zlib.crc32(template.encode()) % TEST_TEMPLATE_EVERY == 0 else "train"


def opening_phrase(draw: Draw, opening: str, kind: Kind) -> tuple[str, Node] | None:
    """What stands before the clause, with its relation; the noun of a clause takes another pronoun than `kind`."""
    if opening == "none":
        return None
    if opening == "time":
        return "advmod", Node(draw.rng.choice(TIMES))
    if opening == "place":
        return "obl", place_phrase(draw)
    return "advcl", clause(draw, draw.other(kind), mark=opening)


def modified_subject(draw: Draw, subject: Noun, modifier: str, kind: Kind) -> Node:
    """The subject's phrase; a noun inside its modifier takes another pronoun than `kind`."""
    phrase = noun_phrase(draw, subject, adjective=modifier.startswith("adjective"))
    if modifier.endswith("beside"):
        phrase.right.append(("nmod", beside_phrase(draw, draw.other(kind))))
    elif modifier == "by-subject":
        phrase.right.append(("acl:relcl", relative_by_subject(draw, subject, draw.other(kind))))
    elif modifier == "by-object":
        phrase.right.append(("acl:relcl", relative_by_object(draw, subject, draw.other(kind))))
    return phrase


def main_verb(draw: Draw, subject: Noun, main: str) -> Node:
    """The verb of the main clause with its objects, which all take another pronoun than the subject."""
    if main == "on-other":
        return transitive(draw, subject, draw.other(subject.kind))
    if main == "on-thing":
        return transitive(draw, subject, draw.other(subject.kind, person=False))
    if main == "giving":
        receiver, given = draw.other(subject.kind, person=True), draw.other(subject.kind, person=False)
        return ditransitive(draw, subject, receiver, given)
    return intransitive(draw, subject)
