"""duplicate_token: earlier places of the same token."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import ON_REPEATS, REPEATS, TWICE, Explained, LabelSpec
from attnviz.labels.targets import duplicates

LABEL = LabelSpec(
    name="duplicate_token",
    order=60,
    letter="D",
    family="repetition",
    criterion=Criterion(0.4, 3, 0.1, "0.4 parts the two clear heads of GPT-2 small from the rest"),
    text=Explained(
        looks_for="Earlier places of the same token.",
        formula="mean over rows i of the second copy of the sum of A[i, j] for j < i with the same token",
        probe=ON_REPEATS,
        control="The same pairs of places where the second copy is other tokens.",
        cannot_say="Whether names, words or anything is matched: random tokens are no text.",
        source="Wang et al. 2023",
    ),
    example=(TWICE, duplicates([*map(ord, TWICE)], range(4, 8), range(8))),
    on_repeats=lambda tokens: duplicates(tokens.ids, tokens.queries, tokens.ordinary),
    tasks={"duplicate_token": REPEATS},
)
