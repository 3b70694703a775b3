"""What the decoder of an encoder-decoder reads: a text that is given, or the one that the model writes itself."""

from typing import Any

import torch

LONGEST = 64  # tokens that the model may write


def decoder_ids(
    model: Any, inputs: dict[str, list[int]], decoder_text: str | None, read_special: bool = False
) -> list[int]:
    """The decoder's input ids, its start token first and without the token that ends the text.

    `model` is a LoadedModel of an encoder-decoder; without a text its greedy output is taken.
    """
    end = model.module.generation_config.eos_token_id
    if decoder_text is None:
        device = next(model.module.parameters()).device
        tensors = {name: torch.tensor([values], device=device) for name, values in inputs.items()}
        longest = LONGEST if model.limit is None else min(LONGEST, model.limit - 1)
        ids = model.module.generate(**tensors, max_new_tokens=longest, do_sample=False, num_beams=1)[0].tolist()
        return ids[:-1] if len(ids) > 1 and ids[-1] == end else ids
    split = not read_special
    labels = model.tokenizer(text_target=decoder_text, split_special_tokens=split, verbose=False)["input_ids"]
    return model.module.prepare_decoder_input_ids_from_labels(labels=torch.tensor([labels]))[0].tolist()
