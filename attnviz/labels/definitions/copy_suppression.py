"""copy_suppression: what induction looks for, in heads that make it less likely."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.definitions.induction import LABEL as INDUCTION
from attnviz.labels.spec import ON_REPEATS, REPEATS, Explained, LabelSpec

LABEL = LabelSpec(
    name="copy_suppression",
    order=80,
    letter="X",
    family="repetition",
    criterion=Criterion(0.4, 3, 0.1, "looks as induction does; what it does with what it finds is the rest"),
    text=Explained(
        looks_for="What induction looks for, in heads whose output lowers its logit: weights look the same.",
        formula="as induction, and the head's direct effect on the logit of what it looks for, less that on the text's "
        "tokens, is below 0 with its interval",
        probe=ON_REPEATS,
        control="As for induction.",
        cannot_say="What the head does through later layers: only the direct path to the logits is followed.",
        source="McDougall et al. 2023",
    ),
    example=INDUCTION.example,
    tasks={"copy_suppression": REPEATS},
    suppresses=INDUCTION.name,
)
