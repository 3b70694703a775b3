"""Minimal pairs of a right and a wrong verb form. The form goes by the subject's number, and between the two stands a
noun of the other number, so that the nearest noun always misleads."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .phrases import Draw, NoFit, beside_phrase, noun_phrase, relative_by_object, relative_by_subject, with_subject
from .templates import OPENINGS, opening_phrase, template_split
from .trees import Node, read_out
from .words import FEELINGS, Kind, Noun, Split

FORMS = (("was", "were"), ("is", "are"))  # singular, plural
BETWEEN = ("beside", "by-subject", "by-object")
SINGULAR_KINDS: tuple[Kind, ...] = ("he", "she", "it")


@dataclass(frozen=True)
class Agreement:
    """`text` with the verb form that agrees with its subject, `wrong` the same with the other form."""

    text: str
    wrong: str
    template: str
    split: Split


def agreement_pairs(n: int, *, split: Split, seed: int) -> list[Agreement]:
    """`n` pairs; the same arguments give the same pairs."""
    rng = random.Random(f"agreement {split} {seed}")
    pairs: list[Agreement] = []
    while len(pairs) < n:
        opening, between, forms = rng.choice(OPENINGS), rng.choice(BETWEEN), rng.choice(FORMS)
        template = "|".join(("agreement", opening, between, forms[0]))
        if template_split(template) != split:
            continue
        try:
            pairs.append(_pair(Draw(rng, split), opening, between, forms, template))
        except NoFit:
            continue
    return pairs


def _pair(draw: Draw, opening: str, between: str, forms: tuple[str, str], template: str) -> Agreement:
    kinds: list[Kind] = [draw.rng.choice(SINGULAR_KINDS), "they"]
    draw.rng.shuffle(kinds)
    subject = draw.noun(kinds[0])
    other = draw.noun(kinds[1])
    start = opening_phrase(draw, opening, subject.kind)
    plural = subject.kind == "they"
    right, wrong = Node(forms[plural]), forms[not plural]
    root = with_subject(
        Node(draw.rng.choice(FEELINGS), left=[("cop", right)], right=[("punct", Node("."))]),
        _subject(draw, subject, other, between),
    )
    if start is not None:
        root.left[:0] = [start, ("punct", Node(","))]
    text, nodes, spans, _ = read_out(root)
    begin, end = spans[next(number for number, node in enumerate(nodes) if node is right)]
    return Agreement(text, text[:begin] + wrong + text[end:], template, draw.split)


def _subject(draw: Draw, subject: Noun, other: Noun, between: str) -> Node:
    phrase = noun_phrase(draw, subject)
    if between == "beside":
        phrase.right.append(("nmod", beside_phrase(draw, other)))
    else:
        relative = relative_by_subject if between == "by-subject" else relative_by_object
        phrase.right.append(("acl:relcl", relative(draw, subject, other)))
    return phrase
