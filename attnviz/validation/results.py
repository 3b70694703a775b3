"""What a comparison with the model's own attention found, as data: no torch is needed to read it.

`certificate.py` says what the errors are, and measures them.
"""

from dataclasses import asdict, dataclass
from typing import Any

from attnviz.traces import Head


@dataclass(frozen=True)
class HeadErrors:
    """The largest differences of one head, as certificate.py defines them."""

    kind: str
    layer: int
    head: int
    weight_error: float
    drift: float
    output_error: float

    @property
    def address(self) -> Head:
        """Which head this is."""
        return Head(self.kind, self.layer, self.head)


@dataclass(frozen=True)
class Certificate:
    """What the comparison found, the maximum over the texts; every head once."""

    model: str
    architecture: str
    route: str
    texts: int
    n_layers: int
    n_heads: int
    max_weight_error: float
    max_drift: float
    max_output_error: float
    max_output_drift: float  # the same, of the output that the trace gives, end to end; held to the gate of drift
    max_row_sum_error: float
    causal_leak: float | None  # the largest weight on a later token; None where layers look both ways
    tolerance: float
    drift_tolerance: float
    passed: bool  # on every text, every error was within its gate
    sampled: bool  # whether only some rows of a long text were compared
    heads_expected: int  # the heads that softmax ran in, counted apart from what was compared
    heads: tuple[HeadErrors, ...]

    def of(self, head: Head) -> HeadErrors:
        """The errors of one head. Raises KeyError where it was not compared."""
        for errors in self.heads:
            if errors.address == head:
                return errors
        raise KeyError(f"{head.kind} {head} was not compared")

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON shape of `python -m attnviz validate MODEL --json`; NaN, which is no JSON, becomes None."""
        keys = ("model", "architecture", "route", "texts", "n_layers", "n_heads", "max_weight_error", "max_drift",
                "max_output_error", "max_row_sum_error", "causal_leak", "tolerance", "passed")  # fmt: skip
        shape = {key: getattr(self, key) for key in keys} | {"heads": [asdict(errors) for errors in self.heads]}
        return _without_nan(shape)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if value != value else value
