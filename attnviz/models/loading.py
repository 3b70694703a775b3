"""A name to a model in memory: safetensors only, no code but transformers' own, evaluation mode."""

import json
import threading
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers
from safetensors import safe_open
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_MAPPING_NAMES,
)

from attnviz.errors import AttnvizError, in_one_line, is_foreign
from attnviz.models import hub, leftovers
from attnviz.models.adapters import read_settings
from attnviz.models.catalog import as_reason, find_model, inspect_folder, locate
from attnviz.models.memory import check_fits, free_bytes
from attnviz.models.merging import merge
from attnviz.models.sane_files import VOCABULARIES, read_object
from attnviz.models.sizes import check_sizes
from attnviz.models.steering import told_of_code, without_steering
from attnviz.models.tokenizer_files import try_tokenizer
from attnviz.models.weight_files import tensors_in, weight_files
from attnviz.models.writing import Writing, read_writing

HEADED = (transformers.AutoModelForCausalLM, transformers.AutoModelForMaskedLM)
LOADING = threading.Lock()  # transformers replaces methods of its own classes while it loads; two at once leave them so
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to read text. `module` is shared by all who hold it: take `lock` for a forward pass.

    `limit` is the most tokens that it reads, None where it has no limit of its own. `language_model` is `module` with
    its trained language-model head, on the same tensors; None where there is no such head. `notes`: a sentence each on
    how it was opened, where a reader should know, such as of a head in its file that is not used.
    """

    module: Any
    tokenizer: Any
    name: str
    revision: str
    architecture: str
    device: str
    limit: int | None
    language_model: Any = None
    notes: tuple[str, ...] = ()
    writing: Writing = field(default_factory=Writing)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)


def load_model(name: str, *, device: str = "cpu", progress: hub.Progress | None = None) -> LoadedModel:
    """Load a model by name: a bundled one (tiny-gpt, or tiny-gpt@800 as it was at step 800 of its training), one from
    an installed package, a local folder, the hub's cache, or the hub.

    Weights are read from safetensors into float32, on "cpu", "cuda" or "mps"; no code from the model's own
    repository is ever run. A download calls `progress(bytes done, bytes in all)`.

    Raises:
        AttnvizError: the model cannot be had; the message says why and what to do.
    """
    _check_device(device)
    entry = locate(name)
    if entry is None:
        hub.fetch(hub.plan_download(name), progress)
        entry = find_model(name)
    if entry is None or entry.path is None or not entry.loadable:
        reason = entry.reason if entry else "its files are not where the hub's cache should have them: try again"
        raise AttnvizError(f"'{in_one_line(name)}' cannot be loaded: {reason}.")
    folder = Path(entry.base or entry.path)
    own = any((Path(entry.path) / one).is_file() for one in VOCABULARIES)
    config, settings = _read_config(folder, name)
    tokenizer = _read_tokenizer(Path(entry.path) if own else folder, name, config)
    module, language_model, notes = _read_weights(folder, name, config, device, entry.checkpoint)
    if entry.base is not None:
        notes += merge(Path(entry.path), read_settings(Path(entry.path)), language_model or module)
    for part in (module, language_model):
        if part is not None and part.can_generate():
            part.generation_config = transformers.GenerationConfig()  # what the folder's says is in `writing`
    if entry.source == "folder" and inspect_folder(Path(entry.path), name, "folder").revision != entry.revision:
        raise AttnvizError(f"The files of '{in_one_line(name)}' were written while they were read: try again.")
    return LoadedModel(
        module,
        tokenizer,
        entry.name,
        entry.revision,
        config.model_type,
        device,
        _token_limit(module, tokenizer),
        language_model,
        told_of_code(settings, config.model_type) + notes,
        read_writing(folder, config, settings),
    )


def explain_out_of_memory(error: BaseException) -> AttnvizError | None:
    """What to say where torch or Python ran out of memory; None for any other error."""
    text = str(error).lower()
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(phrase in text for phrase in OUT_OF_MEMORY):
        return AttnvizError(
            "There is not enough memory for this: close other programs, or take a smaller model or text."
        )
    return None


def _check_device(device: str) -> None:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device not in available:
        raise AttnvizError(f"There is no device '{in_one_line(device)}': use cpu, cuda or mps.")
    if not available[device]:
        raise AttnvizError(f"This machine has no {device} device that torch can use: use cpu.")


def _read_config(folder: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """The model's configuration, without what would say how it is run, and all that its config.json says."""
    raw = read_object(folder / "config.json")
    try:
        with TemporaryDirectory() as place:
            (Path(place) / "config.json").write_text(json.dumps(without_steering(raw)), encoding="utf-8")
            config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False, local_files_only=True)
            config.name_or_path = str(folder)  # by which transformers knows some tokenizers
    except Exception as error:
        raise AttnvizError(
            f"The config.json of '{in_one_line(name)}' does not describe a model that transformers can build "
            f"({in_one_line(error, 160)}): fetch the model's own config.json again."
        ) from error
    return config, raw


