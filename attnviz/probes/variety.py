"""What running English has and the templates have not, so that few arcs have one length.

A rule that points a fixed number of words away is right far more often in sentences that all have one shape, and a head
can then hardly be better. A finished tree is changed in place, phrase by phrase: pronouns, possessives, compounds, more
adjectives, noun phrases joined by "and" or "of", negation, and infinitives.
"""

from __future__ import annotations

from .phrases import Draw, with_article
from .trees import Node
from .words import (
    ADJECTIVES,
    ANY_INTRANSITIVE,
    ANY_TRANSITIVE,
    MODALS,
    PERSON_INTRANSITIVE,
    PERSON_PERSON,
    PERSON_THING,
    PLACES,
    THING,
)

NOMINATIVE = tuple("he she it they we you I".split())
ACCUSATIVE = tuple("him her it them us you me".split())
POSSESSIVE = tuple("his her its their our your my".split())
COMPOUNDS = tuple("stone iron silver summer winter village garden school river mountain night water glass wood".split())
BEGINNING = tuple("tried attempted decided refused managed agreed started".split())
BASES = {
    verb.past: verb.base
    for verbs in (ANY_INTRANSITIVE, ANY_TRANSITIVE, PERSON_INTRANSITIVE, PERSON_PERSON, PERSON_THING)
    for verb in verbs
}
WITH_VERB = frozenset({"obj", "iobj", "obl"})


def varied(draw: Draw, node: Node, relation: str = "root") -> Node:
    """The node that stands in this one's place, its dependents varied as well."""
    node.left = [(name, varied(draw, child, name)) for name, child in node.left]
    node.right = [(name, varied(draw, child, name)) for name, child in node.right]
    if any(name == "det" for name, _ in node.left):
        return _phrase(draw, node, relation)
    if node.word in BASES and any(name == "nsubj" for name, _ in node.left):
        return _clause(draw, node)
    return node


def _phrase(draw: Draw, noun: Node, relation: str) -> Node:
    """A noun with a determiner: another word in its place, or more words around it."""
    rng = draw.rng
    cases = [child for child in noun.left if child[0] in ("case", "cc")]
    if not noun.right and relation == "nsubj" and rng.random() < 0.4:
        return Node(rng.choice(NOMINATIVE))
    if not noun.right and relation in WITH_VERB | {"nmod"} and rng.random() < 0.2:
        return Node(rng.choice(ACCUSATIVE), left=cases)
    determiner = next(i for i, (name, _) in enumerate(noun.left) if name == "det")
    inner = noun.left[determiner + 1 :]
    inner = [("amod", Node(word)) for word in rng.sample(ADJECTIVES, rng.choice((0, 0, 0, 0, 1, 1, 2)))] + inner
    if rng.random() < 0.2:
        inner.append(("compound", Node(rng.choice(COMPOUNDS))))
    before = noun.left[determiner]
    if rng.random() < 0.15:
        before = ("nmod:poss", Node(rng.choice(POSSESSIVE)))
    elif before[1].word in ("a", "an"):
        before = ("det", Node(with_article("a", inner[0][1].word if inner else noun.word)))
    noun.left = [*noun.left[:determiner], before, *inner]
    if not noun.right and rng.random() < 0.12:
        noun.right.append(("nmod", _the(rng.choice(PLACES), ("case", Node("of")))))
    elif not noun.right and rng.random() < 0.12:
        noun.right.append(("conj", _the(rng.choice(THING).word, ("cc", Node("and")))))
    return noun


def _the(word: str, first: tuple[str, Node]) -> Node:
    return Node(word, left=[first, ("det", Node("the"))])


def _clause(draw: Draw, verb: Node) -> Node:
    """A past verb with its subject: as it is, denied, or as the infinitive of another verb."""
    helped = [child.word for name, child in verb.left if name == "aux"]
    relative = any(name == "obj" for name, _ in verb.left)  # "that the king had thanked": the verb's own object
    if set(helped) & set(MODALS):
        return verb
    chance = draw.rng.random()
    if chance < 0.2 and not relative:
        inside = [child for child in verb.right if child[0] in WITH_VERB]
        outside = [child for child in verb.right if child[0] not in WITH_VERB]
        infinitive = Node(BASES[verb.word], left=[("mark", Node("to"))], right=inside)
        return Node(draw.rng.choice(BEGINNING), left=verb.left, right=[("xcomp", infinitive), *outside])
    if chance < 0.35 and not helped:
        subject = next(i for i, (name, _) in enumerate(verb.left) if name == "nsubj")
        negation = [("aux", Node("did")), ("advmod", Node("not"))]
        verb.left = [*verb.left[: subject + 1], *negation, *verb.left[subject + 1 :]]
        verb.word = BASES[verb.word]
    return verb
