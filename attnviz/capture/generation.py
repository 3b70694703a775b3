"""What a model writes itself, greedily: the text of an encoder-decoder's decoder, or what follows a decoder's text."""

from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation.streamers import BaseStreamer

from attnviz.capture.layers import Progress, changes_of
from attnviz.errors import AttnvizError, explained
from attnviz.models.loading import LoadedModel, explain_out_of_memory
from attnviz.models.text import check_plain, encode

CACHE_DIFFERS = {"moshi"}  # with a cache, transformers forgets a token of its window too early
LONGEST = 64  # tokens that an encoder-decoder may write


def most_written(model: LoadedModel, decoder_text: str | None, write: int) -> int:
    """How many tokens a model writes at most, with `decoder_text` and `write` as in `attnviz.trace`."""
    if not model.module.config.is_encoder_decoder:
        return write
    if decoder_text is not None:
        return 0
    return LONGEST if model.limit is None else min(LONGEST, model.limit - 1)


def decoder_ids(
    model: LoadedModel,
    inputs: dict[str, list[int]],
    decoder_text: str | None,
    read_special: bool = False,
    progress: Progress | None = None,
) -> list[int]:
    """The input ids of an encoder-decoder's decoder, its start token first and without the token that ends the text.

    Without a text its greedy output is taken; `progress(tokens done)` is called after each, and what it raises ends it.
    Raises AttnvizError for a text that it cannot read.
    """
    if decoder_text is None:
        _start_of(model)
        return _greedy(model, model.module, inputs, most_written(model, None, 0), model.writing.ends, progress)
    options = {"split_special_tokens": not read_special, "return_special_tokens_mask": True, "verbose": False}
    encoding = encode(model.tokenizer, text_target=decoder_text, **options)
    ids, added = list(encoding["input_ids"]), list(encoding["special_tokens_mask"])
    if not read_special:
        check_plain(model.tokenizer, ids, added)
    ends = {*model.writing.ends, model.tokenizer.eos_token_id, model.tokenizer.sep_token_id}
    last = None  # of what the tokenizer added behind the text
    while ids and added[len(ids) - 1] and (ids[-1] in ends or last is None):
        last = last if ids[-1] in ends else ids[-1]
        ids.pop()
    start = _start_of(model) if last is None else last  # some end in their language, which stands first for the decoder
    return [start, *ids]


def written_ids(
    model: LoadedModel, inputs: dict[str, list[int]], n_tokens: int, progress: Progress | None = None
) -> list[int]:
    """The ids of the tokens that a decoder writes after a text, at most `n_tokens`, without the one that ends it.

    A start token ends it too: what follows that is another text. `progress(tokens done)` is called after each, and what
    it raises ends the writing.

    Raises AttnvizError for a model that cannot write, or not so much.
    """
    if model.module.config.is_encoder_decoder:
        raise AttnvizError(f"{model.name} writes on its decoder's side, without being asked: leave `write` out.")
    if model.language_model is None or not model.language_model.can_generate():
        raise AttnvizError(f"{model.name} cannot write: pick a decoder with a language-model head, or leave it out.")
    n_read = len(inputs["input_ids"])
    if model.limit is not None and n_read + n_tokens > model.limit:
        raise AttnvizError(
            f"The text has {n_read:,} tokens, and with {n_tokens:,} written after them this model would read more than "
            f"its {model.limit:,}: let it write at most {model.limit - n_read:,}."
        )
    given: dict[str, list[int]] = {name: inputs[name] for name in ("input_ids", "attention_mask") if name in inputs}
    start = model.tokenizer.bos_token_id
    ends = model.writing.ends + (() if start is None else (start,))
    return _greedy(model, model.language_model, given, n_tokens, ends, progress)[n_read:]


class _Told(BaseStreamer):
    """Counts the tokens that `generate` writes; the first that it is handed are those that were read."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.done = progress, -1

    def put(self, value: torch.Tensor) -> None:
        self.done += 1
        if self.done:
            self.progress(self.done)

    def end(self) -> None:
        pass


def _start_of(model: LoadedModel) -> int:
    if model.writing.start is None:
        raise AttnvizError(
            f"Nothing in the files of {model.name} names the token that its decoder starts with: write its id into "
            "config.json as decoder_start_token_id."
        )
    return model.writing.start


def _greedy(
    model: LoadedModel,
    module: Any,
    inputs: dict[str, list[int]],
    n_tokens: int,
    ends: tuple[int, ...],
    progress: Progress | None,
) -> list[int]:
    """The likeliest token each time, without the end token that it stopped at; nothing that the model's own settings
    ask for applies, but the first token that names its task. Raises AttnvizError inside an intervention."""
    if changes_of(module):
        raise AttnvizError(
            "A model whose heads are replaced does not write: give its decoder's text, or write nothing."
        )
    tensors = {name: torch.tensor([values], device=module.device) for name, values in inputs.items()}
    asked = GenerationConfig(
        max_new_tokens=n_tokens,
        do_sample=False,
        num_beams=1,
        eos_token_id=list(ends) or None,
        pad_token_id=ends[0] if ends else 0,  # of one text, none is padded
        decoder_start_token_id=model.writing.start,
        forced_bos_token_id=model.writing.first,
        use_cache=model.architecture not in CACHE_DIFFERS,
    )
    told = {} if progress is None else {"streamer": _Told(progress)}
    with explained(f"{model.name} cannot write after this text", "take another text, or another model"):
        try:
            ids = module.generate(**tensors, generation_config=asked, **told)[0].tolist()
        except (RuntimeError, MemoryError) as error:
            raise explain_out_of_memory(error) or error from error
    return ids[:-1] if len(ids) > 1 and ids[-1] in ends else ids