def _read_tokenizer(folder: Path, name: str, config: Any) -> Any:
    try:
        try_tokenizer(folder)
    except AttnvizError as error:
        raise AttnvizError(f"'{in_one_line(name)}' cannot be loaded: {as_reason(error)}.") from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, config=config, trust_remote_code=False, local_files_only=True
        )
        fault = None if tokenizer.is_fast and len(tokenizer) > 0 else "it is empty, or written in Python"
    except Exception as error:  # transformers raises all kinds here, from KeyError to the Rust library's own
        fault = in_one_line(error)
    if fault is not None:
        whole = (folder / "tokenizer.json").is_file()
        raise AttnvizError(
            f"'{in_one_line(name)}' has no tokenizer that can be read ({fault}): "
            + ("fetch its tokenizer files again." if whole else "put its tokenizer.json beside config.json.")
        )
    return tokenizer


def _read_weights(
    folder: Path, name: str, config: Any, device: str, checkpoint: str | None
) -> tuple[Any, Any, tuple[str, ...]]:
    """The module that is looked into, the one that predicts with it (the same, one around it, or None), and notes."""
    refused = f"'{in_one_line(name)}' cannot be loaded: "
    files = [Path(checkpoint)] if checkpoint is not None else weight_files(folder)
    stored = {key: tensor for file in files for key, tensor in tensors_in(file).items()}
    try:
        check_sizes(config.to_dict(), stored)  # by what transformers takes where config.json is silent
        skeleton = _skeleton(transformers.AutoModel, config)
        for tensors in (stored.values(), [] if skeleton is None else chain(skeleton.parameters(), skeleton.buffers())):
            check_fits((tensor.shape for tensor in tensors), free_bytes())
    except AttnvizError as error:
        raise AttnvizError(f"{refused}{as_reason(error)}.") from error
    real, wrapper = leftovers.unwrapped(stored, skeleton)
    stored = {real[key]: tensor for key, tensor in stored.items()}
    notes: tuple[str, ...] = (f"Its tensors are named under '{wrapper}', which was taken off.",) if wrapper else ()

    def load(loader: Any) -> tuple[Any, list[str], list[str]]:
        return _load(loader, files, real, name, config, device)

    loader = _loader(config, stored)
    loaded, missing, unexpected = load(loader)
    module, language_model = loaded, loaded if config.is_encoder_decoder else None
    if loader in HEADED:
        prefix = f"{loaded.base_model_prefix}."
        module = loaded.base_model
        if type(module).__name__ == MODEL_MAPPING_NAMES.get(config.model_type):
            language_model = loaded if all(key.startswith(prefix) for key in missing) else None
            if language_model is None:
                notes += ("Its file lacks the language-model head, so that it predicts nothing here.",)
            missing = [key.removeprefix(prefix) for key in missing if key.startswith(prefix)]
        else:  # its head is not around the model that is meant: go without
            module, missing, unexpected = load(transformers.AutoModel)
            loaded = module
    if reason := leftovers.why_ambiguous(stored, loaded):
        raise AttnvizError(f"{refused}{reason}.")
    missing = [key for key in missing if "pooler" not in key]
    if missing:
        others = f", and hold others, such as {in_one_line(sorted(unexpected)[0])}" if unexpected else ""
        raise AttnvizError(
            f"The weights of '{in_one_line(name)}' lack {len(missing)} tensors that a {config.model_type} model needs, "
            f"such as {in_one_line(sorted(missing)[0])}{others}: fetch the model again."
        )
    told, reason = leftovers.judge(unexpected, stored, loaded, module)
    if reason:
        raise AttnvizError(f"{refused}{reason}.")
    return module, language_model, notes + told


