"""What a folder that is no model holds instead: weights in other formats, or models in the folders inside it."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from attnviz.errors import in_one_line

AGAIN, CONVERT = "take the model that it was made from", "convert them to safetensors"
FORMATS = (  # how a file is named, what it is, what to do
    (r"\.gguf$|\.ggml$|ggml.*\.bin$", "GGUF, the format of llama.cpp", AGAIN),
    (r"\.onnx(_data)?$", "ONNX", AGAIN),
    (r"\.h5$|\.keras$|^saved_model\.pb$|\.tflite$|\.ckpt\.(index|meta|data.*)$", "TensorFlow's", CONVERT),
    (r"\.msgpack$", "Flax's", CONVERT),
    (r"\.mlmodel$|\.mlpackage$", "Core ML", AGAIN),
    (r"^openvino.*\.(xml|bin)$", "OpenVINO", AGAIN),
    (r"\.nemo$", "NeMo", CONVERT),
    (r"\.(bin|pt|pth|ckpt|pkl|pickle)$", "pickle files, which can run code and are never opened", CONVERT),
)
NEITHER = re.compile(r"^(training_args|optimizer|scheduler|rng_state.*|scaler|random_states.*)\.(bin|pt|pth|pkl)$")
MOST_FOLDERS = 2000  # looked into
DEEPEST = 3
MOST_NAMED = 3


def in_other_formats(names: Iterable[str]) -> str | None:
    """Of the names of a folder's files: what its weights are, and what to do; None where there are none."""
    for pattern, kind, remedy in FORMATS:
        found = [name for name in names if re.search(pattern, name.lower()) and not NEITHER.match(name.lower())]
        if found:
            return f"its weights are {kind} ({in_one_line(min(found), 60)}): {remedy}"
    return None


def models_inside(folder: Path) -> list[Path]:
    """The folders inside a folder that hold a model or an adapter, up to three levels down, sorted as people count:
    checkpoint-1000 after checkpoint-500."""
    found, level, seen = [], [folder], 0
    for _ in range(DEEPEST):
        below: list[Path] = []
        for one in level:
            below += _folders_in(one)[: max(0, MOST_FOLDERS - seen)]
            seen += len(below)
        found += [one for one in below if _is_model(one)]
        level = [one for one in below if one not in found]
    return sorted(found, key=lambda one: _counted(str(one.relative_to(folder))))


def name_inside(folder: Path, inside: list[Path]) -> str:
    """The models inside a folder, by their paths from there."""
    names = [in_one_line(one.relative_to(folder), 90) for one in inside]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    if len(names) == 1:
        return f"it is the folder around a model: give {names[0]} in it"
    return f"it is the folder around {len(names)} models: give one of {', '.join(names[:MOST_NAMED])}{more} in it"


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(
            Path(entry) for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith((".", "__"))
        )
    except OSError:
        return []


def _is_model(folder: Path) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    whole = "model.safetensors" in names or "model.safetensors.index.json" in names
    return ("config.json" in names and whole) or {"adapter_config.json", "adapter_model.safetensors"} <= {*names}


def _counted(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() and len(part) < 19 else (-1, part) for part in re.split(r"(\d+)", text)]
