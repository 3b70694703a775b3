"""The gradients written out by hand, against torch's autograd through torch's own attention."""

from dataclasses import fields

import torch

from attnviz.lessons.learning import SCALE, Projections, Sequences, loss_and_gradients


def gradient_differences(projections: Projections, sequences: Sequences) -> dict[str, tuple[float, float]]:
    """By matrix: the largest entry of its gradient, and the largest difference from autograd's, both in float64."""
    ours = loss_and_gradients(projections, sequences)[1]
    leaves = [torch.tensor(getattr(projections, field.name), requires_grad=True) for field in fields(Projections)]
    X, targets = torch.tensor(sequences.X), torch.tensor(sequences.targets)
    W_Q, W_K, W_V = leaves
    output = torch.nn.functional.scaled_dot_product_attention(X[:, -1:] @ W_Q, X @ W_K, X @ W_V, scale=SCALE)
    loss = ((output[:, 0] - targets) ** 2).sum(dim=-1).mean()
    theirs = torch.autograd.grad(loss, leaves)
    return {
        field.name: _compared(torch.from_numpy(getattr(ours, field.name)), gradient)
        for field, gradient in zip(fields(Projections), theirs)
    }


def _compared(ours: torch.Tensor, theirs: torch.Tensor) -> tuple[float, float]:
    return theirs.abs().max().item(), (ours - theirs).abs().max().item()