def _loader(config: Any, names: Collection[str]) -> Any:
    """transformers' class for a model with its language-model head, where it was saved with one.

    Where the configuration does not say so, the tensors of its files do, by their names.
    """
    if config.is_encoder_decoder:
        return transformers.AutoModelForSeq2SeqLM
    saved = config.architectures or []
    causal = transformers.AutoModelForCausalLM, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type)
    masked = transformers.AutoModelForMaskedLM, MODEL_FOR_MASKED_LM_MAPPING_NAMES.get(config.model_type)
    for loader, class_name in (causal, masked):
        if class_name in saved:
            return loader
    for loader, class_name in (causal, masked) if getattr(config, "is_decoder", False) else (masked, causal):
        if class_name is not None and _holds_head(loader, config, names):
            return loader
    return transformers.AutoModel


def _holds_head(loader: Any, config: Any, names: Collection[str]) -> bool:
    """Whether a file holds the tensors of a language-model head, or those of a model whose head is its embedding."""
    whole = _skeleton(loader, config)
    if whole is None:
        return False
    prefix = f"{whole.base_model_prefix}."
    head = {key for key in whole.state_dict() if not key.startswith(prefix)} - set(whole.all_tied_weights_keys)
    if head:
        return head <= {key.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
                        for key in names}  # fmt: skip
    return all(key.startswith(prefix) or key in whole.all_tied_weights_keys for key in names)


def _skeleton(loader: Any, config: Any) -> Any:
    """The model without its weights; None where it cannot be built, which is said when it is loaded."""
    try:
        with LOADING, torch.device("meta"):
            return loader.from_config(config)
    except Exception:
        return None


def _load(
    loader: Any, files: Sequence[Path], real: dict[str, str], name: str, config: Any, device: str
) -> tuple[Any, list[str], list[str]]:
    """A module ready to run, the names of the tensors that its files did not have, and of those that it did not need.

    `real`: every name in the files to the tensor's own.
    """
    try:
        with LOADING, ExitStack() as opened:
            with torch.device("meta"):
                model_class = type(loader.from_config(config))  # the auto class itself insists on a folder
            tensors: dict[str, Any] = {}
            for file in files:
                # a copy: mapped into memory, the weights would change with the file when it is trained on
                held = opened.enter_context(safe_open(file, framework="pt", backend="pread"))
                tensors |= {real[key]: held.get_slice(key) for key in held.keys()}  # noqa: SIM118
            module, report = model_class.from_pretrained(
                None, state_dict=tensors, config=config, dtype=torch.float32, output_loading_info=True
            )
        module = module.to(device)
    except BaseException as error:
        if not is_foreign(error):
            raise
        why = "its config.json is of another model" if "mismatched_sizes" in str(error) else in_one_line(error)
        message = f"The weights of '{in_one_line(name)}' cannot be read ({why}): fetch the model again."
        raise explain_out_of_memory(error) or AttnvizError(message) from error
    return module.eval().requires_grad_(False), list(report["missing_keys"]), list(report["unexpected_keys"])


def _token_limit(module: Any, tokenizer: Any) -> int | None:
    """The smallest of what the tokenizer, the configuration and a learned position table allow."""
    limits = [tokenizer.model_max_length]
    limits += [getattr(module.config, key, None) for key in ("max_position_embeddings", "n_positions")]
    for path, part in module.named_modules():
        if isinstance(part, torch.nn.Embedding) and "position" in path and part.padding_idx is not None:
            limits.append(part.num_embeddings - part.padding_idx - 1)  # RoBERTa counts positions from there
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < 10**9]
    return min(known, default=None)
