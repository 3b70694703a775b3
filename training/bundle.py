"""From a finished run to a bundled model: weights, chosen checkpoints, curve, card."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from attnviz.probes import VERSION

from .cards import readme
from .evaluate import evaluate, evaluate_repeats, load, load_checkpoint, rounded
from .settings import RECIPES
from .text import read_sources

BUNDLED = Path(__file__).resolve().parent.parent / "attnviz" / "models" / "bundled"
N_CHECKPOINTS = 12
MODEL_FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def informative_steps(curve: Sequence[dict[str, Any]], n: int = N_CHECKPOINTS) -> list[int]:
    """`n` steps of a curve, the first and the last among them, at equal distances along what changed.

    Between two steps the induction score, the previous-token score, the held-out loss, the pronouns and the number of
    steps (on a logarithmic scale) count by their share of the whole change, induction most.
    """
    steps = np.array([row["step"] for row in curve])
    columns = [
        (2.0, np.array([np.max(row["induction"]) for row in curve])),
        (0.6, np.array([np.max(row["previous_token"]) for row in curve])),
        (0.5, np.array([row["held_out_loss"] for row in curve])),
        (0.4, np.array([row["pronoun_accuracy"] for row in curve])),
        (0.8, np.log(steps + 100.0)),
    ]
    moved = np.zeros(len(steps) - 1)
    for weight, column in columns:
        change = np.abs(np.diff(column))
        moved += weight * change / max(change.sum(), 1e-9)
    along = np.concatenate([[0.0], np.cumsum(moved)])
    chosen: list[int] = []
    for target in np.linspace(0, along[-1], min(n, len(steps))):
        free = [index for index in range(len(steps)) if index not in chosen]
        chosen.append(min(free, key=lambda index: abs(along[index] - target)))
    return sorted(int(steps[index]) for index in chosen)


def bundle(name: str, run: Path, out: Path, data: Path | None) -> dict[str, Any]:
    """Copy a run's model to `out` with checkpoints, curve and card, and return the card.

    `data` is the folder of texts that the run was trained on; tiny-translator has none.
    """
    out.mkdir(parents=True, exist_ok=True)
    for file in MODEL_FILES:
        if (run / file).exists():
            shutil.copyfile(run / file, out / file)
    trained = json.loads((run / "run.json").read_text())
    curve = trained["curve"]
    if name == "tiny-gpt":
        folder = out / "checkpoints"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for step in informative_steps(curve):
            shutil.copyfile(run / "history" / f"step-{step:05d}.safetensors", folder / f"step-{step:05d}.safetensors")
    (out / "curves.json").write_text(json.dumps({"model": name, "evaluations": curve}) + "\n")
    training = {
        **asdict(RECIPES[name]),
        **trained["schedule"],
        "seconds": round(trained["seconds"]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "libraries": {package: version(package) for package in ("torch", "transformers", "tokenizers", "nltk")},
    }
    training.pop("evaluate_at")
    return write_card(name, out, data, training)


def write_card(name: str, folder: Path, data: Path | None, training: dict[str, Any] | None = None) -> dict[str, Any]:
    """Evaluate the model in `folder` and write its card; without `training` that part of the old card is kept."""
    path = folder / "card.json"
    if training is None:
        training = json.loads(path.read_text())["training"]
    tensors = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    sources = read_sources(data) if data is not None and name != "tiny-translator" else []
    checkpoints = sorted(folder.glob("checkpoints/*.safetensors"))
    card = {
        "name": name,
        "architecture": config["architectures"][0],
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "vocabulary": config["vocab_size"],
        "probes_version": VERSION,
        "texts": [
            {
                "name": source.name,
                "sha256": source.sha256,
                "paragraphs": {"training": len(source.train), "held_out": len(source.held_out)},
            }
            for source in sources
        ],
        "training": training,
        "checkpoints": [int(file.stem.removeprefix("step-")) for file in checkpoints],
        "scores": evaluate(name, folder, data),
    }
    if card["checkpoints"]:
        card["first_checkpoint"] = _first_checkpoint(folder)
    path.write_text(json.dumps(card, indent=1) + "\n")
    (folder / "README.md").write_text(readme(card))
    return card


def _first_checkpoint(folder: Path) -> dict[str, Any]:
    """The repeat scores of the untrained model."""
    model, tokenizer = load(folder, "tiny-gpt")
    load_checkpoint(model, folder / "checkpoints" / "step-00000.safetensors")
    with torch.no_grad():
        found = rounded(evaluate_repeats(model, tokenizer))
    return {key: found[key] for key in ("induction", "previous_token", "second_over_first")}
