"""current_token: the token itself."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import FOX, ON_PASSAGES, UNIFORM, Explained, LabelSpec
from attnviz.labels.targets import at_offset

LABEL = LabelSpec(
    name="current_token",
    order=30,
    letter="C",
    family="place",
    criterion=Criterion(0.4, 3, 0.1, "as for the previous token"),
    text=Explained(
        looks_for="The token itself.",
        formula="mean over rows i of A[i, i]",
        probe=ON_PASSAGES,
        control=UNIFORM,
        cannot_say="What the head does with it: a token's own value may be copied, changed or cancelled.",
        source="ARENA",
    ),
    example=(FOX, at_offset(range(len(FOX)), 0)),
    on_places=lambda tokens: {"current_token": at_offset(tokens.ordinary, 0)},
)
