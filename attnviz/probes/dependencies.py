"""Sentences without a scored pronoun, for dependency arcs: verbs with one to three arguments, copulas, two clauses."""

from __future__ import annotations

import random

from .phrases import (
    Draw,
    NoFit,
    clause,
    intransitive,
    noun_phrase,
    place_phrase,
    subject_verbs,
    with_subject,
)
from .rewording import reword
from .templates import (
    MAINS,
    MODIFIERS,
    OPENINGS,
    main_verb,
    modified_subject,
    opening_phrase,
    template_split,
)
from .trees import Node, Sentence, read_out
from .variety import varied
from .words import (
    ADJECTIVES,
    ADVERBS,
    GROUPS,
    MODALS,
    PRONOUNS,
    SPEECH,
    THING,
    Kind,
    Noun,
    Split,
)

DEPENDENCY_MAINS = (*MAINS, "copula", "modal", "said", "owning")
ENDINGS = ("none", "none", "place", "adverb", "and", "but", "while")


def dependency_sentences(n: int, *, split: Split, seed: int) -> list[Sentence]:
    """`n` sentences with gold arcs and no scored pronoun; the same arguments give the same sentences."""
    rng = random.Random(f"dependencies {split} {seed}")
    sentences: list[Sentence] = []
    while len(sentences) < n:
        template = tuple(rng.choice(parts) for parts in (OPENINGS, MODIFIERS, DEPENDENCY_MAINS, ENDINGS))
        if template_split("|".join(template)) != split:
            continue
        try:
            # The test's words are all replaced, so that its pairings need not be others as well.
            sentences.append(_sentence(Draw(rng, "train"), template, split))
        except NoFit:
            continue
    return sentences


def _sentence(draw: Draw, template: tuple[str, ...], split: Split) -> Sentence:
    opening, modifier, main, ending = template
    kind: Kind = draw.rng.choice(tuple(GROUPS))
    person = True if main in ("giving", "said", "owning") else None
    if person and kind == "it":
        kind = "they"
    subject = draw.noun(kind, person=person)
    start = opening_phrase(draw, opening, kind)
    phrase = modified_subject(draw, subject, modifier, kind)
    verb = with_subject(_verb(draw, subject, main), phrase)
    _end(draw, verb, ending, kind)
    if start is not None:
        verb.left[:0] = [start, ("punct", Node(","))]
    verb = varied(draw, verb)
    if split == "test":
        reword(draw, verb)
    verb.right.append(("punct", Node(".")))
    text, _, spans, arcs = read_out(verb)
    words = tuple(text[a:b] for a, b in spans)
    return Sentence(text, words, tuple(spans), tuple(arcs), "|".join(template), split)


def _verb(draw: Draw, subject: Noun, main: str) -> Node:
    if main == "copula":
        return Node(draw.rng.choice(ADJECTIVES), left=[("cop", Node("were" if subject.kind == "they" else "was"))])
    if main == "modal":
        verb = Node(draw.verb(subject_verbs(subject), subject).base, left=[("aux", Node(draw.rng.choice(MODALS)))])
        if draw.rng.random() < 0.5:
            verb.left.append(("advmod", Node("not")))
        return verb
    if main == "said":
        verb = Node(draw.verb(SPEECH, subject).past)
        verb.right.append(("ccomp", clause(draw, draw.other(subject.kind), mark="that")))
        return verb
    if main == "owning":
        thing = Node(draw.rng.choice(THING).word)
        thing.left += [
            ("case", Node(draw.rng.choice(("near", "with", "without", "behind")))),
            ("nmod:poss", Node(PRONOUNS[subject.kind]["possessive"])),
            ("amod", Node(draw.rng.choice(ADJECTIVES))),
        ]
        return Node(draw.verb(subject_verbs(subject), subject).past, right=[("obl", thing)])
    return main_verb(draw, subject, main)


def _end(draw: Draw, verb: Node, ending: str, kind: Kind) -> None:
    if ending == "place":
        verb.right.append(("obl", place_phrase(draw)))
    elif ending == "adverb":
        verb.right.append(("advmod", Node(draw.rng.choice(ADVERBS))))
    elif ending == "while":
        verb.right.append(("advcl", clause(draw, draw.other(kind), mark="while")))
    elif ending in ("and", "but"):
        noun = draw.other(kind)
        second = with_subject(intransitive(draw, noun), noun_phrase(draw, noun))
        second.left.insert(0, ("cc", Node(ending)))
        verb.right += [("punct", Node(",")), ("conj", second)]
