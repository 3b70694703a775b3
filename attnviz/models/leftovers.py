"""Tensors of a model's file that transformers had no place for: harmless, worth a word, or a sign of another model.

transformers leaves them out and says nothing, and a map of what is left can look like any other. So one that belongs to
a layer, to attention or to the way through the model is a reason to refuse; a head for another task is not, since no
attention goes through it.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from attnviz.errors import in_one_line
from attnviz.models.weight_files import Stored, count, is_causal_mask

WRAPPERS = ("module.", "_orig_mod.", "base_model.model.", "_forward_module.", "_fsdp_wrapped_module.")
_WRAPPED = re.compile(r"(^|\.)(module|_orig_mod|base_model\.model|_forward_module|_fsdp_wrapped_module)\.")
_SCALES = re.compile(r"(scales?|scale_inv|SCB|zeros?|zero_points?|qweight|g_idx|absmax|quant_map|quant_state\.\w+)$")
# What models keep beside their weights, and compute themselves.
_COMPUTED = re.compile(
    r"(^|\.)(position_ids|token_type_ids|inv_freq|original_inv_freq|(cos|sin)_cached|masked_bias|causal_mask"
    r"|relative_position_index|_float_tensor|version|num_batches_tracked)$"
)
_HEADS = re.compile(
    r"cls|score|\w*pooler\w*|\w*heads?|\w*head_\w+|\w*classifiers?|\w*predictions?|qa_outputs|vocab_\w+|seq_relationship"
    r"|sequence_summary|logits_proj|pred_layer|proj_out|\w*_logits|answer_class|crf|reward\w*|final_logits_bias"
)
_TOWERS = re.compile(
    r"\w*(vision|visual|image|audio|speech|video)\w*|\w*_projector|mtp\w*|talker|token2wav|code2wav|nextn\w*"
)
_AHEAD = re.compile(r"\.(eh_proj|enorm|hnorm|shared_head)\.")  # the layer that guesses the token after the next
_ATTENTION = re.compile(r"attn|attention|(^|[._])(q|k|v|o|qkv|kv|query|key|value)(_?proj)?[._]", re.IGNORECASE)
_IN_A_STACK = re.compile(r"\.\d+\.")


def unwrapped(names: Collection[str], model: Any) -> tuple[dict[str, str], str]:
    """Every name in a file to the tensor's real name, and the wrapper's name that stood before all of them, or ''.

    `model`: the transformers module without a head, for its own names; None where there is none.
    """
    wrapper = ""
    while names and (found := _wrapper({name.removeprefix(wrapper) for name in names}, model)):
        wrapper += found
    return {name: name.removeprefix(wrapper) for name in names}, wrapper


def _wrapper(names: set[str], model: Any) -> str:
    """A known wrapper's name before all names; or any other, if the model knows none of them with it, but without."""
    known = next((one for one in WRAPPERS if all(name.startswith(one) for name in names)), "")
    if known or model is None:
        return known
    places = set(model.state_dict())
    places |= {f"{model.base_model_prefix}.{place}" for place in places}
    first, *others = [name.split(".")[:-1] for name in names]
    steps = [step for n, step in enumerate(first) if all(first[: n + 1] == other[: n + 1] for other in others)]
    before = [".".join(steps[:n]) + "." for n in range(1, len(steps) + 1)]
    fitting = (one for one in before if places & {name.removeprefix(one) for name in names})
    return "" if names & places else next(fitting, "")


def why_ambiguous(names: Collection[str], model: Any) -> str | None:
    """Why the names of a file do not say which tensors are meant; None where they do.

    `names` without the wrapper's name that stands before all of them; `model`, a transformers module, for its own.
    """
    wrapped = [name for name in names if _WRAPPED.search(name)]
    if wrapped:
        return (
            f"{len(wrapped):,} of its {count(names, 'tensor')} stand under a wrapper's name and the others do not, such"
            f" as {in_one_line(wrapped[0])}: save the model again without what it was wrapped in"
        )
    prefix, places = f"{model.base_model_prefix}.", set(model.state_dict())
    twice = [name for name in names if f"{prefix}{name}" in names and not {name, f"{prefix}{name}"} <= places]
    if twice:
        return (
            f"{count(twice, 'tensor')} of its file stand there twice, with and without '{prefix}' before their names, "
            f"such as {in_one_line(twice[0])}: save the model again with one of the two"
        )
    return None


