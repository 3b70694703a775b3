"""punctuation: marks other than the query."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import FOX, ON_PASSAGES, UNIFORM, Explained, LabelSpec
from attnviz.labels.targets import marked

LABEL = LabelSpec(
    name="punctuation",
    order=100,
    letter=";",
    family="words",
    criterion=Criterion(0.6, 3, 0.1, "0.6: Clark et al. 2019, for special tokens"),
    text=Explained(
        looks_for="Punctuation other than the query.",
        formula="mean over rows i of the sum of A[i, j] for punctuation j ≠ i",
        probe=ON_PASSAGES,
        control=UNIFORM,
        cannot_say="Whether it is a place to rest: much weight on punctuation often carries little.",
        source="Clark et al. 2019, section 3.2",
    ),
    example=(FOX, marked([token == "," for token in FOX], range(len(FOX)), causal=False)),
    on_passage=lambda tokens: {"punctuation": marked(tokens.marks, tokens.ordinary, tokens.causal)},
)
