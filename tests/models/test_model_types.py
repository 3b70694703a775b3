"""What transformers knows is read from its source, without its import: it must be what its import would say."""

from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from attnviz.models.model_types import mappings, senses, text_models


def test_the_model_types_are_those_of_transformers():
    """A model that could be opened would be refused as unknown, or the other way round."""
    assert mappings()["CONFIG"] == set(CONFIG_MAPPING_NAMES)
    assert text_models() == {
        *MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        *MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        *MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    }


def test_no_model_with_a_text_part_is_said_to_read_none():
    """By names, which these rules do not all look at: a model of text, or with a part for it, reads text."""
    silent = [one for one in mappings()["CONFIG"] - text_models() if not senses(one)[0]]
    assert len(silent) > 200
    assert not [one for one in silent if "text" in one.split("_") and "_to_text" not in one]
    assert not [one for one in silent if f"{one}_text" in mappings()["CONFIG"]]
