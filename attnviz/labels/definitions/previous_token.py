"""previous_token: the token just before."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import FOX, ON_PASSAGES, REPEATS, UNIFORM, Explained, LabelSpec
from attnviz.labels.targets import at_offset

LABEL = LabelSpec(
    name="previous_token",
    order=10,
    letter="P",
    family="place",
    criterion=Criterion(0.4, 3, 0.1, "0.4: ARENA's threshold; 3 times: Pande et al. 2021"),
    text=Explained(
        looks_for="The token just before.",
        formula="mean over rows i of A[i, i − 1]",
        probe=ON_PASSAGES,
        control=UNIFORM,
        cannot_say="A head with two jobs scores by its share of them, and one that rests half of the time by half.",
        source="Clark et al. 2019, section 3.1; Voita et al. 2019",
    ),
    example=(FOX, at_offset(range(len(FOX)), -1)),
    on_places=lambda tokens: {"previous_token": at_offset(tokens.ordinary, -1)},
    tasks={"previous_token": REPEATS},  # which induction reads
)
