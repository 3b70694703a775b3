"""next_token: the token just after, where rows see it."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import FOX, ON_PASSAGES, UNIFORM, Explained, LabelSpec
from attnviz.labels.targets import at_offset

LABEL = LabelSpec(
    name="next_token",
    order=20,
    letter="N",
    family="place",
    criterion=Criterion(0.4, 3, 0.1, "as for the previous token"),
    text=Explained(
        looks_for="The token just after; asked of encoders only.",
        formula="mean over rows i of A[i, i + 1]",
        probe=ON_PASSAGES,
        control=UNIFORM,
        cannot_say="As for the previous token.",
        source="Clark et al. 2019, section 3.1",
    ),
    example=(FOX, at_offset(range(len(FOX)), 1)),
    on_places=lambda tokens: {} if tokens.causal else {"next_token": at_offset(tokens.ordinary, 1)},
)
