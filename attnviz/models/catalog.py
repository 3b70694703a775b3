"""The models that can be loaded now, and from where, read from config.json without torch."""

import json
import os
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from huggingface_hub import CacheNotFound, scan_cache_dir

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models import adapters
from attnviz.models.memory import all_bytes, check_fits
from attnviz.models.model_types import check_model_type
from attnviz.models.pasted import as_meant, is_path
from attnviz.models.sane_files import VOCABULARIES, Incomplete, check_file, files_read, read_object, revision_of
from attnviz.models.sizes import check_kinds, check_sizes
from attnviz.models.surroundings import in_other_formats, models_inside, name_inside
from attnviz.models.tokenizer_files import check_tokenizer
from attnviz.models.weight_files import INDEX, WHOLE, check_weights, tensors_of, weight_files

BUNDLED = Path(__file__).with_name("bundled")
WRITING = "generation_config.json"
BUNDLED_ORDER = ("tiny-gpt", "tiny-bert", "tiny-translator")
# Small models worth fetching from the hub, with the size of their safetensors in bytes.
SUGGESTED = {"sentence-transformers/all-MiniLM-L6-v2": 90_868_376}
MOST_LISTED = 20  # models inside one folder


@dataclass(frozen=True)
class ModelEntry:
    """One line of the table. `source` is bundled, installed, cache, folder or hub; `bytes` counts the weight files.

    `path` is None for a model that is only on the hub; `reason` says why a model cannot be loaded now. `checkpoint` is
    the file of another moment of a bundled model's training, named with its step: tiny-gpt@800. `incomplete`: fetching
    the model again may bring what is missing. `inside` are the models in the folders inside this one, by their paths.
    `base` is the folder of the model that an adapter is merged into.
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
    revision: str = ""
    checkpoint: str | None = None
    incomplete: bool = False
    inside: tuple[str, ...] = ()
    base: str | None = None

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
    """The entry of a model on this machine, by its name in the table or by its folder, as people paste them; None if
    there is none.

    Raises AttnvizError for a bundled model at a step that was not kept, and for a link that leads to no model.
    """
    known = {entry.name: entry for entry in reversed([*_bundled(), *_installed(), *_in_folder()])}
    if name in known:
        return known[name]
    name = as_meant(name)
    alike = {one.casefold(): entry for one, entry in known.items()}
    base, at, step = name.partition("@")
    bundled = alike.get(base.casefold())
    if at and bundled is not None and bundled.source == "bundled":
        files = checkpoints(bundled.name)
        if not (step.isascii() and step.isdigit() and len(step) < 10 and int(step) in files):
            raise AttnvizError(f"{bundled.name} was not kept at step '{in_one_line(step, 20)}': {_steps(files)}.")
        return replace(bundled, name=f"{bundled.name}@{int(step)}", checkpoint=str(files[int(step)]))
    if os.path.isdir(name):
        return inspect_folder(Path(name), name, "folder")
    cached = {entry.name: entry for entry in _in_cache()}
    return known.get(name) or alike.get(name.casefold()) or cached.get(name) or _in_any_case(cached, name)


def _in_any_case(entries: dict[str, ModelEntry], name: str) -> ModelEntry | None:
    return {one.casefold(): entry for one, entry in entries.items()}.get(name.casefold())


def locate(name: str) -> ModelEntry | None:
    """The model on this machine that `name` means; None where only the hub can have it, as `pasted.as_meant` says.

    Raises AttnvizError for a name that can only be a path, and has no folder there.
    """
    name = name.strip()
    if not name.strip("\"'` ") or not name.isprintable():
        raise AttnvizError("No model is named: give a folder, or a hub id like 'owner/model'.")
    entry = find_model(name)
    if entry is not None and not (entry.source == "cache" and entry.incomplete):
        return entry
    name = as_meant(name)
    path = os.path.expanduser(name)
    if os.path.exists(path):
        raise AttnvizError(f"'{in_one_line(name)}' is a file, not a model: give the folder that holds config.json.")
    if is_path(name):
        raise AttnvizError(f"There is no folder '{in_one_line(name)}': check the path.")
    return None


def loadable(name: str) -> ModelEntry:
    """The model on this machine that `name` means. Raises AttnvizError where there is none that can be loaded now."""
    entry = find_model(name)
    if entry is None:
        raise AttnvizError(f"The model '{in_one_line(name)}' is not on this machine: pick another one.")
    if not entry.loadable:
        raise AttnvizError(f"'{in_one_line(name)}' cannot be loaded: {entry.reason}.")
    return entry


def checkpoints(name: str) -> dict[int, Path]:
    """The kept moments of a bundled model's training, by step; empty for a model without any."""
    return {int(file.stem.split("-")[1]): file for file in sorted((BUNDLED / name / "checkpoints").glob("step-*"))}


