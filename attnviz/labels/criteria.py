"""What each label asks for: the one table of thresholds, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Criterion:
    """What a label asks for: the score's lower bound above `threshold`, the weight at least `enrichment` times what
    even weights would give, the score at least `margin` above its control. `above_control`: the threshold is the
    control's own score and the margin, since chance differs from relation to relation."""

    threshold: float
    enrichment: float
    margin: float
    reason: str
    above_control: bool = False


CONFIDENCES = ("low", "medium", "high")

# A label's kind is its name up to the first colon.
CRITERIA = {
    "previous_token": Criterion(0.4, 3, 0.1, "0.4: ARENA's threshold; 3 times: Pande et al. 2021"),
    "next_token": Criterion(0.4, 3, 0.1, "as for the previous token"),
    "current_token": Criterion(0.4, 3, 0.1, "as for the previous token"),
    "offset": Criterion(0.4, 3, 0.1, "as for the previous token"),
    "local": Criterion(0.5, 3, 0.1, "most of the weight; 3 times what falls there anyway: Pande et al. 2021"),
    "duplicate_token": Criterion(0.4, 3, 0.1, "0.4 parts the two clear heads of GPT-2 small from the rest"),
    "induction": Criterion(0.4, 3, 0.1, "0.4: ARENA's threshold"),
    "copy_suppression": Criterion(0.4, 3, 0.1, "looks as induction does; what it does with what it finds is the rest"),
    "same_word": Criterion(0.4, 3, 0.1, "as for the previous token; the control is what undoes most of them"),
    "punctuation": Criterion(0.6, 3, 0.1, "0.6: Clark et al. 2019, for special tokens"),
    "rare_word": Criterion(0.0, 2, 0.1, "ten points: Voita et al. 2019", above_control=True),
    "syntactic": Criterion(
        0.0, 2, 0.1, "ten points above the best fixed offset: Voita et al. 2019", above_control=True
    ),
    "coreference": Criterion(0.0, 2, 0.1, "ten points above the nearest or first mention", above_control=True),
}


def criterion_of(label: str) -> Criterion:
    return CRITERIA[label.split(":")[0]]
