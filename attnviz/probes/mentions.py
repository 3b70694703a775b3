"""Texts in which somebody is mentioned again in other words: "Lily thanked the king. The girl smiled."

Two people of either gender are named, each by a name or by a noun, in either order, and one of them again by another
noun; whatever else is named is a thing or a group. So gender and what the words mean tell who is meant, and neither
place, role, number, being a person nor being a name does. No mention has a word of an earlier one.
"""

from __future__ import annotations

import random

from .phrases import (
    Draw,
    NoFit,
    beside_phrase,
    clause,
    intransitive,
    noun_phrase,
    object_verbs,
    place_phrase,
    transitive,
    with_subject,
)
from .rewording import reword
from .templates import template_split
from .trees import Node, Sentence, read_out
from .words import FEMALE, GROUPS, MALE, PERSON_PERSON, TIMES, Kind, Noun, Split

# What somebody is called when mentioned again, and never before.
AGAIN: dict[Kind, tuple[Noun, ...]] = {
    "she": tuple(noun for noun in FEMALE if noun.word in ("woman", "lady", "girl")),
    "he": tuple(noun for noun in MALE if noun.word in ("man", "gentleman", "boy")),
}
YOUNG = frozenset({"girl", "boy"})  # said of names only: a grandmother is none
AGAIN_REWORDED: dict[Kind, tuple[str, ...]] = {"she": ("female", "gal"), "he": ("guy", "fellow", "chap")}
MAINS = ("act", "act", "when", "after", "while")  # what one does to the other, or a clause for each
OPENINGS = ("none", "none", "time", "place", "as")
ADDED = ("none", "none", "none", "adjective", "beside-first", "beside-last")
TAILS = ("next", "next", "next-time", "next-place", "next-fresh", "next-other", "next-while")
FRESH = ("Everybody", "Nobody", "Someone", "Everyone")
NEW_EACH_TIME = frozenset({"every", "another"})  # "every queen … the woman" does not go back


def mention_sentences(n: int, *, split: Split, seed: int) -> list[Sentence]:
    """`n` texts of two sentences, in which the word `again` means whom `antecedent` named; the same arguments give the
    same texts. The test's words are all replaced, so that its pairings need not be others as well."""
    rng = random.Random(f"mentions {split} {seed}")
    sentences: list[Sentence] = []
    while len(sentences) < n:
        template = ("mention", *(rng.choice(parts) for parts in (OPENINGS, MAINS, ADDED, TAILS)))
        if template_split("|".join(template)) != split or (template[1] == "as" and template[2] != "act"):
            continue
        try:
            sentences.append(_sentence(Draw(rng, "train"), template, split))
        except NoFit:
            continue
    return sentences


def _sentence(draw: Draw, template: tuple[str, ...], split: Split) -> Sentence:
    _, opening, main, added, tail = template
    kinds: list[Kind] = ["she", "he"]
    draw.rng.shuffle(kinds)
    people = [_person(draw, kind) for kind in kinds]
    meant = draw.rng.choice(people)
    verb = _first_sentence(draw, people, opening, main, added)
    called = draw.rng.choice([noun for noun in AGAIN[meant.kind] if meant.name or noun.word not in YOUNG])
    again = Node(called.word, left=[("det", Node("the"))])
    second = _second_sentence(draw, called, again, tail)
    verb.right += [("punct", Node(".")), ("parataxis", second), ("punct", Node("."))]
    antecedent = next(node for noun, node in draw.named if noun is meant)
    for _, before in antecedent.left:
        before.word = "the" if before.word in NEW_EACH_TIME else before.word
    if split == "test":
        reword(draw, verb)
        again.word = draw.rng.choice(AGAIN_REWORDED[meant.kind])
    start, _, _ = next(second.walk())
    start.word = start.word[0].upper() + start.word[1:]
    text, nodes, spans, arcs = read_out(verb)
    number = {id(node): index for index, node in enumerate(nodes)}
    return Sentence(
        text=text,
        words=tuple(text[a:b] for a, b in spans),
        spans=tuple(spans),
        dependencies=tuple(arcs),
        template="|".join(template),
        split=split,
        antecedent=number[id(antecedent)],
        distractors=tuple(sorted(number[id(node)] for noun, node in draw.named if noun is not meant)),
        again=number[id(again)],
    )


def _person(draw: Draw, kind: Kind) -> Noun:
    noun = draw.rng.choice([noun for noun in draw.rng.choice(GROUPS[kind]) if noun not in AGAIN[kind]])
    draw.taken.add(noun.word)
    return noun


def _bystander(draw: Draw) -> Noun:
    """A thing or a group, which no woman and no man is."""
    return draw.noun(draw.rng.choice(("it", "they")))


def _first_sentence(draw: Draw, people: list[Noun], opening: str, main: str, added: str) -> Node:
    """Names both, in their order."""
    first, last = people
    start = [("punct", Node(","))]
    if opening == "time":
        start.insert(0, ("advmod", Node(draw.rng.choice(TIMES))))
    elif opening == "place":
        start.insert(0, ("obl", place_phrase(draw)))
    elif opening == "as":
        start.insert(0, ("advcl", clause(draw, _bystander(draw), mark="as")))
    else:
        start = []
    phrase = noun_phrase(draw, first, adjective=added == "adjective")
    if added == "beside-first":
        phrase.right.append(("nmod", beside_phrase(draw, _bystander(draw))))
    if main == "act":
        verb = with_subject(transitive(draw, first, last), phrase)
    else:
        verb = with_subject(intransitive(draw, last), noun_phrase(draw, last))
        before = with_subject(intransitive(draw, first), phrase)
        before.left.insert(0, ("mark", Node(main)))
        start += [("advcl", before), ("punct", Node(","))]
    if added == "beside-last":
        verb.right.append(("obl", beside_phrase(draw, _bystander(draw))))
    verb.left[:0] = start
    return verb


def _second_sentence(draw: Draw, called: Noun, again: Node, tail: str) -> Node:
    if tail == "next-fresh":
        verb = Node(draw.verb(PERSON_PERSON, called).past, right=[("obj", again)])
        return with_subject(verb, Node(draw.rng.choice(FRESH)))
    if tail == "next-other":
        other = _bystander(draw)
        verb = Node(draw.verb(object_verbs(other, called), other, called).past, right=[("obj", again)])
        return with_subject(verb, noun_phrase(draw, other))
    verb = with_subject(intransitive(draw, called), again)
    if tail == "next-time":
        verb.left.insert(0, ("advmod", Node(draw.rng.choice(TIMES))))
    elif tail == "next-place":
        verb.left[:0] = [("obl", place_phrase(draw)), ("punct", Node(","))]
    elif tail == "next-while":
        verb.left[:0] = [("advcl", clause(draw, _bystander(draw), mark="while")), ("punct", Node(","))]
    return verb
