"""Folders that hold a LoRA adapter (PEFT) and not a whole model: what they say, and whether it can be merged here."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models.sane_files import check_file, read_object

SETTINGS, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PICKLED = "adapter_model.bin"
READ_BEFORE_THE_TEXT = {
    "PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "CPT", "ADAPTION_PROMPT",
}  # fmt: skip
# What LoRA's settings may say: the first change nothing in the merged weights, the others are what is merged.
HARMLESS = {
    "peft_type", "peft_version", "auto_mapping", "base_model_name_or_path", "revision", "task_type", "inference_mode",
    "target_modules", "exclude_modules", "lora_dropout", "layers_to_transform", "layers_pattern", "megatron_core",
    "loftq_config", "eva_config", "qalora_group_size", "runtime_config", "velora_config",
}  # fmt: skip
MERGED = {
    "r", "lora_alpha", "fan_in_fan_out", "bias", "lora_bias", "use_rslora", "use_dora", "modules_to_save",
    "rank_pattern", "alpha_pattern", "init_lora_weights",
}  # fmt: skip
UNCHANGED_AT_THE_START = (True, False, None, "gaussian", "eva", "orthogonal")


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, alone or beside a model."""
    return os.path.lexists(folder / SETTINGS) or os.path.lexists(folder / WEIGHTS)


def read_settings(folder: Path) -> dict[str, Any]:
    """What an adapter's folder says of it.

    Raises AttnvizError where a part of it is missing or damaged, or where it cannot be merged here; the message names
    the model that it is for.
    """
    if not os.path.lexists(folder / SETTINGS):
        raise AttnvizError(
            f"It holds an adapter without its {SETTINGS}, so nothing says which model it is for: fetch the adapter "
            "again, or take it away if it is merged already."
        )
    settings = read_object(folder / SETTINGS)
    kind, base = settings.get("peft_type"), base_of(settings)
    said = f"It is {in_one_line(kind, 30)}, an adapter for {in_one_line(base)}"
    if kind in READ_BEFORE_THE_TEXT:
        raise AttnvizError(
            f"{said}, and is read before the text, so there are no weights to merge: open {in_one_line(base)} itself."
        )
    if kind != "LORA":
        raise AttnvizError(f"{said}, and only LoRA is merged here: merge it with peft and open what that saves.")
    if not os.path.lexists(folder / WEIGHTS):
        pickled = f": its {PICKLED} is a pickle, which is never opened" if (folder / PICKLED).exists() else ""
        raise AttnvizError(
            f"It is a LoRA adapter for {in_one_line(base)} without its {WEIGHTS}{pickled}: save it again with peft."
        )
    check_file(folder / WEIGHTS)
    _check_kinds(settings)
    unknown = [key for key, value in settings.items() if value and key not in HARMLESS | MERGED]
    started = settings.get("init_lora_weights", True)
    if started not in UNCHANGED_AT_THE_START:
        unknown = [f"init_lora_weights={in_one_line(started, 30)}"]
    if unknown:
        raise AttnvizError(
            f"It is a LoRA adapter for {in_one_line(base)} with {in_one_line(unknown[0], 60)}, which is not merged "
            "here: merge it with peft and open what that saves."
        )
    return settings


def base_of(settings: Mapping[str, Any]) -> str:
    """The name or path of the model that an adapter is for. Raises AttnvizError where it names none."""
    base = settings.get("base_model_name_or_path")
    if not isinstance(base, str) or not base.strip() or not base.isprintable():
        raise AttnvizError(
            f"It is an adapter, and its {SETTINGS} does not name the model that it is for: write that model's folder "
            "into base_model_name_or_path."
        )
    return base


def _check_kinds(settings: Mapping[str, Any]) -> None:
    """Raises AttnvizError for a setting of LoRA that is of another kind than its name says."""
    positive = [settings.get("r", 8), settings.get("lora_alpha", 8)]
    patterns = [settings.get(key) or {} for key in ("rank_pattern", "alpha_pattern")]
    for one in patterns:
        positive += one.values() if isinstance(one, dict) else [None]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and 0 < one < 1e9 for one in positive):
        raise AttnvizError(f"Its {SETTINGS} says ranks or alphas that are no numbers above 0: fetch the adapter again.")
