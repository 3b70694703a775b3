"""How a model writes, by its own files: which tokens begin and end its text, and what else they ask for.

attnviz writes greedily, always the likeliest token, so that what is written is the model's own answer. Settings that
would choose another token do not apply, and are told; a first token that is forced stays, because it names the task.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnviz.errors import in_one_line
from attnviz.models.sane_files import read_object

FILE = "generation_config.json"
# Settings that change which tokens are written, and the values with which they do not.
CHOOSING: dict[str, tuple[Any, ...]] = {
    "do_sample": (False,),
    "num_beams": (1,),
    "num_return_sequences": (1,),
    "penalty_alpha": (0,),
    "dola_layers": (),
    "assistant_early_exit": (),
    "prompt_lookup_num_tokens": (0,),
    "stop_strings": ([],),
    "suppress_tokens": ([],),
    "begin_suppress_tokens": ([],),
    "bad_words_ids": ([],),
    "force_words_ids": ([],),
    "constraints": ([],),
    "sequence_bias": ({}, []),
    "forced_decoder_ids": ([],),
    "repetition_penalty": (1,),
    "encoder_repetition_penalty": (1,),
    "no_repeat_ngram_size": (0,),
    "encoder_no_repeat_ngram_size": (0,),
    "exponential_decay_length_penalty": (),
    "min_length": (0,),
    "min_new_tokens": (0,),
    "guidance_scale": (1,),
    "watermarking_config": ({},),
    "token_healing": (False,),
}


@dataclass(frozen=True)
class Writing:
    """Token ids, None or empty where the model's files name none.

    `start`: what a decoder beside an encoder reads first. `first`: what it is made to write first, such as the
    language that it translates into. `ends`: each of them ends a text. `notes`: a sentence on what its files ask for
    and does not apply.
    """

    start: int | None = None
    first: int | None = None
    ends: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def read_writing(folder: Path, config: Any, settings: Mapping[str, Any]) -> Writing:
    """From the generation_config.json of a folder, and where it does not say it from the model's configuration.

    `settings`: all that its config.json holds. Raises AttnvizError where generation_config.json is not readable.
    """
    own = read_object(folder / FILE) if (folder / FILE).is_file() else {}

    def ids(*keys: str) -> tuple[int, ...]:
        for key in keys:
            for value in (own.get(key), *(getattr(one, key, None) for one in _sides(config))):
                found = value if isinstance(value, list | tuple) else [] if value is None else [value]
                if found:
                    return tuple(found)
        return ()

    two_sided = config.is_encoder_decoder
    start = ids("decoder_start_token_id", "bos_token_id") if two_sided else ()
    first = ids("forced_bos_token_id") if two_sided else ()
    return Writing(next(iter(start), None), next(iter(first), None), ids("eos_token_id"), _set_aside(own or settings))


def _sides(config: Any) -> list[Any]:
    """A configuration, and that of the decoder in it."""
    return [config, config.get_text_config(decoder=True)]


def _set_aside(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The sentence on the settings that do not apply, if there are any."""
    found = [
        f"{key} {in_one_line(value, 20)}"
        for key, neutral in CHOOSING.items()
        if (value := asked.get(key)) is not None and value not in neutral
    ]
    if not found:
        return ()
    return (f"It writes the likeliest token each time: what its files ask for ({', '.join(found)}) does not apply.",)
