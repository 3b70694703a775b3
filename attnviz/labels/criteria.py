"""What a label asks for, and how sure a verdict can be."""

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