def training_curves(name: str) -> list[dict[str, Any]]:
    """What was measured along a bundled model's training, one entry a step (losses in nats; scores [layers][heads])."""
    return json.loads((BUNDLED / name / "curves.json").read_text(encoding="utf-8"))["evaluations"]


def _steps(files: dict[int, Path]) -> str:
    return f"take one of {', '.join(map(str, files))}" if files else "only its last weights are here"


def inspect_folder(folder: Path, name: str, source: str, revision: str | None = None) -> ModelEntry:
    """What a folder in Hugging Face layout holds; a folder that cannot be loaded gets its reason.

    Without a `revision` of its own the entry's is that of the files as they are now.
    """
    inspect = _inspect_adapter if adapters.is_adapter(folder) else _inspect_model
    return inspect(folder, name, source, revision)


def _inspect_model(folder: Path, name: str, source: str, revision: str | None) -> ModelEntry:
    config: dict[str, Any] = {}
    files: list[Path] = []
    reason: str | None = None
    incomplete, inside = False, tuple[str, ...]()
    try:
        files = files_read(folder)
        config, fault = _checked(folder, revision_of(files))
        if fault is not None:
            raise fault
    except Incomplete as error:
        incomplete, found = True, models_inside(folder)[:MOST_LISTED]
        inside = tuple(str(one) for one in found)
        others = in_other_formats(os.listdir(folder))
        reason = name_inside(folder, found) if found else others or as_reason(error)
    except AttnvizError as error:
        reason = as_reason(error)
    architecture = config.get("model_type")
    return ModelEntry(
        name=name,
        source=source,
        path=str(folder),
        architecture=architecture if isinstance(architecture, str) else None,
        bytes=_bytes([file for file in files if file.suffix == ".safetensors"]),
        n_layers=_first(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"),
        n_heads=_first(config, "num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads"),
        loadable=reason is None,
        reason=reason,
        revision=revision or revision_of(files),
        incomplete=incomplete,
        inside=inside,
    )


def _inspect_adapter(folder: Path, name: str, source: str, revision: str | None) -> ModelEntry:
    """A folder with an adapter: it is the model that the adapter is for, changed."""
    base: ModelEntry | None = None
    files: list[Path] = []
    reason: str | None = None
    try:
        files = files_read(folder)
        settings = adapters.read_settings(folder)
        named = in_one_line(adapters.base_of(settings))
        base = _base_for(adapters.base_of(settings), folder)
        beside = os.path.lexists(folder / WHOLE) or os.path.lexists(folder / INDEX)
        if beside and not (base and base.path and os.path.samefile(base.path, folder)):
            base = None
            reason = (
                f"it holds a model and a LoRA adapter for {named} beside it, and nothing says whether the one is "
                f"merged into the other: move {adapters.SETTINGS} and {adapters.WEIGHTS} to a folder of their own"
            )
        elif base is None:
            reason = (
                f"it is a LoRA adapter for {named}, which is not on this machine: fetch that model, or merge the "
                "adapter into it first and open what that saves"
            )
        elif not base.loadable:
            reason = f"it is a LoRA adapter for {named}, which cannot be loaded: {base.reason}"
        elif any(os.path.lexists(folder / one) for one in VOCABULARIES):
            check_tokenizer(folder)
    except AttnvizError as error:
        reason = as_reason(error)
    own = revision or revision_of(files)
    return ModelEntry(
        name=name,
        source=source,
        path=str(folder),
        architecture=base.architecture if base else None,
        bytes=(base.bytes if base else 0) + _bytes([file for file in files if file.name == adapters.WEIGHTS]),
        n_layers=base.n_layers if base else None,
        n_heads=base.n_heads if base else None,
        loadable=reason is None,
        reason=reason,
        revision=f"{own}+{base.revision}" if base else own,
        base=base.path if base else None,
    )


def _base_for(name: str, folder: Path) -> ModelEntry | None:
    """The model that the adapter in a folder is for, if it is here: by its name in the table, or by its folder, seen
    from here or from the adapter; no adapter itself."""
    known = {entry.name: entry for entry in [*_bundled(), *_installed()]}
    if name in known:
        return known[name]
    root = os.environ.get("ATTNVIZ_MODELS")
    path = Path(os.path.expanduser(name))
    for place in [Path(), folder, folder.parent, *([Path(root).expanduser()] if root else [])]:
        found = place / path
        if (found / "config.json").is_file():
            return _inspect_model(found, str(found), "folder", None)
    return next((_inspect_model(*one) for one in _snapshots() if one[1] == name), None)


@lru_cache(maxsize=1024)
def _checked(folder: Path, revision: str) -> tuple[dict[str, Any], AttnvizError | None]:
    """What config.json says, and why the files in a folder cannot be loaded; kept until `revision` is another."""
    config: dict[str, Any] = {}
    try:
        config = _config_of(folder)
        _check_weight_files(folder)
        check_model_type(config)
        check_kinds(config)
        if (folder / WRITING).is_file():
            check_kinds(read_object(folder / WRITING), WRITING)
        tensors = tensors_of(folder)
        check_weights(tensors, config)
        check_tokenizer(folder)
        check_sizes(config, tensors)
        check_fits((tensor.shape for tensor in tensors.values()), all_bytes())
    except AttnvizError as error:
        return config, error
    return config, None


def _config_of(folder: Path) -> dict[str, Any]:
    if not os.path.lexists(folder / "config.json"):
        raise Incomplete("There is no config.json in it: name the folder that holds config.json and model.safetensors.")
    return read_object(folder / "config.json")


def _check_weight_files(folder: Path) -> None:
    if os.path.lexists(folder / WHOLE):
        check_file(folder / WHOLE)
    found = sorted(file.name for file in files_read(folder) if file.suffix == ".safetensors")
    if not found and not os.path.lexists(folder / INDEX):
        raise Incomplete("There are no weights in it: put model.safetensors beside config.json.")
    if WHOLE not in found:
        if not os.path.lexists(folder / INDEX):
            raise Incomplete(
                f"There is no {WHOLE} in it, and no {INDEX} that would name {in_one_line(found[0], 40)}: fetch the "
                "model again."
            )
        read_object(folder / INDEX)
    for file in weight_files(folder):
        check_file(file)


def _bytes(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


def as_reason(error: AttnvizError) -> str:
    """The sentence as the end of another."""
    said = str(error).removesuffix(".")
    return said[:1].lower() + said[1:]


def _first(config: dict, *keys: str) -> int | None:
    return next((config[key] for key in keys if type(config.get(key)) is int), None)


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
    """The models in the folder that ATTNVIZ_MODELS names, itself one or around models or around folders around them."""
    named = os.environ.get("ATTNVIZ_MODELS")
    root = Path(named).expanduser() if named else None
    if root is None or not root.is_dir():
        return []
    entries = [inspect_folder(root, root.resolve().name, "folder")] if (root / "config.json").is_file() else []
    try:
        folders = sorted(Path(entry) for entry in os.scandir(root) if entry.is_dir() and entry.name.isprintable())
    except OSError:
        folders = []
    for folder in folders:
        if os.path.lexists(folder / "config.json") or adapters.is_adapter(folder):
            entries.append(inspect_folder(folder, folder.name, "folder"))
        else:
            inside = models_inside(folder)[:MOST_LISTED]
            entries += [inspect_folder(one, str(one.relative_to(root)), "folder") for one in inside]
    return entries


def _in_cache() -> list[ModelEntry]:
    """Models that the hub's client keeps in its cache, the newest snapshot of each."""
    return [inspect_folder(*one) for one in _snapshots()]


def _snapshots() -> list[tuple[Path, str, str, str]]:
    """The newest snapshot of each model in the hub's cache, as `inspect_folder` takes it."""
    try:
        repos = [repo for repo in scan_cache_dir().repos if repo.repo_type == "model"]
    except CacheNotFound:
        return []
    found = []
    for repo in sorted(repos, key=lambda repo: repo.repo_id):
        snapshots = [
            revision
            for revision in repo.revisions
            if (revision.snapshot_path / "config.json").exists() or adapters.is_adapter(revision.snapshot_path)
        ]
        if snapshots:
            newest = max(snapshots, key=lambda revision: revision.last_modified)
            found.append((newest.snapshot_path, repo.repo_id, "cache", newest.commit_hash))
    return found
