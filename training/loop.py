"""One training loop: seeded, resumable after every evaluation, with a progress bar."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from .muon import Muon

Loss = Callable[[nn.Module, int], Tensor]
Measure = Callable[[nn.Module], dict[str, Any]]
LAYER = re.compile(r"\.(h|layer|layers)\.\d+\.")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    `rate` is AdamW's peak learning rate, `matrix_rate` Muon's; measures are taken and state is kept at `evaluate_at`.
    """

    steps: int
    batch: int
    rate: float
    matrix_rate: float
    warmup: int
    evaluate_at: tuple[int, ...]
    seed: int = 1
    horizon: int = 0
    floor: float = 0.0
    cooldown: int = 1
    decay: float = 0.1

    def share_at(self, step: int) -> float:
        """Share of the learning rates at a step.

        A linear rise, then half a cosine that would reach a twentieth at `horizon` (0: at the last step) but does not
        fall below `floor`, and over the last `cooldown` steps a straight line to nothing on top.
        """
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, (self.horizon or self.steps) - self.warmup))
        wave = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done))
        return max(self.floor, wave) * min(1.0, (self.steps - step) / self.cooldown)


def optimizers_of(model: nn.Module, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside layers, AdamW for embeddings, biases, norms and output layers."""
    named = dict(model.named_parameters())
    inner = [p for name, p in named.items() if p.ndim == 2 and LAYER.search(name)]
    taken = {id(p) for p in inner}
    rest = [p for p in named.values() if id(p) not in taken]
    return [
        Muon(inner, lr=schedule.matrix_rate, weight_decay=schedule.decay),
        torch.optim.AdamW(rest, lr=schedule.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def half_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The model's tensors in float16, each tied one once, by the names that `save_pretrained` gives them."""
    seen: set[int] = set()
    tensors = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            tensors[name] = tensor.half().contiguous()
    return tensors


@dataclass
class Progress:
    """Where a run stands: the next step, the curve so far, the seconds spent."""

    step: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def _resume(path: Path, schedule: dict, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> Progress:
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    if state["schedule"] != schedule:
        raise ValueError(f"{path} belongs to another schedule; delete it or choose another folder")
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return Progress(state["step"], state["curve"], state["seconds"])


def _keep(
    path: Path, schedule: dict, model: nn.Module, optimizers: list[torch.optim.Optimizer], progress: Progress
) -> None:
    state = {
        "schedule": schedule,
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        **vars(progress),
    }
    unfinished = path.with_suffix(".tmp")
    torch.save(state, unfinished)
    os.replace(unfinished, path)


def train(
    model: nn.Module, schedule: Schedule, loss_of: Loss, measure: Measure, out: Path, *, until: int | None = None
) -> dict[str, Any]:
    """Train `model` in place and return `{"curve": [...], "seconds": float, "schedule": {...}}`.

    `loss_of(model, step)` is the loss of a step's batch. The state lies in `out/state.pt`; a run that finds one of the
    same schedule goes on from it, and raises ValueError for one of another. `until` stops early, as a kill would.
    Every evaluation also writes the weights to `out/history/step-00000.safetensors` in float16.
    """
    history = out / "history"
    history.mkdir(parents=True, exist_ok=True)
    optimizers = optimizers_of(model, schedule)
    peaks = [optimizer.defaults["lr"] for optimizer in optimizers]
    wanted = json.loads(json.dumps(asdict(schedule)))
    progress = _resume(out / "state.pt", wanted, model, optimizers)
    evaluated = {row["step"] for row in progress.curve}
    began = time.monotonic() - progress.seconds
    last = schedule.steps if until is None else min(until, schedule.steps)
    losses: list[float] = []
    with tqdm(total=schedule.steps, initial=progress.step, desc="training", unit="step", mininterval=5) as bar:
        while True:
            if progress.step in set(schedule.evaluate_at) - evaluated:
                evaluated.add(progress.step)
                model.eval()
                with torch.no_grad():
                    found = measure(model)
                model.train()
                mean = sum(losses) / len(losses) if losses else None
                losses = []
                progress.curve.append({"step": progress.step, "training_loss": mean, **found})
                progress.seconds = time.monotonic() - began
                save_file(
                    half_tensors(model), history / f"step-{progress.step:05d}.safetensors", metadata={"format": "pt"}
                )
                _keep(out / "state.pt", wanted, model, optimizers, progress)
                bar.write(", ".join(f"{key} {value}" for key, value in progress.curve[-1].items() if _short(value)))
            if progress.step >= last:
                break
            for optimizer, peak in zip(optimizers, peaks, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = peak * schedule.share_at(progress.step)
            loss = loss_of(model, progress.step)
            model.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
            losses.append(float(loss.detach()))
            progress.step += 1
            bar.update()
            bar.set_postfix(loss=f"{losses[-1]:.2f}", refresh=False)
    return {"curve": progress.curve, "seconds": time.monotonic() - began, "schedule": wanted}


def _short(value: Any) -> bool:
    return not isinstance(value, list)
