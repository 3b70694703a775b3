"""Every text architecture of transformers, certified on a tiny random model of it, plain and padded."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import transformers

from attnviz.capture.interface import Uncapturable
from attnviz.capture.layers import capture_batch
from attnviz.errors import AttnvizError, in_one_line
from attnviz.models import zoo
from attnviz.validation.certificate import certify_batch, merged
from attnviz.validation.results import Certificate


@dataclass(frozen=True)
class ArchitectureResult:
    """What came of one architecture: the largest errors over its texts, or the reason why nothing was compared."""

    name: str
    route: str | None = None
    passed: bool = False
    heads_expected: int = 0
    heads_compared: int = 0
    padded: bool = False  # whether a padded batch was compared too
    weight_error: float | None = None
    drift: float | None = None
    output_error: float | None = None
    reason: str | None = None

    @property
    def in_one_line(self) -> str:
        """For whoever watches the run."""
        if not self.heads_compared:
            return f"{self.name}: not compared. {self.reason}"
        verdict = "passed" if self.passed else f"FAILED: {self.reason}"
        return f"{self.name}: {self.route}, {self.heads_compared} heads, weights within {self.drift:.0e}, {verdict}"


def validate_architectures(
    names: Sequence[str] = (), *, progress: Callable[[ArchitectureResult], object] | None = None
) -> dict[str, Any]:
    """Certify the named architectures, or all of them; the stable JSON shape of `validate --architectures`.

    `progress(result)` is called after each. Raises AttnvizError for a name that is no text architecture.
    """
    known = zoo.architectures()
    for name in names:
        if name not in known:
            raise AttnvizError(
                f"'{in_one_line(name)}' is no text architecture of transformers {transformers.__version__}."
            )
    results = []
    for name in names or known:
        results.append(examine(name))
        if progress is not None:
            progress(results[-1])
    return {"transformers": transformers.__version__, "architectures": [asdict(result) for result in results]}


def examine(name: str) -> ArchitectureResult:
    """Build, capture and certify one architecture."""
    try:
        module = zoo.build(name)
    except AttnvizError as error:
        return ArchitectureResult(name, reason=str(error))
    certificates: list[Certificate] = []
    for padded in (False, True):
        inputs = zoo.batch(module, padded=padded)
        try:
            route, texts = capture_batch(module, inputs)
        except Uncapturable as error:
            return ArchitectureResult(name, reason=str(error))
        except Exception as error:  # whatever the model itself raises
            return ArchitectureResult(
                name, reason=f"It does not run on {'padded ' if padded else ''}text: {in_one_line(error)}."
            )
        certificates += certify_batch(module, name, inputs, route, texts)
    whole = merged(certificates)
    return ArchitectureResult(
        name=name,
        route=whole.route,
        passed=whole.passed,
        heads_expected=whole.heads_expected,
        heads_compared=len(whole.heads),
        padded=True,
        weight_error=whole.max_weight_error,
        drift=whole.max_drift,
        output_error=whole.max_output_error,
        reason=None if whole.passed else _failure(whole),
    )


def _failure(certificate: Certificate) -> str:
    if len(certificate.heads) != certificate.heads_expected:
        return f"{len(certificate.heads)} heads were compared, and softmax ran in {certificate.heads_expected}."
    return (
        f"An error is past its gate: {certificate.tolerance:.0e} on the same inputs, "
        f"{certificate.drift_tolerance:.0e} end to end."
    )
