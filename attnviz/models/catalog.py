"""The models that can be loaded now, and from where, read from config.json without torch."""

import json
import os
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from huggingface_hub import CacheNotFound, scan_cache_dir

from attnviz.errors import AttnvizError, in_one_line

BUNDLED = Path(__file__).with_name("bundled")
BUNDLED_ORDER = ("tiny-gpt", "tiny-bert", "tiny-translator")
# Small models worth fetching from the hub, with the size of their safetensors in bytes.
SUGGESTED = {"sentence-transformers/all-MiniLM-L6-v2": 90_868_376}
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".pkl")


@dataclass(frozen=True)
class ModelEntry:
    """One line of the table. `source` is bundled, installed, cache, folder or hub; `bytes` counts the weight files.

    `path` is None for a model that is only on the hub; `reason` says why a model cannot be loaded now. `checkpoint` is
    the file of another moment of a bundled model's training, named with its step: tiny-gpt@800.
    """

    name: str
    source: str
    path: str | None
    architecture: str | None
    bytes: int
    n_layers: int | None
    n_heads: int | None
    loadable: bool
    reason: str | None
    revision: str = "local"
    checkpoint: str | None = None

    @property
    def size(self) -> str:
        """The weights' size as people write it: 91 MB."""
        return readable_size(self.bytes)


def readable_size(n_bytes: int) -> str:
    """Decimal units, as downloads are stated: 90868376 → 91 MB."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{max(n_bytes / 1e6, 0.1):.{n_bytes < 1e7:d}f} MB"


def list_models() -> list[ModelEntry]:
    """Bundled models first, then installed packages, the folder that ATTNVIZ_MODELS names, the cache, suggestions."""
    entries = [*_bundled(), *_installed(), *_in_folder(), *_in_cache()]
    here = {entry.name for entry in entries}
    entries += [
        ModelEntry(name, "hub", None, None, n_bytes, None, None, False, "not on this machine yet")
        for name, n_bytes in SUGGESTED.items()
        if name not in here
    ]
    return entries


def find_model(name: str) -> ModelEntry | None:
    """The entry of a model on this machine, by its name in the table or by its folder; None if there is none.

    Raises AttnvizError for a bundled model at a step that was not kept.
    """
    known = {entry.name: entry for entry in reversed([*_bundled(), *_installed(), *_in_folder()])}
    if name in known:
        return known[name]
    base, _, step = name.partition("@")
    if step and base in known and known[base].source == "bundled":
        files = checkpoints(base)
        if not (step.isascii() and step.isdigit() and int(step) in files):
            raise AttnvizError(f"{base} was not kept at step '{in_one_line(step)}': {_steps(files)}.")
        return replace(known[base], name=f"{base}@{int(step)}", checkpoint=str(files[int(step)]))
    folder = os.path.expanduser(name)
    if os.path.isdir(folder):
        return inspect_folder(Path(folder), folder, "folder")
    return next((entry for entry in _in_cache() if entry.name == name), None)


def locate(name: str) -> ModelEntry | None:
    """The model on this machine that `name` means; None where only the hub can have it.

    Raises AttnvizError for a name that can only be a path, and has no folder there.
    """
    if not name.strip() or not name.isprintable():
        raise AttnvizError("No model is named: give a folder, or a hub id like 'owner/model'.")
    entry = find_model(name)
    if entry is not None and (entry.loadable or entry.source != "cache"):
        return entry
    path = os.path.expanduser(name)
    if os.path.exists(path):
        raise AttnvizError(f"'{in_one_line(name)}' is a file, not a model: give the folder that holds config.json.")
    if os.path.isabs(path) or name.startswith((".", "~")) or name.count("/") > 1 or "\\" in name:
        raise AttnvizError(f"There is no folder '{in_one_line(name)}': check the path.")
    return None


def checkpoints(name: str) -> dict[int, Path]:
    """The kept moments of a bundled model's training, by step; empty for a model without any."""
    return {int(file.stem.split("-")[1]): file for file in sorted((BUNDLED / name / "checkpoints").glob("step-*"))}