def judge(
    unexpected: Collection[str], tensors: Mapping[str, Stored], module: Any, base: Any
) -> tuple[tuple[str, ...], str | None]:
    """What to tell of the tensors without a place, and why the model must be refused because of them, or None.

    `unexpected`: transformers' names of them; `tensors`: all that the file holds; `module`: what was loaded; `base`:
    the part of it without a head, or itself.
    """
    within = next(path for path, part in module.named_modules() if part is base)
    prefix = f"{base.base_model_prefix}."
    prefixed = any(name.startswith(prefix) for name in tensors)
    ahead = {name[: found.start()] + "." for name in unexpected if (found := _AHEAD.search(name))}
    unused: dict[str, int] = {}
    foreign = []
    for stored in sorted(unexpected):
        name = _further(module, stored, stored.removeprefix(prefix) if prefixed else prefix + stored)
        path, part = _deepest(module, name)
        last = name.rpartition(".")[2]
        mask = is_causal_mask(last, tensors[stored].shape) if stored in tensors else False
        if mask or _COMPUTED.search(name) or last in dict(part.named_buffers(recurse=False)):
            continue
        head = _head(name, path, within, prefixed, prefix)
        if stored.startswith(tuple(ahead)):
            head = "a layer that guesses further ahead"
        if head is None or _SCALES.search(name):
            foreign.append(name)
        else:
            unused[head] = unused.get(head, 0) + 1
    notes = tuple(
        f"Its file also holds {in_one_line(head, 40)} ({n:,} tensor{'s' * (n != 1)}), which is not used here: no "
        "attention goes through it."
        for head, n in unused.items()
    )
    return notes, _why_refused(foreign, module) if foreign else None


def _head(name: str, path: str, within: str, prefixed: bool, prefix: str) -> str | None:
    """The name of the head, pooler or tower that a tensor is of; None for one of the model itself.

    `path` is how far its name leads into what was loaded, `within` where the base model is in that; `prefixed`, whether
    names of the file start with `prefix`, the base model's own.
    """
    rest = name.removeprefix(f"{path}.") if path else name
    first, dot, _ = rest.removeprefix(prefix).partition(".")
    if path not in ("", within):  # inside a part that is there
        top = path.partition(".")[0]
        outside = (within and not path.startswith(f"{within}.")) or _HEADS.fullmatch(top)
        beside = _HEADS.fullmatch(first) and not _IN_A_STACK.search(f"{path}.")
        return (path if outside else first) if dot and (outside or beside) else None
    own = path == within != "" or name.startswith(prefix) or not prefixed
    if _HEADS.fullmatch(first) or _TOWERS.fullmatch(first):
        return first
    return None if own or _ATTENTION.search(rest) or _IN_A_STACK.search(rest) else first


def is_head(path: str, module: Any) -> bool:
    """Whether a part of a model, by its path, is a head or pooler, which no attention goes through."""
    return _HEADS.fullmatch(path.removeprefix(f"{module.base_model_prefix}.").partition(".")[0]) is not None


def _further(module: Any, name: str, other: str) -> str:
    """Which of two names of a tensor leads further into a module."""
    return other if len(_deepest(module, other)[0]) > len(_deepest(module, name)[0]) else name


def _deepest(module: Any, name: str) -> tuple[str, Any]:
    """How far the name of a tensor leads into a module: the path of the last part that is there, and that part."""
    path: list[str] = []
    for step in name.split(".")[:-1]:
        if step not in dict(module.named_children()):
            break
        module = module.get_submodule(step)
        path.append(step)
    return ".".join(path), module


def _why_refused(foreign: list[str], module: Any) -> str:
    held, such = count(foreign, "tensor"), f"such as {in_one_line(foreign[0])}"
    if any(_SCALES.search(name) for name in foreign):
        scale = next(name for name in foreign if _SCALES.search(name))
        return (
            f"its file holds scales of quantised weights that are not applied here, such as {in_one_line(scale)}: take "
            "the unquantised model"
        )
    layers = [name for name in foreign if _is_further_layer(module, name)]
    if layers:
        return (
            f"its file holds layers that its config.json leaves out, such as {in_one_line(layers[0])}: put the "
            "config.json beside it that these weights were saved with"
        )
    return (
        f"its file holds {held} that a {module.config.model_type} model of its config.json has no place for, {such}: "
        "put the config.json beside it that these weights were saved with"
    )


def _is_further_layer(module: Any, name: str) -> bool:
    """Whether a tensor's name leads to a list of layers, and on to one that is not in it."""
    path, part = _deepest(module, name)
    after = name.removeprefix(f"{path}.").partition(".")[0]
    return after.isdigit() and len(part._modules) > 0 and all(step.isdigit() for step in part._modules)
