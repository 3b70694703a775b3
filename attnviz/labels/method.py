"""What each label means, said once: for the Method page, for a head's card, and for docs/method.md.

python -m attnviz.labels.method    writes the section "The labels" of docs/method.md anew
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .criteria import CRITERIA, criterion_of
from .targets import (
    Target,
    after_duplicates,
    at_offset,
    duplicates,
    earlier_pieces,
    marked,
    nearby,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "method.md"
SECTION = "## The labels\n"
UNIFORM = "What uniform weights would put there, on the keys that the layer lets a row look at."
PASSAGES = "Passages of up to 64 tokens; again on other passages, and on random tokens."
REPEATS = "A chunk of random tokens, said twice, in mixed lengths; again on running text that is said twice."
SENTENCES = "Generated sentences with gold arcs; again on templates and pairings that were never used before."


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


EXPLAINED = {
    "previous_token": Explained(
        "The token just before.",
        "mean over rows i of A[i, i − 1]",
        PASSAGES,
        UNIFORM,
        "A head with two jobs scores by its share of them, and one that rests half of the time by half.",
        "Clark et al. 2019, section 3.1; Voita et al. 2019",
    ),
    "next_token": Explained(
        "The token just after; asked of encoders only.",
        "mean over rows i of A[i, i + 1]",
        PASSAGES,
        UNIFORM,
        "As for the previous token.",
        "Clark et al. 2019, section 3.1",
    ),
    "current_token": Explained(
        "The token itself.",
        "mean over rows i of A[i, i]",
        PASSAGES,
        UNIFORM,
        "What the head does with it: a token's own value may be copied, changed or cancelled.",
        "ARENA",
    ),
    "offset": Explained(
        "The token k places away, k from 2 to 16: offset:-3 is three back, offset:+3 three on.",
        "mean over rows i of A[i, i + k]",
        PASSAGES,
        UNIFORM,
        "Whether the place or what stands there matters; repeats of one length make induction look like this.",
        "Voita et al. 2019, positional heads",
    ),
    "local": Explained(
        "Two tokens either side and itself; in decoders two back and itself.",
        "mean over rows i of the sum of A[i, j] for |i − j| ≤ 2",
        PASSAGES,
        UNIFORM,
        "Which of the five: a previous-token head is local too, by definition.",
        "Pande et al. 2021",
    ),
    "duplicate_token": Explained(
        "Earlier places of the same token.",
        "mean over rows i of the second copy of the sum of A[i, j] for j < i with the same token",
        REPEATS,
        "The same pairs of places where the second copy is other tokens.",
        "Whether names, words or anything is matched: random tokens are no text.",
        "Wang et al. 2023",
    ),
    "induction": Explained(
        "What came after earlier places of the same token.",
        "mean over rows i of the second copy of the sum of A[i, j] for j ≤ i with token j − 1 the same as token i",
        REPEATS,
        "The same pairs of places where the second copy is other tokens.",
        "What the head does with what it finds, where the model has no head that predicts tokens.",
        "Olsson et al. 2022, prefix matching",
    ),
    "copy_suppression": Explained(
        "What induction looks for, in heads whose output lowers its logit: weights look the same.",
        "as induction, and the head's direct effect on the logit of what it looks for, less that on the text's tokens, "
        "is below 0 with its interval",
        REPEATS,
        "As for induction.",
        "What the head does through later layers: only the direct path to the logits is followed.",
        "McDougall et al. 2023",
    ),
    "same_word": Explained(
        "Earlier pieces of the query's own word.",
        "mean over pieces i but the first of the sum of A[i, j] for earlier pieces j of the word",
        PASSAGES,
        "From a word's first token, the whole word before: a head that looks nearby looks there just as much.",
        "Whether the head knows words or is local with luck; the control, our own, undoes most of the second kind.",
        "TransformerLens, head detector demo",
    ),
    "punctuation": Explained(
        "Punctuation other than the query.",
        "mean over rows i of the sum of A[i, j] for punctuation j ≠ i",
        PASSAGES,
        UNIFORM,
        "Whether it is a place to rest: much weight on punctuation often carries little.",
        "Clark et al. 2019, section 3.2",
    ),
    "rare_word": Explained(
        "The least frequent other word of the sentence.",
        "share of words whose largest weight, of all other words, falls on it",
        SENTENCES,
        "The better of the best fixed offset (−10 to 10) and the first word, found on other sentences.",
        "Rare in what: frequency is counted over our sentences, not over a language.",
        "Voita et al. 2019",
    ),
    "syntactic": Explained(
        "One relation of Universal Dependencies: from the dependent to its head, or from the head to its dependent.",
        "share of gold arcs whose largest weight, of all other words, falls on the right one; decoders look back only",
        SENTENCES,
        "The better of the best fixed offset (−10 to 10) and the first word, found on other sentences.",
        "Whether grammar is meant: relations that always occur together, or at one distance, cannot be told apart.",
        "Clark et al. 2019, section 4.2; Voita et al. 2019",
    ),
    "coreference": Explained(
        "From a pronoun to what it stands for, among the mentions before it.",
        "share of pronouns whose largest weight, of all earlier mentions, falls on the antecedent",
        "Generated sentences with a gold antecedent; again on templates and pairings that were never used before.",
        "The better of nearest and first mention, found on other sentences.",
        "All of English: the sentences are simple, and the bundled models were trained on their like.",
        "Clark et al. 2019, section 4.3",
    ),
}


def spelt(label: str) -> str:
    """A label as people say it: syntactic:obj:to_head reads obj → head, and offset:-3 three back."""
    kind, _, rest = label.partition(":")
    if kind == "syntactic" and rest:
        relation, _, direction = rest.rpartition(":to_")
        return f"{relation} → {direction}"
    if kind == "offset" and rest:
        return f"{rest[1:]} tokens {'back' if rest.startswith('-') else 'on'}"
    return kind.replace("_", " ")


def threshold_of(label: str) -> str:
    """What a label asks for, in words."""
    asked = criterion_of(label)
    points = f"{100 * asked.margin:.0f} points above the control"
    if asked.above_control:
        return f"{points}, and {asked.enrichment:g} times the uniform share of weight ({asked.reason})"
    return f"{asked.threshold:g}, {asked.enrichment:g} times uniform, and {points} ({asked.reason})"


def explained(label: str) -> str:
    """A label as Markdown, seven lines."""
    one = EXPLAINED[label.split(":")[0]]
    return "\n".join(
        [
            f"- **Looks for**: {one.looks_for}",
            f"- **Formula**: {one.formula}.",
            f"- **Probe**: {one.probe}",
            f"- **Control**: {one.control}",
            f"- **Threshold**: {threshold_of(label)}.",
            f"- **Cannot say**: {one.cannot_say}",
            f"- **Source**: {one.source}.",
        ]
    )


def section() -> str:
    """All labels, as docs/method.md has them."""
    rows = (
        "Row i is the query, j the key; causal rows see j ≤ i. Only rows that have a target count, and special tokens "
        "are neither\nquery nor target. A word's weight is the sum over its tokens and its row the mean over them (in "
        "decoders the last token's row).\n"
    )
    return f"{SECTION}\n{rows}\n" + "\n".join(f"### {kind}\n\n{explained(kind)}\n" for kind in CRITERIA)


def parts() -> dict[str, str]:
    """docs/method.md by heading, the text before the first one under ""."""
    first, *rest = DOCUMENT.read_text(encoding="utf-8").split("\n## ")
    headed = (part.partition("\n") for part in rest)
    return {"": first.partition("\n")[2].strip()} | {title: text.strip() for title, _, text in headed}


def picture(kind: str) -> tuple[tuple[str, ...], np.ndarray]:
    """A short text, and the weights [tokens, tokens] that a head with nothing but this label would give it: even on
    its targets, and all on the first token in rows that have none."""
    tokens, target = _drawn(kind)
    weights = np.zeros((len(tokens), len(tokens)))
    weights[target.queries, target.keys] = 1
    weights[weights.sum(1) == 0, 0] = 1
    return tokens, weights / weights.sum(1, keepdims=True)


def _drawn(kind: str) -> tuple[tuple[str, ...], Target]:
    if kind in ("duplicate_token", "induction", "copy_suppression"):
        tokens = tuple("A B C D A B C D".split())
        ids = [ord(token) for token in tokens]
        find = duplicates if kind == "duplicate_token" else after_duplicates
        return tokens, find(ids, range(4, 8), range(8))
    if kind == "same_word":
        return tuple("un break able cup s f all".split()), earlier_pieces([0, 0, 0, 1, 1, 2, 2])[0]
    tokens = tuple("Today Lily saw a fox , and she ran".split())
    every = range(len(tokens))
    return tokens, {
        "previous_token": at_offset(every, -1),
        "next_token": at_offset(every, 1),
        "current_token": at_offset(every, 0),
        "offset": at_offset(every, -3),
        "local": nearby(every, causal=False),
        "punctuation": marked([token == "," for token in tokens], every, causal=False),
        "rare_word": Target(np.array([0, 1, 2, 3, 6, 7, 8]), np.full(7, 4)),
        "syntactic": Target(np.array([1, 7]), np.array([2, 8])),
        "coreference": Target(np.array([7]), np.array([1])),
    }[kind]


def write() -> None:
    """docs/method.md with its section on the labels made anew."""
    before, _, after = DOCUMENT.read_text(encoding="utf-8").partition(SECTION)
    _, _, rest = after.partition("\n## ")
    DOCUMENT.write_text(f"{before}{section()}\n## {rest}", encoding="utf-8")


if __name__ == "__main__":
    write()
