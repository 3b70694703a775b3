"""What each label means, said once: for the Method page, for a head's card, and for docs/method.md.

python -m attnviz.labels.method    writes the section "The labels" of docs/method.md anew
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .definitions import LABELS, spec_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "method.md"
SECTION = "## The labels\n"


def spelt(label: str) -> str:
    """A label as people say it: syntactic:obj:to_head reads obj → head, and offset:-3 three back."""
    kind, _, detail = label.partition(":")
    spell = LABELS[kind].spelt if kind in LABELS else None
    return spell(detail) if detail and spell is not None else kind.replace("_", " ")


def threshold_of(label: str) -> str:
    """What a label asks for, in words."""
    criterion = spec_of(label).criterion
    points = f"{100 * criterion.margin:.0f} points above the control"
    if criterion.above_control:
        return f"{points}, and {criterion.enrichment:g} times the uniform share of weight ({criterion.reason})"
    return f"{criterion.threshold:g}, {criterion.enrichment:g} times uniform, and {points} ({criterion.reason})"


def explained(label: str) -> str:
    """A label as Markdown, seven lines."""
    one = spec_of(label).text
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
    return f"{SECTION}\n{rows}\n" + "\n".join(f"### {kind}\n\n{explained(kind)}\n" for kind in LABELS)


def parts() -> dict[str, str]:
    """docs/method.md by heading, the text before the first one under ""."""
    first, *rest = DOCUMENT.read_text(encoding="utf-8").split("\n## ")
    headed = (part.partition("\n") for part in rest)
    return {"": first.partition("\n")[2].strip()} | {title: text.strip() for title, _, text in headed}


def picture(kind: str) -> tuple[tuple[str, ...], np.ndarray]:
    """A short text, and the weights [tokens, tokens] that a head with nothing but this label would give it: even on
    its targets, and all on the first token in rows that have none."""
    tokens, target = LABELS[kind].example
    weights = np.zeros((len(tokens), len(tokens)))
    weights[target.queries, target.keys] = 1
    weights[weights.sum(1) == 0, 0] = 1
    return tokens, weights / weights.sum(1, keepdims=True)


def write() -> None:
    """docs/method.md with its section on the labels made anew."""
    before, _, after = DOCUMENT.read_text(encoding="utf-8").partition(SECTION)
    _, _, rest = after.partition("\n## ")
    DOCUMENT.write_text(f"{before}{section()}\n## {rest}", encoding="utf-8")


if __name__ == "__main__":
    write()
