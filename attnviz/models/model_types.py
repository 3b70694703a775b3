"""What transformers calls each kind of model, and what such a model reads, without importing transformers: it would
bring torch, for which the table of models cannot wait.
"""

import ast
import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attnviz.errors import AttnvizError, in_one_line

READ_HERE = ("CAUSAL_LM", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM")
TEXT = re.compile(
    r"TEXT_TO|TEXT_ENCODING|MULTIMODAL|QUESTION_ANSWERING|SEQUENCE_CLASSIFICATION|TOKEN_CLASSIFICATION|MULTIPLE_CHOICE"
    r"|NEXT_SENTENCE|RETRIEVAL|ZERO_SHOT"
)
SENSES = {
    "images": re.compile(
        r"IMAGE|VIDEO|VISUAL|DOCUMENT|SEGMENTATION|OBJECT|DEPTH|KEYPOINT|BACKBONE|MASK_GENERATION|NORMAL|POINTMAP|POSE"
        r"|TEXT_RECOGNITION|TABLE_RECOGNITION"
    ),
    "sound": re.compile(r"AUDIO|SPEECH|CTC|RNNT|TDT"),
    "series of numbers": re.compile(r"TIME_SERIES|DECISION"),
}
PARTS = {  # of models of several senses, by how their types end
    "images": re.compile(r"_(vision|image|vit|video|sam)(_model|_encoder)?$|_vq(gan|model)$"),
    "sound": re.compile(r"_(audio|speech)(_model|_encoder)?$|_hifigan$|_tokenizer$"),
}
LISTENS = re.compile(r"CTC|RNNT|TDT|AUDIO")  # has a tokenizer for what it writes


@cache
def mappings() -> dict[str, frozenset[str]]:
    """The model types that transformers has a class for, by what the class is for, such as CAUSAL_LM; under CONFIG, all
    that it knows; under TOKENIZER, those with a tokenizer."""
    package = find_spec("transformers")
    if package is None or package.origin is None:
        raise AttnvizError("The package transformers is not installed: pip install -r requirements.txt.")
    auto = Path(package.origin).parent / "models" / "auto"
    found: dict[str, set[str]] = {}
    for file in ("auto_mappings.py", "configuration_auto.py", "modeling_auto.py", "tokenization_auto.py"):
        for statement in ast.parse((auto / file).read_text(encoding="utf-8")).body:
            first = next((node.id for node in ast.walk(statement) if isinstance(node, ast.Name)), "")
            if named := re.fullmatch(r"(?:MODEL_FOR_)?(\w+)_MAPPING_NAMES", first):
                found.setdefault(named[1], set()).update(_model_types(statement))
    return {name: frozenset(types) for name, types in found.items()}


@cache
def text_models() -> frozenset[str]:
    """The model types that attnviz reads text with: of causal, masked and sequence-to-sequence language models."""
    return frozenset().union(*(mappings()[name] for name in READ_HERE))


def check_model_type(config: dict[str, Any]) -> str:
    """The model type that a config.json names. Raises AttnvizError where attnviz cannot read with such a model; the
    message says what the model is."""
    named = config.get("model_type")
    if not isinstance(named, str) or not named:
        raise AttnvizError(
            f"Its config.json names no architecture (its model_type is {in_one_line(repr(named), 40)}): fetch the "
            "model again."
        )
    if named in text_models():
        return named
    if named not in mappings()["CONFIG"]:
        if "auto_map" in config:
            raise AttnvizError(
                "It needs Python code of its own, which is never run: pick a model built into transformers."
            )
        raise AttnvizError(
            f"It has the architecture '{in_one_line(named)}', unknown to transformers {version('transformers')}: pick "
            "another model, or a newer attnviz."
        )
    text, others = senses(named)
    if others and not text:
        raise AttnvizError(
            f"It is a {named} model, which does not read text but {' and '.join(others)}: pick a text model."
        )
    made_for = f" (it is made for {' and '.join([*others, 'text'])})" if others else ""
    raise AttnvizError(
        f"It is a {named} model, which attnviz does not read yet{made_for}: pick a model of an architecture in "
        "docs/architectures.md."
    )


def senses(model_type: str) -> tuple[bool, list[str]]:
    """Whether a kind of model reads text, as far as its classes in transformers tell, and what else it reads."""
    classes = [name for name, types in mappings().items() if model_type in types]
    others = [sense for sense, pattern in SENSES.items() if any(map(pattern.search, classes))]
    if any(map(TEXT.search, classes)) or {f"{model_type}_text", f"{model_type}_text_model"} & mappings()["CONFIG"]:
        return True, others
    if "TOKENIZER" in classes and not any(map(LISTENS.search, classes)):
        return True, others
    others = others or [sense for sense, pattern in PARTS.items() if pattern.search(model_type)]
    return not others, others


def _model_types(statement: ast.stmt) -> set[str]:
    """The keys of a mapping, written as pairs or as a dictionary."""
    keys = [node.elts[0] for node in ast.walk(statement) if isinstance(node, ast.Tuple) and len(node.elts) == 2]
    keys += [key for node in ast.walk(statement) if isinstance(node, ast.Dict) for key in node.keys if key]
    return {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
