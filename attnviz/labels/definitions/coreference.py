"""coreference, of pronouns, and coreference:nominal, of nouns: the earlier word for the same."""

import numpy as np

from attnviz.labels.criteria import Criterion
from attnviz.labels.gold import GoldText
from attnviz.labels.spec import FIRST, FOX, NEAREST, PRONOUNS, Explained, LabelSpec
from attnviz.labels.targets import Question, Target
from attnviz.probes import Sentence

COREFERENCE, NOMINAL = "coreference", "coreference:nominal"


def on_mentions(sentence: Sentence | GoldText) -> list[Question]:
    """From each pronoun, and from each noun or name that mentions something in another word, to the earlier words for
    the same, among those of all earlier mentions (Clark et al. 2019, section 4.3)."""
    if isinstance(sentence, GoldText):
        return [
            (NOMINAL if one.nominal else COREFERENCE, one.asking, one.right, [*one.right, *one.others])
            for one in sentence.references
        ]
    label, asking = (COREFERENCE, sentence.pronoun) if sentence.again is None else (NOMINAL, sentence.again)
    assert asking is not None and sentence.antecedent is not None
    mentions = [word for word in (sentence.antecedent, *sentence.distractors) if word < asking]
    return [(label, asking, [sentence.antecedent], mentions)]


LABEL = LabelSpec(
    name=COREFERENCE,
    order=130,
    letter="A",
    family="reference",
    criterion=Criterion(0.0, 2, 0.1, "ten points above the nearest or first mention", above_control=True),
    text=Explained(
        looks_for="From a pronoun to what it stands for, among the mentions before it; coreference:nominal, from a "
        'noun to what it mentions again in another word ("Lily … the girl").',
        formula="share of pronouns, or nouns, whose largest weight, of all earlier mentions, falls on the antecedent",
        probe="Generated sentences with a gold antecedent; again on templates and pairings that were never used "
        "before.",
        control="The better of nearest and first mention, found on other sentences.",
        cannot_say="Whether more is matched than gender and number; the sentences are simple, and the bundled models "
        "were trained on the like of those with pronouns.",
        source="Clark et al. 2019, section 4.3",
    ),
    example=(FOX, Target(np.array([7]), np.array([1]))),
    on_mentions=on_mentions,
    spelt=lambda kind: f"{kind} coreference",
    compared_with=(FIRST, NEAREST),
    tasks={COREFERENCE: PRONOUNS},
)
