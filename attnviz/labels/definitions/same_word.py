"""same_word: earlier pieces of the query's own word."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import ON_PASSAGES, Explained, LabelSpec, Tokens, control_of
from attnviz.labels.targets import Target, earlier_pieces


def on_passage(tokens: Tokens) -> dict[str, Target]:
    inside, control = earlier_pieces(tokens.words)
    return {"same_word": inside, control_of("same_word"): control}


LABEL = LabelSpec(
    name="same_word",
    order=90,
    letter="W",
    family="words",
    criterion=Criterion(0.4, 3, 0.1, "as for the previous token; the control is what undoes most of them"),
    text=Explained(
        looks_for="Earlier pieces of the query's own word.",
        formula="mean over pieces i but the first of the sum of A[i, j] for earlier pieces j of the word",
        probe=ON_PASSAGES,
        control="From a word's first token, the whole word before: a head that looks nearby looks there just as much.",
        cannot_say="Whether the head knows words or is local with luck; the control, our own, undoes most of the "
        "second kind.",
        source="TransformerLens, head detector demo",
    ),
    example=(("un", "break", "able", "cup", "s", "f", "all"), earlier_pieces([0, 0, 0, 1, 1, 2, 2])[0]),
    on_passage=on_passage,
)
