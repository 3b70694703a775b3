"""LoRA adapters merged into the model that they are for: W + s·B·A, with s = alpha / r (Hu et al., 2021).

With rsLoRA s = alpha / √r (Kalajdzievski, 2023); with DoRA the rows of the sum are brought to a trained length
(Liu et al., 2024). Whatever else an adapter's file holds, such as biases, takes the place of the model's own.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import regex
import torch
from safetensors.torch import load_file
from transformers.pytorch_utils import Conv1D

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models import leftovers
from attnviz.models.adapters import WEIGHTS, base_of
from attnviz.models.weight_files import count, tensors_in

PART = regex.compile(
    r"(?P<path>.+?)\.(?P<part>lora_(?:embedding_)?[AB]|lora_magnitude_vector)(?:\.(?P<adapter>(?!(?:weight|bias)$)[^.]+))?"
    r"(?:\.(?P<of>weight|bias))?"
)
SLOWEST = 1.0  # seconds for a pattern of an adapter's settings


def merge(folder: Path, settings: Mapping[str, Any], module: Any) -> tuple[str, ...]:
    """Put an adapter's changes into a model's own tensors; returns what to tell of it.

    `module`: the model that the adapter is for, with its language-model head if it has one. Tensors that were tied to
    one that changes stay as they were, as they do where the adapter is beside the model.

    Raises AttnvizError for an adapter that is not for this model.
    """
    tensors_in(folder / WEIGHTS)  # says what is wrong with the file
    held = {
        name.removeprefix("base_model.model."): value
        for name, value in load_file(folder / WEIGHTS, backend="pread").items()
    }
    loras: dict[str, dict[str, torch.Tensor]] = {}
    adapters, whole, unused = set(), {}, set()
    for name, value in held.items():
        if found := PART.fullmatch(name):
            adapters.add(found["adapter"])
            loras.setdefault(found["path"], {})[found["part"] + (".bias" if found["of"] == "bias" else "")] = value
        elif ".original_module." not in name:
            kept = regex.sub(r"\.modules_to_save(\.[^.]+(?=\.\w+$))?\.", ".", name)
            whole[kept.replace(".base_layer.", ".")] = value
    if not loras or len(adapters) > 1:
        how_many = "no LoRA tensors" if not loras else f"{len(adapters)} adapters"
        raise AttnvizError(f"Its {WEIGHTS} holds {how_many}, where one adapter is expected: save it again with peft.")
    for path in [*loras, *(name.rpartition(".")[0] for name in whole)]:
        if _part(module, path) is None:
            if not leftovers.is_head(path, module):
                raise AttnvizError(
                    f"Its adapter changes {in_one_line(path)}, which {in_one_line(base_of(settings))} does not have: "
                    "give the adapter the model that it was trained on."
                )
            unused.add(path)
    for name, value in whole.items():
        path, _, last = name.rpartition(".")
        if path not in unused:
            _put(_part(module, path), last, value.float(), name)
    for path, parts in loras.items():
        if path not in unused:
            _merge_one(_part(module, path), path, parts, _scale(settings, path, parts))
    changed = count(loras.keys() - unused, "part")
    notes = [f"It is {in_one_line(base_of(settings))} with a LoRA adapter merged into {changed} of it."]
    notes += [
        f"Its adapter also holds {in_one_line(path, 40)}, which is not used here: no attention goes through it."
        for path in sorted(unused)
    ]
    return tuple(notes)


def _part(module: Any, path: str) -> Any:
    """The part of a model that a path leads to, whether it was written from the head or from the base model."""
    prefix = f"{module.base_model_prefix}."
    for one in (path, path.removeprefix(prefix), prefix + path):
        try:
            return module.get_submodule(one)
        except AttributeError:
            continue
    return None


def _scale(settings: Mapping[str, Any], path: str, parts: Mapping[str, torch.Tensor]) -> float:
    rank = len(parts.get("lora_A", parts.get("lora_embedding_A", torch.empty(0))))
    alpha = _by_pattern(settings.get("alpha_pattern") or {}, path, settings.get("lora_alpha", 8))
    if not rank:
        raise AttnvizError(f"Its adapter lacks the first half of {in_one_line(path)}: fetch the adapter again.")
    return alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _by_pattern(patterns: Mapping[str, Any], path: str, otherwise: float) -> float:
    """What the first pattern says that the end of a path fits, as PEFT reads them."""
    try:
        for pattern, value in patterns.items():
            if regex.match(rf"(.*\.)?({pattern})$", path, timeout=SLOWEST):
                return value
    except (regex.error, TimeoutError) as error:
        raise AttnvizError(
            f"The pattern '{in_one_line(pattern, 40)}' of its adapter is none that can be used: fetch the adapter "
            "again."
        ) from error
    return otherwise


def _merge_one(part: Any, path: str, parts: Mapping[str, torch.Tensor], scale: float) -> None:
    """W + s·B·A for one linear layer or embedding, by its own layout [out, in] or [in, out]."""
    embedding = "lora_embedding_A" in parts
    a, b = (parts.get(f"lora_{'embedding_' * embedding}{half}") for half in "AB")
    known = isinstance(part, torch.nn.Embedding) if embedding else isinstance(part, torch.nn.Linear | Conv1D)
    if a is None or b is None or not known or a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
        raise AttnvizError(
            f"Its adapter's change of {in_one_line(path)} is not of a kind that is merged here: merge it with peft and "
            "open what that saves."
        )
    turned = embedding or isinstance(part, Conv1D)
    own = part.weight.detach()
    product = scale * (b.float() @ a.float()).to(own.device)
    change = product.T if turned else product
    if change.shape != own.shape:
        raise AttnvizError(
            f"Its adapter changes {in_one_line(path)} by {_by(change)}, and that is {_by(own)} here: give the adapter "
            "the model that it was trained on."
        )
    merged = own + change
    if (lengths := parts.get("lora_magnitude_vector")) is not None:
        found = torch.linalg.norm(merged, dim=0 if turned else 1, keepdim=True)
        merged = merged * (lengths.float().to(own.device).reshape(found.shape) / found)
    _put(part, "weight", merged, path)
    if (bias := parts.get("lora_B.bias")) is not None:
        if getattr(part, "bias", None) is None:
            raise AttnvizError(f"Its adapter has a bias for {in_one_line(path)}, which has none: merge it with peft.")
        _put(part, "bias", part.bias.detach() + scale * bias.float().to(own.device), path)


def _put(part: Any, name: str, value: torch.Tensor, path: str) -> None:
    """A new tensor in place of one; others that were tied to it stay."""
    own = getattr(part, name, None)
    if not isinstance(own, torch.nn.Parameter) or own.shape != value.shape:
        here = _by(own) if isinstance(own, torch.Tensor) else "not there"
        raise AttnvizError(
            f"Its adapter brings {in_one_line(path)} of {_by(value)}, which is {here} in the model: give the adapter "
            "the model that it was trained on."
        )
    setattr(part, name, torch.nn.Parameter(value.to(own.device), requires_grad=False))


def _by(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape))
