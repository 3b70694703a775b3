"""A tiny random model of every text architecture that transformers has, built offline from its configuration class.

The configuration's own defaults are shrunk by the names of their fields, sub-configurations included, and the weights
are drawn wide enough for attention to be peaked: under a flat softmax a wrong scale or mask hardly shows.
"""

from typing import Any

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
)

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models.model_types import text_models

VOCABULARY = 100
LARGEST = 10_000_000  # parameters; more than this means that a field was not shrunk
WEIGHT_STD = 0.3
LAYERS = 2
ORDINARY_IDS = (10, 60)  # no special token of any architecture is among them
TOKENS, PADDING, DECODER_TOKENS = 24, 5, 12

_FIELDS_BY_SIZE = {
    0: "num_kv_shared_layers num_nextn_predict_layers",
    1: "num_self_attends_per_block",
    LAYERS: """num_hidden_layers num_layers n_layer n_layers encoder_layers decoder_layers num_decoder_layers
        num_encoder_layers num_experts_per_tok num_experts_per_token moe_k moe_topk num_key_value_heads num_kv_heads
        max_window_layers depth n_group topk_group""",
    4: """num_attention_heads num_heads n_head n_heads encoder_attention_heads decoder_attention_heads
        num_encoder_attention_heads num_decoder_attention_heads attention_heads num_experts n_routed_experts
        num_local_experts moe_num_experts zero_expert_num num_latents""",
    8: """head_dim d_kv d_head dim_head qk_rope_head_dim qk_nope_head_dim v_head_dim rotary_dim sliding_window
        attention_head_size kv_channels window_size global_head_dim""",
    16: "q_lora_rank kv_lora_rank qk_head_dim",
    32: "hidden_size d_model n_embd dim emb_dim embedding_size word_embed_proj_dim out_hidden_size d_latents lru_width",
    64: """intermediate_size encoder_ffn_dim decoder_ffn_dim ffn_dim d_ff dff dim_ff d_inner hidden_dim
        moe_intermediate_size shared_expert_intermediate_size ffn_hidden_size feed_forward_size
        expert_ffn_hidden_size""",
    128: "max_position_embeddings n_positions n_ctx max_source_positions max_target_positions max_seq_len",
    VOCABULARY: """vocab_size src_vocab_size tgt_vocab_size decoder_vocab_size entity_vocab_size
        encoder_hash_byte_group_vocab vocab_size_per_layer_input pronunciation_vocab_size shape_vocab_size""",
}
SMALL = {field: size for size, fields in _FIELDS_BY_SIZE.items() for field in fields.split()}
# What models take for granted, though some default configurations leave it out.
NEVER_NONE = {"head_dim", "num_key_value_heads", "n_routed_experts", "num_experts_per_tok", "vocab_size"}

_QWEN4_INDEXER = {"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 8, "indexer_budget": 8,
                  "indexer_compress_ratio": 2}  # fmt: skip
# What the rules above leave too large, inconsistent, or without the attention that the architecture is known for.
OVERRIDES: dict[str, dict[str, Any]] = {
    "bamba": {"mamba_n_heads": 8, "mamba_d_head": 8, "attn_layer_indices": [1]},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
    "dbrx": {"attn_config": {"rope_theta": 10000.0, "kv_n_heads": 2, "clip_qkv": 8.0}},
    "deberta": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
    "dots1": {"n_shared_experts": 1},
    "dots3_note_text": {
        "swa_num_attention_heads": 4, "swa_num_key_value_heads": 4, "swa_q_lora_rank": 16, "swa_kv_lora_rank": 16,
        "swa_head_dim": 16, "swa_qk_nope_head_dim": 8, "swa_v_head_dim": 8,
    },
    "esm": {"pad_token_id": 1},
    "funnel": {"block_sizes": [1, 1], "num_decoder_layers": 1},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": {"mamba_n_heads": 8, "mamba_d_head": 8, "layer_types": ["mamba", "attention"]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8},
    "mobilebert": {"normalization_type": "layer_norm"},  # without it softmax saturates
    "musicgen": {"decoder": {"num_codebooks": 1}},
    "musicgen_melody": {"decoder": {"num_codebooks": 1}},
    "neomme": {"head_dim": 16},
    "qwen4_exp": {"text_config": _QWEN4_INDEXER},
    "qwen4_exp_text": _QWEN4_INDEXER,
    "recurrent_gemma": {"num_hidden_layers": 3},
    "reformer": {"is_decoder": True, "axial_pos_shape": [8, 16], "axial_pos_embds_dim": [16, 16]},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"layers_block_type": ["linear_attention", "hybrid", "hybrid"], "num_hidden_layers": 3},
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"]},
}  # fmt: skip


