"""What one label is: the fields that a file of `labels/definitions` fills in, and what its functions are handed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from attnviz.probes import Sentence

from .criteria import Criterion
from .gold import GoldText
from .targets import Question, Target

# What a choice is compared with: places that need no attention to be pointed at. A number is a fixed offset in words.
Rule = int | str
FIRST, NEAREST = "first", "nearest"
FIXED_PLACES: tuple[Rule, ...] = (FIRST, *range(-10, 0), *range(1, 11))

REPEATS, PRONOUNS, AGREEMENT = "repeats", "pronouns", "agreement"  # what ablating a head is measured on: `effects`

# What several labels say of their probes and controls, and draw their example on.
UNIFORM = "What uniform weights would put there, on the keys that the layer lets a row look at."
ON_PASSAGES = "Passages of up to 64 tokens; again on other passages, and on random tokens."
ON_REPEATS = "A chunk of random tokens, said twice, in mixed lengths; again on running text that is said twice."
ON_SENTENCES = "Generated sentences with gold arcs; again on templates and pairings that were never used before."
FOX = ("Today", "Lily", "saw", "a", "fox", ",", "and", "she", "ran")
TWICE = ("A", "B", "C", "D", "A", "B", "C", "D")


@dataclass(frozen=True)
class Tokens:
    """A text as a label's targets are found in it.

    `ids` [n]; `ordinary` is the range of positions that are text; a causal row sees earlier keys and its own; `queries`
    are the rows that are asked: of a repeat the second copy, else all of `ordinary`. `words` [n] has the number of each
    token's word, None at special tokens, and `marks` [n] which tokens are punctuation; both are empty on random tokens.
    """

    ids: Sequence[int]
    ordinary: range
    causal: bool
    queries: range
    words: Sequence[int | None] = ()
    marks: Sequence[bool] = ()


@dataclass(frozen=True)
class Explained:
    """A label in words: what it looks for, its formula, what it is measured on, what it is held against, what it
    cannot say, and where it is from."""

    looks_for: str
    formula: str
    probe: str
    control: str
    cannot_say: str
    source: str


@dataclass(frozen=True, eq=False)
class LabelSpec:
    """Everything about one label.

    order: its place in lists and in results. letter and family: how pictures draw it (`figures.labels.FAMILIES`).
    example: a short text, and the targets in it that a head with this job alone would look at.

    What is asked, each on one kind of probe, and None where the label is not asked there:
    on_places: targets by full name (name, or name:detail) in any tokens, random ones too;
    on_passage: targets by full name in running text, with `words` and `marks`, and under `control_of(name)` a control;
    on_repeats: the target in a chunk that is said twice; the control, the same pairs in a chunk and another, is added;
    on_tree: questions on a sentence with gold arcs, given the count of every word in lower case in all of them;
    on_mentions: questions on a sentence with gold mentions.

    spelt: the detail after the name's first colon in words, by default left out.
    compared_with: the rules that a question's answers have to beat.
    tasks: by full name, the task that measures what ablating a head does; none for a label that claims nothing of it.
    suppresses: another label, whose targets it shares, and in whose place it is given to heads whose direct effect on
    the logits of what they look for is below 0.
    telling: whether it is named before others that score as much.
    version: grows when what is kept of the label no longer holds: its targets, its control or its criterion changed.
    """

    name: str
    order: int
    letter: str
    family: str
    criterion: Criterion
    text: Explained
    example: tuple[tuple[str, ...], Target]
    on_places: Callable[[Tokens], dict[str, Target]] | None = None
    on_passage: Callable[[Tokens], dict[str, Target]] | None = None
    on_repeats: Callable[[Tokens], Target] | None = None
    on_tree: Callable[[Sentence | GoldText, Counter[str]], list[Question]] | None = None
    on_mentions: Callable[[Sentence | GoldText], list[Question]] | None = None
    spelt: Callable[[str], str] | None = None
    compared_with: tuple[Rule, ...] = FIXED_PLACES
    tasks: Mapping[str, str] = field(default_factory=dict)
    suppresses: str | None = None
    telling: bool = True
    version: int = 1


def control_of(label: str) -> str:
    """The name under which a label's own control is kept."""
    return f"control of {label}"
