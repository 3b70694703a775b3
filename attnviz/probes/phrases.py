"""Noun phrases, verb phrases and clauses as dependency trees; who does what is drawn from a split's own pairings."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .trees import Node
from .words import (
    ADJECTIVES,
    ADVERBS,
    ANY_INTRANSITIVE,
    ANY_TRANSITIVE,
    BESIDE,
    GIVING,
    GROUPS,
    PERSON_INTRANSITIVE,
    PERSON_PERSON,
    PERSON_THING,
    PLACE_PREPOSITIONS,
    PLACES,
    Kind,
    Noun,
    Split,
    Verb,
    pairing_split,
)

SINGULAR = ("the", "the", "the", "a", "this", "that", "every", "another")
COUNTING = {"two": "nummod", "three": "nummod", "many": "amod"}
PLURAL = ("the", "the", "the", "these", "those", "some", "many", "two", "three")


class NoFit(Exception):
    """The split has no verb for the nouns that were drawn: draw again."""


@dataclass
class Draw:
    """One sentence in the making: its random numbers, its split, and the nouns that it has named so far."""

    rng: random.Random
    split: Split
    named: list[tuple[Noun, Node]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def verb(self, verbs: tuple[Verb, ...], *nouns: Noun) -> Verb:
        """A verb whose pairing with every one of `nouns` belongs to this split. Raises NoFit if there is none."""
        fitting = [verb for verb in verbs if all(pairing_split(noun, verb) == self.split for noun in nouns)]
        if not fitting:
            raise NoFit
        return self.rng.choice(fitting)

    def noun(self, kind: Kind, *, person: bool | None = None) -> Noun:
        """A noun of this kind, new to the sentence; `person` chooses people or things where both exist."""
        group = self.rng.choice([group for group in GROUPS[kind] if person is None or group[0].person == person])
        noun = self.rng.choice([noun for noun in group if noun.word not in self.taken])
        self.taken.add(noun.word)
        return noun

    def other(self, kind: Kind, *, person: bool | None = None) -> Noun:
        """A new noun that takes another pronoun than `kind`."""
        kinds = [
            other
            for other, groups in GROUPS.items()
            if other != kind and any(person is None or group[0].person == person for group in groups)
        ]
        return self.noun(self.rng.choice(kinds), person=person)


def with_article(word: str, following: str) -> str:
    """`a` becomes `an` before a vowel; other determiners stay."""
    return "an" if word == "a" and following[0].lower() in "aeiou" else word


def noun_phrase(draw: Draw, noun: Noun, *, adjective: bool = False) -> Node:
    """`the old queen`, `Alice`: the phrase of a noun, which counts as named from now on."""
    head = Node(noun.word)
    draw.named.append((noun, head))
    if noun.name:
        return head
    determiner = draw.rng.choice(PLURAL if noun.kind == "they" else SINGULAR)
    if adjective:
        head.left.append(("amod", Node(draw.rng.choice(ADJECTIVES))))
    first = head.left[0][1].word if head.left else noun.word
    head.left.insert(0, (COUNTING.get(determiner, "det"), Node(with_article(determiner, first))))
    return head


def place_phrase(draw: Draw) -> Node:
    """`in the garden`, headed by its noun."""
    return Node(
        draw.rng.choice(PLACES),
        left=[("case", Node(draw.rng.choice(PLACE_PREPOSITIONS))), ("det", Node("the"))],
    )


def beside_phrase(draw: Draw, noun: Noun) -> Node:
    """`near the soldiers`, headed by its noun."""
    phrase = noun_phrase(draw, noun)
    phrase.left.insert(0, ("case", Node(draw.rng.choice(BESIDE))))
    return phrase


def maybe_adverb(draw: Draw, verb: Node, chance: float = 0.25) -> None:
    """Put an adverb before the verb, sometimes."""
    if draw.rng.random() < chance:
        verb.left.append(("advmod", Node(draw.rng.choice(ADVERBS))))


def subject_verbs(noun: Noun) -> tuple[Verb, ...]:
    """The verbs without object that this noun can be the subject of."""
    return ANY_INTRANSITIVE + PERSON_INTRANSITIVE if noun.person else ANY_INTRANSITIVE


def object_verbs(subject: Noun, target: Noun) -> tuple[Verb, ...]:
    """The verbs with which the subject can act on the target."""
    if not subject.person:
        return ANY_TRANSITIVE
    return (PERSON_PERSON if target.person else PERSON_THING) + ANY_TRANSITIVE


def intransitive(draw: Draw, subject: Noun) -> Node:
    """A past verb without object that suits the subject, sometimes with an adverb or a place."""
    verb = Node(draw.verb(subject_verbs(subject), subject).past)
    maybe_adverb(draw, verb)
    if draw.rng.random() < 0.4:
        verb.right.append(("obl", place_phrase(draw)))
    return verb


def transitive(draw: Draw, subject: Noun, target: Noun) -> Node:
    """A past verb with its object; both pairings, with the subject and with the object, are of this split."""
    verb = Node(draw.verb(object_verbs(subject, target), subject, target).past)
    verb.right.append(("obj", noun_phrase(draw, target, adjective=draw.rng.random() < 0.3)))
    return verb


def ditransitive(draw: Draw, subject: Noun, receiver: Noun, given: Noun, phrase: Node | None = None) -> Node:
    """`gave the boy a lamp`; `phrase` is what was given, where its phrase exists already."""
    verb = Node(draw.verb(GIVING, subject, receiver, given).past, right=[("iobj", noun_phrase(draw, receiver))])
    verb.right.append(("obj", phrase or noun_phrase(draw, given)))
    return verb


def with_subject(verb: Node, subject: Node) -> Node:
    """The clause of a verb: its subject goes before everything that already stands before the verb."""
    verb.left.insert(0, ("nsubj", subject))
    return verb


def clause(draw: Draw, noun: Noun, *, mark: str | None = None) -> Node:
    """A short clause about `noun`: `when the boys had returned`, `after the storm vanished`."""
    verb = intransitive(draw, noun)
    if draw.rng.random() < 0.5:
        verb.left.insert(0, ("aux", Node("had")))
    with_subject(verb, noun_phrase(draw, noun, adjective=draw.rng.random() < 0.2))
    if mark is not None:
        verb.left.insert(0, ("mark", Node(mark)))
    return verb


def relative_by_subject(draw: Draw, owner: Noun, target: Noun) -> Node:
    """`who had thanked the king`: the owner is the subject of its own relative clause."""
    verb = transitive(draw, owner, target)
    if draw.rng.random() < 0.5:
        verb.left.insert(0, ("aux", Node("had")))
    return with_subject(verb, Node("who" if owner.person and draw.rng.random() < 0.7 else "that"))


def relative_by_object(draw: Draw, owner: Noun, subject: Noun) -> Node:
    """`that the king had thanked`: the owner is the object of its own relative clause."""
    verb = Node(draw.verb(object_verbs(subject, owner), subject, owner).past)
    if draw.rng.random() < 0.5:
        verb.left.append(("aux", Node("had")))
    with_subject(verb, noun_phrase(draw, subject))
    verb.left.insert(0, ("obj", Node("that" if not owner.person or draw.rng.random() < 0.6 else "whom")))
    return verb
