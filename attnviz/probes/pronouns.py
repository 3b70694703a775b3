"""Minimal pairs of a right and a wrong pronoun in sentences whose structure says who is meant.

What decides: a nominative, possessive or reflexive pronoun goes back to the subject of the main clause, an accusative
one in a second verb phrase to the object of the first (it cannot be the subject, which would take a reflexive), and an
accusative one after a fresh subject (`everybody`) to the main subject. Other nouns stand before the antecedent,
between it and the pronoun, or both, and always take another pronoun than the antecedent; the wrong pronoun of a pair
is one that such a noun would take. So neither the nearest noun nor the first one tells the pronoun, and no verb form
does: every verb is past, or stands after a word that does not agree.
"""

from __future__ import annotations

import random

from .phrases import (
    Draw,
    NoFit,
    ditransitive,
    maybe_adverb,
    noun_phrase,
    object_verbs,
    place_phrase,
    subject_verbs,
    transitive,
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
from .words import (
    ADJECTIVES,
    FEELINGS,
    GROUPS,
    MODALS,
    PERSON_PERSON,
    PRONOUNS,
    SPEECH,
    TELLING,
    TIMES,
    Case,
    Noun,
    Split,
)

CLAUSES = ("because", "so", "but", "until", "while", "although")
SUBJECT_TAILS = (
    *CLAUSES, "said", "told", "said-fresh", "because-fresh", "own-object", "own-object", "own-place", "gave-own",
    "self", "by-self", "for-self", "next", "next-time", "next-fresh",
)  # fmt: skip
OBJECT_TAILS = ("and", "and-then", "and-soon", "to", "but-not")
OWN_PLACE = ("near", "behind", "beside", "with", "without", "by")
FRESH = ("everybody", "nobody", "someone", "everyone")


def pronoun_sentences(n: int, *, split: Split, seed: int, reworded: bool = False) -> list[Sentence]:
    """`n` sentences with one scored pronoun each; the same arguments give the same sentences. `reworded` puts other
    words in their places, which no model here is trained on."""
    rng = random.Random(f"pronouns {split} {seed}")
    sentences: list[Sentence] = []
    while len(sentences) < n:
        template = _draw_template(rng)
        if template_split("|".join(template)) != split:
            continue
        while True:
            try:
                sentences.append(_sentence(Draw(rng, split), template, reworded))
                break
            except NoFit:
                continue
    return sentences


def _draw_template(rng: random.Random) -> tuple[str, str, str, str]:
    opening, modifier = rng.choice(OPENINGS), rng.choice(MODIFIERS)
    if rng.random() < 0.25:
        return opening, modifier, "object", rng.choice(OBJECT_TAILS)
    tail = rng.choice(SUBJECT_TAILS)
    free = tail in CLAUSES or tail.startswith(("next", "because"))
    return opening, modifier, rng.choice(MAINS) if free else "fixed", tail


def _sentence(draw: Draw, template: tuple[str, str, str, str], reworded: bool) -> Sentence:
    opening, modifier, main, tail = template
    kind = draw.rng.choices(tuple(GROUPS), (28, 28, 18, 26))[0]
    needs_person = tail in ("told", "gave-own") or tail.startswith("said") or main == "giving"
    if needs_person and kind == "it":
        kind = "they"
    antecedent = draw.noun(kind, person=True if needs_person and kind == "they" else None)
    subject = draw.other(kind, person=True) if main == "object" else antecedent

    start = opening_phrase(draw, opening, kind)
    phrase = modified_subject(draw, subject, modifier, kind)
    if main == "object":
        verb, pronoun, case = _object_tail(draw, subject, antecedent, tail)
    else:
        verb, pronoun, case = _subject_tail(draw, antecedent, main, tail)
    with_subject(verb, phrase)
    if start is not None:
        verb.left[:0] = [start, ("punct", Node(","))]
    verb.right.append(("punct", Node(".")))

    others = [node for noun, node in draw.named if noun.kind != kind]
    rivals = sorted({noun.kind for noun, _ in draw.named if noun.kind != kind}) or [k for k in GROUPS if k != kind]
    wrong = PRONOUNS[draw.rng.choice(rivals)][case]
    if reworded:
        reword(draw, verb)
    text, nodes, spans, arcs = read_out(verb)
    number = {id(node): index for index, node in enumerate(nodes)}
    right = pronoun.word
    return Sentence(
        text=text,
        words=tuple(text[a:b] for a, b in spans),
        spans=tuple(spans),
        dependencies=tuple(arcs),
        template="|".join(template),
        split=draw.split,
        pronoun=number[id(pronoun)],
        antecedent=next(number[id(node)] for noun, node in draw.named if noun is antecedent),
        right_pronoun=right,
        wrong_pronoun=wrong.capitalize() if right[0].isupper() else wrong,
        distractors=tuple(number[id(node)] for node in others),
    )


def _predicate(draw: Draw, noun: Noun) -> Node:
    """What is said of the pronoun: nothing that agrees with it, nothing that only a person or only a thing does."""
    choice = draw.rng.random()
    if choice < 0.3:
        look = Node(draw.rng.choice(("looked", "seemed", "became", "grew")))
        look.right.append(("xcomp", Node(draw.rng.choice(FEELINGS))))
        return look
    verb = draw.verb(subject_verbs(noun), noun)
    if choice < 0.65:
        node = Node(verb.past, left=[("aux", Node("had"))] if choice < 0.5 else [])
    else:
        node = Node(verb.base, left=[("aux", Node(draw.rng.choice(MODALS)))])
        if draw.rng.random() < 0.5:
            node.left.append(("advmod", Node("not")))
    maybe_adverb(draw, node, 0.15)
    if draw.rng.random() < 0.25:
        node.right.append(("obl", place_phrase(draw)))
    return node


def _owned(draw: Draw, thing: Noun, pronoun: Node) -> Node:
    """`his old hat`: a thing with its owner's pronoun."""
    phrase = Node(thing.word, left=[("nmod:poss", pronoun)])
    if draw.rng.random() < 0.3:
        phrase.left.append(("amod", Node(draw.rng.choice(ADJECTIVES))))
    return phrase


def _subject_tail(draw: Draw, noun: Noun, main: str, tail: str) -> tuple[Node, Node, Case]:
    """The main verb with its pronoun, which goes back to the subject."""
    forms = PRONOUNS[noun.kind]
    if tail in CLAUSES:
        return _clause_tail(draw, noun, main_verb(draw, noun, main), tail)
    if tail.startswith("next") or tail == "because-fresh":
        return _next_tail(draw, noun, main_verb(draw, noun, main), tail)
    if tail in ("said", "told", "said-fresh"):
        return _speech_tail(draw, noun, tail)
    if tail in ("self", "by-self", "for-self"):
        pronoun = Node(forms["reflexive"])
        if tail == "self":
            verb = Node(draw.verb(object_verbs(noun, noun), noun).past, right=[("obj", pronoun)])
        else:
            verb = Node(draw.verb(subject_verbs(noun), noun).past)
            pronoun.left.append(("case", Node(tail.removesuffix("-self"))))
            verb.right.append(("obl", pronoun))
        maybe_adverb(draw, verb)
        return verb, pronoun, "reflexive"
    pronoun = Node(forms["possessive"])
    thing = draw.noun("it")
    phrase = _owned(draw, thing, pronoun)
    if tail == "gave-own":
        verb = ditransitive(draw, noun, draw.other(noun.kind, person=True), thing, phrase)
    elif tail == "own-place":
        verb = Node(draw.verb(subject_verbs(noun), noun).past, right=[("obl", phrase)])
        phrase.left.insert(0, ("case", Node(draw.rng.choice(OWN_PLACE))))
    else:
        verb = Node(draw.verb(object_verbs(noun, thing), noun, thing).past, right=[("obj", phrase)])
        maybe_adverb(draw, verb)
    return verb, pronoun, "possessive"


def _clause_tail(draw: Draw, noun: Noun, verb: Node, tail: str) -> tuple[Node, Node, Case]:
    pronoun = Node(PRONOUNS[noun.kind]["nominative"])
    second = with_subject(_predicate(draw, noun), pronoun)
    linking = tail in ("so", "but")
    second.left.insert(0, ("cc" if linking else "mark", Node(tail)))
    if linking:
        verb.right.append(("punct", Node(",")))
    verb.right.append(("conj" if linking else "advcl", second))
    return verb, pronoun, "nominative"


def _fresh_clause(draw: Draw, noun: Noun, pronoun: Node, starter: str) -> Node:
    """`everybody had praised her`: a clause whose own subject is nobody that was named."""
    verbs = PERSON_PERSON if noun.person else object_verbs(noun, noun)
    verb = Node(draw.verb(verbs, noun).past, right=[("obj", pronoun)])
    if draw.rng.random() < 0.4:
        verb.left.append(("aux", Node("had")))
    return with_subject(verb, Node(starter))


def _next_tail(draw: Draw, noun: Noun, verb: Node, tail: str) -> tuple[Node, Node, Case]:
    if tail == "because-fresh":
        pronoun = Node(PRONOUNS[noun.kind]["accusative"])
        second = _fresh_clause(draw, noun, pronoun, draw.rng.choice(FRESH))
        second.left.insert(0, ("mark", Node("because")))
        verb.right.append(("advcl", second))
        return verb, pronoun, "accusative"
    verb.right.append(("punct", Node(".")))
    if tail == "next-fresh":
        pronoun = Node(PRONOUNS[noun.kind]["accusative"])
        verb.right.append(("parataxis", _fresh_clause(draw, noun, pronoun, draw.rng.choice(FRESH).capitalize())))
        return verb, pronoun, "accusative"
    word = PRONOUNS[noun.kind]["nominative"]
    pronoun = Node(word.capitalize() if tail == "next" else word)
    second = with_subject(_predicate(draw, noun), pronoun)
    if tail == "next-time":
        second.left.insert(0, ("advmod", Node(draw.rng.choice(TIMES))))
    verb.right.append(("parataxis", second))
    return verb, pronoun, "nominative"


def _speech_tail(draw: Draw, noun: Noun, tail: str) -> tuple[Node, Node, Case]:
    if tail == "told":
        hearer = draw.other(noun.kind, person=True)
        verb = Node(draw.verb(TELLING, noun, hearer).past, right=[("obj", noun_phrase(draw, hearer))])
    else:
        verb = Node(draw.verb(SPEECH, noun).past)
    if tail == "said-fresh":
        pronoun = Node(PRONOUNS[noun.kind]["accusative"])
        second = _fresh_clause(draw, noun, pronoun, draw.rng.choice(FRESH))
    else:
        pronoun = Node(PRONOUNS[noun.kind]["nominative"])
        second = with_subject(_predicate(draw, noun), pronoun)
    second.left.insert(0, ("mark", Node("that")))
    verb.right.append(("ccomp", second))
    return verb, pronoun, "accusative" if tail == "said-fresh" else "nominative"


def _object_tail(draw: Draw, subject: Noun, target: Noun, tail: str) -> tuple[Node, Node, Case]:
    """A first verb with its object and a second verb whose pronoun goes back to that object."""
    verbs = object_verbs(subject, target)
    verb = transitive(draw, subject, target)
    pronoun = Node(PRONOUNS[target.kind]["accusative"])
    form = draw.verb(verbs, subject, target)
    second = Node(form.base if tail in ("to", "but-not") else form.past, right=[("obj", pronoun)])
    if tail == "to":
        second.left.append(("mark", Node("to")))
        verb.right.append(("advcl", second))
        return verb, pronoun, "accusative"
    if tail == "but-not":
        second.left += [("cc", Node("but")), ("aux", Node("did")), ("advmod", Node("not"))]
    else:
        second.left.append(("cc", Node("and")))
        if tail != "and":
            second.left.append(("advmod", Node(tail.removeprefix("and-"))))
    verb.right.append(("conj", second))
    return verb, pronoun, "accusative"