def architectures() -> list[str]:
    """The model types of transformers' causal, masked and sequence-to-sequence language models, sorted."""
    return sorted(text_models())


def build(architecture: str) -> Any:
    """A tiny random model in evaluation mode, the same every time.

    Raises AttnvizError where none can be built; the message is the reason.
    """
    try:
        config, model_class = _described(architecture)
        with torch.device("meta"):
            size = sum(parameter.numel() for parameter in model_class(config).parameters())
        if size > LARGEST:
            raise AttnvizError(f"Made small, its configuration still describes a model of {size:,} parameters.")
        torch.manual_seed(0)
        module = model_class(config)
    except AttnvizError:
        raise
    except Exception as error:  # configurations and models raise all kinds
        raise AttnvizError(f"No tiny model can be built: {in_one_line(error.__cause__ or error)}.") from error
    _draw_weights(module)
    module.config.use_cache = False
    return module.eval().requires_grad_(False)


def batch(module: Any, *, padded: bool) -> dict[str, torch.Tensor]:
    """Two random texts [2, TOKENS] as a model of the zoo reads them; `padded` puts padding left of the second."""
    generator = torch.Generator().manual_seed(1)

    def ids(n_tokens: int) -> torch.Tensor:
        return torch.randint(*ORDINARY_IDS, (2, n_tokens), generator=generator)

    mask = torch.ones(2, TOKENS, dtype=torch.long)
    if padded:
        mask[1, :PADDING] = 0
    inputs = {"input_ids": ids(TOKENS), "attention_mask": mask}
    if module.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids(DECODER_TOKENS)
    return inputs


def _described(architecture: str) -> tuple[Any, Any]:
    """A small configuration, and the class of the language model that it describes."""
    config_class: Any = CONFIG_MAPPING[architecture]
    config = config_class(**_merged(_shrunk(config_class()), OVERRIDES.get(architecture, {})))
    for mapping in (MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING):
        if type(config) in mapping:
            found = mapping[type(config)]
            model_class: Any = found[0] if isinstance(found, tuple) else found
            fits = isinstance(config, model_class.config_class)
            return config if fits else config.get_text_config(decoder=True), model_class
    raise AttnvizError("transformers has no language model for its configuration.")


def _merged(fields: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Overrides reach into sub-configurations."""
    nested = {
        name: _merged(fields.get(name, {}), value) for name, value in overrides.items() if isinstance(value, dict)
    }
    return fields | overrides | nested


def _shrunk(config: Any) -> dict[str, Any]:
    """What to change in a configuration to make it small."""
    small: dict[str, Any] = {}
    for field, value in vars(config).items():
        if isinstance(value, transformers.PreTrainedConfig):
            small[field] = {"model_type": value.model_type} | _shrunk(value)
        elif value is None and field in NEVER_NONE:
            small[field] = SMALL[field]
        elif isinstance(value, int) and not isinstance(value, bool):
            if field in SMALL:
                small[field] = min(value, SMALL[field]) if value > 0 else value
            elif field.endswith(("token_id", "token_index")) and value >= VOCABULARY:
                small[field] = VOCABULARY - 1
        elif field == "layer_types" and isinstance(value, (list, tuple)):
            kinds = list(dict.fromkeys(value))
            small[field] = (kinds * LAYERS)[: max(LAYERS, len(kinds))]
    if "layer_types" in small:
        small["num_hidden_layers"] = len(small["layer_types"])
    if vars(config).get("num_key_value_heads") == vars(config).get("num_attention_heads", 0):
        small["num_key_value_heads"] = SMALL["num_attention_heads"]
    return small


def _draw_weights(module: Any) -> None:
    """Matrices at random, and whatever starts at zero, such as biases and sinks; other factors stay as they start."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        if parameter.ndim > 1 or not parameter.any():
            torch.nn.init.normal_(parameter.data, std=WEIGHT_STD, generator=generator)
