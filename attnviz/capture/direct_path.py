"""What a head's output says of tokens directly: through the residual stream into the unembedding, by no later layer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from attnviz.capture.interface import AttentionCall
from attnviz.capture.layers import observe
from attnviz.traces import Head


def direct_effects(language_model: Any, ids: np.ndarray, heads: Sequence[Head]) -> Mapping[Head, np.ndarray] | None:
    """For each head [batch, queries, keys]: by how much its output at a query raises the logit of the key's token.

    ids [batch, tokens], equally long texts. The logits with the head's output in the last residual stream, less those
    without it: final norm and unembedding are run on both, and no layer in between ("direct logit attribution",
    Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits", without their frozen norm).

    None where this says nothing: the model has no linear unembedding, its final norm cannot be found, or what
    attention gives is not added to the residual stream as it is. Raises Uncapturable and AttnvizError as `observe`.
    """
    module = language_model.base_model
    unembedding = language_model.get_output_embeddings()

    def keep(kind: str, index: int, call: AttentionCall) -> torch.Tensor | None:
        assert call.output is not None
        return call.output.clone() if any((head.kind, head.layer) == (kind, index) for head in heads) else None

    with _outermost(module) as called:
        seen = observe(module, {"input_ids": torch.tensor(ids, device=module.device)}, keep)
    last = getattr(seen.result, "last_hidden_state", None)
    if last is None or not isinstance(unembedding, torch.nn.Linear) or unembedding.in_features != last.shape[-1]:
        return None
    norms = [(part, given) for part, given, got in called if got.data_ptr() == last.data_ptr()]
    if len(norms) != 1:
        return None
    if any(head.layer not in seen.added or len(seen.projections[head.layer]) != 1 for head in heads):
        return None
    norm, stream = norms[0]
    tokens = unembedding.weight[torch.tensor(ids, device=last.device)]  # [batch, keys, d_model]
    found = {}
    with torch.no_grad():
        for head in heads:
            output = seen.kept[head.layer][:, :, head.head]
            weight = seen.projections[head.layer][0]
            part = output @ weight.reshape(-1, output.shape[-1], weight.shape[-1])[head.head]
            found[head] = ((norm(stream) - norm(stream - part)) @ tokens.mT).float().cpu().numpy()
    return found


@contextmanager
def _outermost(module: Any) -> Iterator[list[tuple[Any, torch.Tensor, torch.Tensor]]]:
    """Modules outside the layers that change what they are given, but linear ones: with that, and what they gave."""
    layered = tuple(name for name, part in module.named_modules() if isinstance(part, torch.nn.ModuleList))
    called: list[tuple[Any, torch.Tensor, torch.Tensor]] = []

    def ran(part: Any, given: tuple, got: Any) -> None:
        if given and all(isinstance(one, torch.Tensor) for one in (given[0], got)) and given[0].shape == got.shape:
            called.append((part, given[0], got))

    handles = [
        part.register_forward_hook(ran)
        for name, part in module.named_modules()
        if name
        and not any(name == of or name.startswith(f"{of}.") for of in layered)
        and not isinstance(part, (torch.nn.Linear, torch.nn.Dropout))
    ]
    try:
        yield called
    finally:
        for handle in handles:
            handle.remove()