def training_curves(name: str) -> list[dict[str, Any]]:
    """What was measured along a bundled model's training, one entry a step (losses in nats; scores [layers][heads])."""
    return json.loads((BUNDLED / name / "curves.json").read_text(encoding="utf-8"))["evaluations"]


def _steps(files: dict[int, Path]) -> str:
    return f"take one of {', '.join(map(str, files))}" if files else "only its last weights are here"


def inspect_folder(folder: Path, name: str, source: str, revision: str = "local") -> ModelEntry:
    """What a folder in Hugging Face layout holds; a folder that cannot be loaded gets its reason."""
    config: dict = {}
    reason = None
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError
    except FileNotFoundError:
        reason = "no config.json in it: name the folder that holds config.json and model.safetensors"
    except (OSError, ValueError):
        config, reason = {}, "its config.json is not readable JSON: download the model again"
    try:
        files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    except OSError as error:
        files, reason = [], f"its folder cannot be read ({error.strerror})"
    weights = [file for file in files if file.suffix == ".safetensors"]
    if reason is None and not weights:
        reason = (
            "its weights are pickle files, which can run code and are never opened: convert them to safetensors"
            if any(file.suffix in PICKLES for file in files)
            else "no weights in it: put model.safetensors beside config.json"
        )
    if reason is None and not _named_by_index(folder) <= {file.name for file in files}:
        reason = "some of its weight files are missing: fetch it again"
    architecture = config.get("model_type")
    return ModelEntry(
        name=name,
        source=source,
        path=str(folder),
        architecture=architecture if isinstance(architecture, str) else None,
        bytes=sum(file.stat().st_size for file in weights),
        n_layers=_first(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"),
        n_heads=_first(config, "num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads"),
        loadable=reason is None,
        reason=reason,
        revision=revision,
    )


def _named_by_index(folder: Path) -> set[str]:
    """The files that sharded weights consist of; empty where the weights are one file."""
    if (folder / "model.safetensors").exists():
        return set()
    try:
        return set(
            json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))["weight_map"].values()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _first(config: dict, *keys: str) -> int | None:
    return next((config[key] for key in keys if isinstance(config.get(key), int)), None)


@cache
def _bundled() -> list[ModelEntry]:
    """The models that come with the clone."""
    folders = [BUNDLED / name for name in BUNDLED_ORDER if (BUNDLED / name / "config.json").is_file()]
    return [inspect_folder(folder, folder.name, "bundled", revision="bundled") for folder in folders]


@cache
def _installed() -> list[ModelEntry]:
    """Models that came inside installed packages, found in the packages' file lists; nothing is imported."""
    entries = []
    for package in distributions():
        record = package.read_text("RECORD") or ""
        files = [line.split(",")[0] for line in record.splitlines() if "/model.safetensors," in line]
        folders = [Path(str(package.locate_file(file))).parent for file in files]
        folders = [folder for folder in folders if (folder / "config.json").is_file()]
        for folder in folders:
            name = package.name if len(folders) == 1 else f"{package.name}/{folder.name}"
            entries.append(inspect_folder(folder, name, "installed", revision=package.version))
    return sorted(entries, key=lambda entry: entry.name)


def _in_folder() -> list[ModelEntry]:
    root = Path(os.environ.get("ATTNVIZ_MODELS") or "/nowhere").expanduser()
    found = sorted(root.glob("*/config.json")) if root.is_dir() else []
    return [inspect_folder(config.parent, config.parent.name, "folder") for config in found]


def _in_cache() -> list[ModelEntry]:
    """Models that the hub's client keeps in its cache, the newest snapshot of each."""
    try:
        repos = [repo for repo in scan_cache_dir().repos if repo.repo_type == "model"]
    except CacheNotFound:
        return []
    entries = []
    for repo in sorted(repos, key=lambda repo: repo.repo_id):
        snapshots = [revision for revision in repo.revisions if (revision.snapshot_path / "config.json").exists()]
        if snapshots:
            newest = max(snapshots, key=lambda revision: revision.last_modified)
            entries.append(inspect_folder(newest.snapshot_path, repo.repo_id, "cache", newest.commit_hash))
    return entries
