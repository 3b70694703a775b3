"""offset:-3 and the like: the token a fixed number of places away, further than the neighbours."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import FOX, ON_PASSAGES, UNIFORM, Explained, LabelSpec, Tokens
from attnviz.labels.targets import Target, at_offset

STEPS = range(2, 17)


def on_places(tokens: Tokens) -> dict[str, Target]:
    found = {f"offset:-{step}": at_offset(tokens.ordinary, -step) for step in STEPS}
    if not tokens.causal:
        found |= {f"offset:+{step}": at_offset(tokens.ordinary, step) for step in STEPS}
    return found


LABEL = LabelSpec(
    name="offset",
    order=40,
    letter="±",
    family="place",
    criterion=Criterion(0.4, 3, 0.1, "as for the previous token"),
    text=Explained(
        looks_for="The token k places away, k from 2 to 16: offset:-3 is three back, offset:+3 three on.",
        formula="mean over rows i of A[i, i + k]",
        probe=ON_PASSAGES,
        control=UNIFORM,
        cannot_say="Whether the place or what stands there matters; repeats of one length make induction look like "
        "this.",
        source="Voita et al. 2019, positional heads",
    ),
    example=(FOX, at_offset(range(len(FOX)), -3)),
    on_places=on_places,
    spelt=lambda step: f"{step[1:]} tokens {'back' if step.startswith('-') else 'on'}",
)
