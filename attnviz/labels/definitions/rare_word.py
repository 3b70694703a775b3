"""rare_word: the least frequent other word of the sentence."""

from collections import Counter

import numpy as np

from attnviz.labels.criteria import Criterion
from attnviz.labels.gold import GoldText
from attnviz.labels.spec import FOX, ON_SENTENCES, Explained, LabelSpec
from attnviz.labels.targets import Question, Target
from attnviz.probes import Sentence


def on_tree(sentence: Sentence | GoldText, counts: Counter[str]) -> list[Question]:
    """From each word to the sentence's least frequent other word, by the count over all sentences of the family (Voita
    et al. 2019, section 5)."""
    words = [number for number, word in enumerate(sentence.words) if word.isalpha()]
    questions: list[Question] = []
    for asking in words:
        others = {number: counts[sentence.words[number].lower()] for number in words if number != asking}
        rarest = min(others.values(), default=0)
        questions.append(("rare_word", asking, [number for number, count in others.items() if count == rarest], None))
    return questions


LABEL = LabelSpec(
    name="rare_word",
    order=110,
    letter="R",
    family="words",
    criterion=Criterion(0.0, 2, 0.1, "ten points: Voita et al. 2019", above_control=True),
    text=Explained(
        looks_for="The least frequent other word of the sentence.",
        formula="share of words whose largest weight, of all other words, falls on it",
        probe=ON_SENTENCES,
        control="The better of the best fixed offset (−10 to 10) and the first word, found on other sentences.",
        cannot_say="Rare in what: frequency is counted over our sentences, not over a language.",
        source="Voita et al. 2019",
    ),
    example=(FOX, Target(np.array([0, 1, 2, 3, 6, 7, 8]), np.full(7, 4))),
    on_tree=on_tree,
)
