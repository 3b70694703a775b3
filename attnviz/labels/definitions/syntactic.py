"""syntactic:obj:to_head and the like: one relation of Universal Dependencies, one way."""

from collections import Counter

import numpy as np

from attnviz.labels.criteria import Criterion
from attnviz.labels.gold import GoldText
from attnviz.labels.spec import AGREEMENT, FOX, ON_SENTENCES, Explained, LabelSpec
from attnviz.labels.targets import Question, Target
from attnviz.probes import Sentence


def on_tree(sentence: Sentence | GoldText, counts: Counter[str]) -> list[Question]:
    """From each word to its head, and from each head to its dependents of one relation (Clark et al. 2019, section
    4.2). Punctuation has no relation to look for."""
    arcs = [arc for arc in sentence.dependencies if arc.relation != "punct"]
    below: dict[tuple[str, int], list[int]] = {}
    for arc in arcs:
        below.setdefault((arc.relation, arc.head), []).append(arc.dependent)
    to_head: list[Question] = [(f"syntactic:{arc.relation}:to_head", arc.dependent, [arc.head], None) for arc in arcs]
    return to_head + [(f"syntactic:{name}:to_dependent", head, words, None) for (name, head), words in below.items()]


def spelt(detail: str) -> str:
    relation, _, direction = detail.rpartition(":to_")
    return f"{relation} → {direction}"


LABEL = LabelSpec(
    name="syntactic",
    order=120,
    letter="S",
    family="syntax",
    criterion=Criterion(0.0, 2, 0.1, "ten points above the best fixed offset: Voita et al. 2019", above_control=True),
    text=Explained(
        looks_for="One relation of Universal Dependencies: from the dependent to its head, or from the head to its "
        "dependent.",
        formula="share of gold arcs whose largest weight, of all other words, falls on the right one; decoders look "
        "back only",
        probe=ON_SENTENCES,
        control="The better of the best fixed offset (−10 to 10) and the first word, found on other sentences.",
        cannot_say="Whether grammar is meant: relations that always occur together, or at one distance, cannot be told "
        "apart.",
        source="Clark et al. 2019, section 4.2; Voita et al. 2019",
    ),
    example=(FOX, Target(np.array([1, 7]), np.array([2, 8]))),
    on_tree=on_tree,
    spelt=spelt,
    tasks=dict.fromkeys(("syntactic:nsubj:to_head", "syntactic:nsubj:to_dependent"), AGREEMENT),
)
