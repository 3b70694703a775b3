"""How long attention takes on this machine: our own core, and torch's fused kernel where torch is there."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from attnviz.core.attention import attention
from attnviz.lessons.cost import Size, measured_times, operations

LENGTHS = (64, 128, 256, 512, 768, 1024, 1536, 2048)
FITTED_FROM = 512  # below it a call's fixed cost hides how the time grows
ROUNDS = 8  # over all lengths, so that other work on the machine does not meet one length each time
BUDGET = 0.02  # seconds a round spends on one length at least
CORE, FUSED = "our core, NumPy", "fused kernel, torch"


@dataclass(frozen=True)
class Timings:
    """Seconds that one head of width d_k took for each of LENGTHS, by the name of the implementation."""

    d_k: int
    seconds: dict[str, tuple[float, ...]]

    @property
    def exponents(self) -> dict[str, float]:
        """The fitted p of time ∝ n^p, by the name of the implementation."""
        return {name: fitted_exponent(LENGTHS, times) for name, times in self.seconds.items()}

    @property
    def pace(self) -> dict[str, float]:
        """Counted operations a second at the longest text, by the name of the implementation."""
        count = operations(Size(LENGTHS[-1], self.d_k)).attention
        return {name: count / times[-1] for name, times in self.seconds.items()}


def measure(d_k: int, progress: Callable[[float, str], None] = lambda share, what: None) -> Timings:
    """Time both implementations, the best run for each length; the fused one only where torch is there.

    One head, float32, no mask. `progress` is told the share that is done, and what comes next.
    """
    progress(0.0, "Starting")
    implementations = {CORE: _core_run, FUSED: _fused_run} if _torch_is_here() else {CORE: _core_run}
    vectors = {n: np.random.default_rng(0).normal(size=(3, n, d_k)).astype(np.float32) for n in LENGTHS}
    plan = [(name, n) for _ in range(ROUNDS) for name in implementations for n in reversed(LENGTHS)]
    best = dict.fromkeys(plan, math.inf)
    for done, (name, n) in enumerate(plan):
        progress(done / len(plan), f"{name}: {n:,} tokens")
        best[name, n] = min(best[name, n], _best(implementations[name](vectors[n])))
    return Timings(d_k, {name: tuple(best[name, n] for n in LENGTHS) for name in implementations})


def fitted_exponent(lengths: Sequence[int], seconds: Sequence[float]) -> float:
    """The p of time ∝ n^p: least squares on the logarithms, over the lengths from FITTED_FROM on."""
    fitted = [(n, t) for n, t in zip(lengths, seconds) if n >= FITTED_FROM]
    n, t = np.log(fitted).T
    return float(np.polyfit(n, t, deg=1)[0])


def charts(seconds: Mapping[str, Sequence[float]], *, theme: str = "light") -> dict[str, go.Figure]:
    """Seconds for each of LENGTHS, by the name of the implementation: those of one machine at one time."""
    exponents = {name: fitted_exponent(LENGTHS, times) for name, times in seconds.items()}
    return {"timings": measured_times(LENGTHS, seconds, exponents, theme=theme)}


def _torch_is_here() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def _core_run(qkv: np.ndarray) -> Callable[[], object]:
    scale = 1 / math.sqrt(qkv.shape[-1])
    return lambda: attention(*qkv, scale=scale)


def _fused_run(qkv: np.ndarray) -> Callable[[], object]:
    import torch

    q, k, v = torch.from_numpy(qkv)[:, None, None]  # each [1, 1, n, d_k]: with fewer axes torch takes a plain route
    return lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v)


def _best(run: Callable[[], object]) -> float:
    """Seconds of the shortest of the runs that fit into BUDGET, or of the only one."""
    times: list[float] = []
    while sum(times) < BUDGET:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)
