"""What a config.json says of a model's size, held against what its weights hold, before anything is built from it."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models.weight_files import Stored

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers",
          "num_encoder_layers", "num_decoder_layers")  # fmt: skip
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads", "decoder_attention_heads",
         "num_key_value_heads", "num_kv_heads")  # fmt: skip
WIDTHS = ("hidden_size", "n_embd", "d_model", "dim", "emb_dim")
VOCABULARIES = ("vocab_size", "src_vocab_size", "tgt_vocab_size")
POSITIONS = ("max_position_embeddings", "n_positions")
SIZES = (*LAYERS, *HEADS, *WIDTHS, *VOCABULARIES, *POSITIONS, "head_dim", "intermediate_size", "n_inner", "d_ff",
         "ffn_dim", "type_vocab_size")  # fmt: skip
NEVER_NONE = {"num_hidden_layers", "n_layer", "n_layers", "num_layers", *HEADS[:6], *WIDTHS, "vocab_size"}
REPEATED = re.compile(r"layers?$|blocks?$|block_sizes$|experts|heads?$|attention_types$")
WIDE = re.compile(r"(^|_)(dims?|size|width|rank)$|^d_\w+$|^n_(embd|inner)$")
RUN_AGAIN = re.compile(r"groups$|per_stack$|cycles$|loops?$")  # the same layers several times
TABLE = re.compile(r"(^|[._])(wpe|pos\w*_embed\w*|embed_pos\w*|position\w*)\.weight$")
ENDLESS = re.compile(r"eps(ilon)?$|theta$")
MOST_REPEATED, WIDEST, MOST_LABELS = 1000, 10**7, 10**6  # where weights tell nothing
MOST_POSITIONS, MOST_ROTATED = 2**19, 2**24  # of a table that is made when the model is; of rotary positions
OF_TOKENS = ("eos_token_id", "bos_token_id", "pad_token_id", "decoder_start_token_id")


def check_kinds(config: Mapping[str, Any], file: str = "config.json") -> None:
    """Raises AttnvizError for a setting of a file that is of another kind than its name says, or no number that can be
    used."""
    classes = config.get("architectures")
    if classes is not None and not (isinstance(classes, str | list) and all(isinstance(one, str) for one in classes)):
        _refuse("architectures", classes, "not a list of class names", file)
    for name, value in _settings(config):
        if name in OF_TOKENS and not _is_tokens(value):
            _refuse(name, value, "neither a token id nor a list of them", file)
        if isinstance(value, float) and (math.isnan(value) or (math.isinf(value) and ENDLESS.search(name))):
            _refuse(name, value, "no number to compute with", file)
        if name in SIZES and value is not None:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, bool) or not isinstance(one, int | float) or one != one // 1:
                    _refuse(name, value, "not a whole number", file)
                if one < 0 or (one == 0 and name in NEVER_NONE):
                    _refuse(name, value, f"less than {int(name in NEVER_NONE)}", file)


def check_sizes(config: Mapping[str, Any], tensors: Mapping[str, Stored]) -> None:
    """Raises AttnvizError where a config.json describes another model than its weights are of, by their names and
    shapes, or one that is too large to try. `check_kinds` comes before."""
    sides = {side for tensor in tensors.values() for side in tensor.shape} or {0}
    longest, n_layers = max(sides), _n_layers(tensors)
    for name, value in _settings(config):
        largest = max(_whole_numbers(value), default=0)
        if REPEATED.search(name) and largest > max(MOST_REPEATED, len(tensors), longest):
            _refuse(name, largest, f"and its weights are {len(tensors):,} tensors, of which none is that long")
        if WIDE.search(name) and largest > max(WIDEST, 16 * longest):
            _refuse(name, largest, f"and no side of its weights is longer than {longest:,}")
    labels = config.get("num_labels")
    if isinstance(labels, int) and labels > MOST_LABELS:
        _refuse("num_labels", labels, "more than any model tells apart")
    for name in () if any(map(RUN_AGAIN.search, config)) else LAYERS:
        if n_layers > 1 and isinstance(config.get(name), int) and config[name] > n_layers:
            _refuse(name, config[name], f"and its weights hold {n_layers:,} layers")
    width = next((name for name in WIDTHS if isinstance(config.get(name), int)), None)
    if width is not None and config[width] not in sides:
        _refuse(width, config[width], "and none of its weights has a side of that width")
    for name in VOCABULARIES:
        if isinstance(config.get(name), int) and config[name] > longest:
            _refuse(name, config[name], f"and no side of its weights is longer than {longest:,}")
    _check_positions(config, tensors)


def _check_positions(config: Mapping[str, Any], tensors: Mapping[str, Stored]) -> None:
    tables = [tensor.shape[0] for path, tensor in tensors.items() if TABLE.search(path) and len(tensor.shape) == 2]
    rotated = any(re.search("rope|rotary", name) for name in config)
    most = 1000 + max(tables) if tables else MOST_ROTATED if rotated else MOST_POSITIONS
    for name in POSITIONS:
        if isinstance(config.get(name), int) and config[name] > most:
            rows = f"and its table of positions has {max(tables):,}" if tables else "more than any model reads"
            _refuse(name, config[name], rows)


def _n_layers(tensors: Mapping[str, Stored]) -> int:
    """How many layers the longest list of them has, by the first number in the tensors' names; 0 without one."""
    numbered = (re.search(r"\.(\d{1,6})\.", f".{name}") for name in tensors)
    return max((int(found[1]) + 1 for found in numbered if found), default=0)


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every setting by its name, those of the parts of a model too."""
    for name, value in config.items():
        yield name, value
        if isinstance(value, dict) and not name.startswith("id2label"):
            yield from _settings(value)


def _whole_numbers(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        for one in value:
            yield from _whole_numbers(one)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value


def _is_tokens(value: Any) -> bool:
    return value is None or all(
        isinstance(one, int) and not isinstance(one, bool) for one in (value if isinstance(value, list) else [value])
    )


def _refuse(name: str, value: Any, why: str, file: str = "config.json") -> None:
    said = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)
    raise AttnvizError(
        f"By its {file} {in_one_line(name, 40)} is {in_one_line(said, 40)}, {why}: fetch the model's own {file} again."
    )
