"""Which model this is, by what it holds: the same weights, configuration and tokenizer, wherever they lie."""

import hashlib
import json
from itertools import chain

import torch

from attnviz.models.loading import LoadedModel

UNIMPORTANT = (
    "_",
    "attn_implementation",
    "transformers_version",
    "dtype",
    "use_cache",
)  # settings that change no weight


def fingerprint(model: LoadedModel) -> str:
    """A hash of the weights, the configuration and the tokenizer; about a second for each gigabyte of weights."""
    module = model.module if model.language_model is None else model.language_model
    found = hashlib.blake2b(digest_size=16)
    settings = {name: value for name, value in module.config.to_dict().items() if not name.startswith(UNIMPORTANT)}
    found.update(json.dumps(settings, sort_keys=True, default=str).encode())
    spelling = json.loads(model.tokenizer.backend_tokenizer.to_str())
    spelling |= {"truncation": None, "padding": None}  # what the last call asked for
    found.update(json.dumps(spelling, sort_keys=True).encode())
    for name, tensor in chain(module.named_parameters(), module.named_buffers()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
