"""induction: what came after earlier places of the same token."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import ON_REPEATS, REPEATS, TWICE, Explained, LabelSpec
from attnviz.labels.targets import after_duplicates

LABEL = LabelSpec(
    name="induction",
    order=70,
    letter="I",
    family="repetition",
    criterion=Criterion(0.4, 3, 0.1, "0.4: ARENA's threshold"),
    text=Explained(
        looks_for="What came after earlier places of the same token.",
        formula="mean over rows i of the second copy of the sum of A[i, j] for j ≤ i with token j − 1 the same as "
        "token i",
        probe=ON_REPEATS,
        control="The same pairs of places where the second copy is other tokens.",
        cannot_say="What the head does with what it finds, where the model has no head that predicts tokens.",
        source="Olsson et al. 2022, prefix matching",
    ),
    example=(TWICE, after_duplicates([*map(ord, TWICE)], range(4, 8), range(8))),
    on_repeats=lambda tokens: after_duplicates(tokens.ids, tokens.queries, tokens.ordinary),
    tasks={"induction": REPEATS},
)
