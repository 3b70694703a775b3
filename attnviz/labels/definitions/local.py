"""local: the window of a few tokens around the query."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import FOX, ON_PASSAGES, UNIFORM, Explained, LabelSpec
from attnviz.labels.targets import nearby

LABEL = LabelSpec(
    name="local",
    order=50,
    letter="L",
    family="place",
    criterion=Criterion(0.5, 3, 0.1, "most of the weight; 3 times what falls there anyway: Pande et al. 2021"),
    text=Explained(
        looks_for="Two tokens either side and itself; in decoders two back and itself.",
        formula="mean over rows i of the sum of A[i, j] for |i − j| ≤ 2",
        probe=ON_PASSAGES,
        control=UNIFORM,
        cannot_say="Which of the five: a previous-token head is local too, by definition.",
        source="Pande et al. 2021",
    ),
    example=(FOX, nearby(range(len(FOX)), causal=False)),
    on_places=lambda tokens: {"local": nearby(tokens.ordinary, tokens.causal)},
    telling=False,
)
