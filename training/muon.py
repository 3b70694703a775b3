"""Muon: momentum whose matrices are made nearly orthogonal, in float32 (torch's own works in bfloat16)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalized(matrix: Tensor, rounds: int = 5) -> Tensor:
    """[m, n] with singular values pushed towards one, by the Newton-Schulz steps of Keller Jordan's Muon."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized, for the matrices inside a model's layers.

    A matrix that is three times as wide as high joins query, key and value (GPT-2); its thirds are treated apart.
    Steps are scaled to the size of AdamW's.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(state["momentum"], group["momentum"])
                parts = 3 if parameter.shape[1] == 3 * parameter.shape[0] else 1
                update = torch.cat([orthogonalized(part) for part in update.chunk(parts, 1)], 1)
                size = 0.2 * (max(parameter.shape) // parts) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * size)
