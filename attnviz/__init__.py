"""attnviz: what attention does, from a three-word toy to every head of a real model, and proof of it.

The public names are loaded when they are first used, so that `import attnviz` imports no torch.
"""

import importlib
import os

from attnviz import former_names

# Must be set before torch is imported: idle OpenMP threads that spin make small forward passes many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

former_names.install()

_PUBLIC = {
    "attention": "attnviz.core.attention",
    "dot_product_attention": "attnviz.core.attention",
    "softmax": "attnviz.core.attention",
    "load_model": "attnviz.models.loading",
    "trace": "attnviz.capture.tracing",
    "trace_ids": "attnviz.capture.tracing",
    "mean_outputs": "attnviz.capture.mean_outputs",
    "Head": "attnviz.traces",
    "load_weights": "attnviz.files.weights_file",
    "from_weights": "attnviz.files.weights_file",
    "draw": "attnviz.ui.head_views",
    "MapOptions": "attnviz.maps.options",
    "make_map": "attnviz.maps.options",
    "combined_map": "attnviz.maps.options",
    "other_map": "attnviz.maps.options",
    "small_maps": "attnviz.maps.options",
    "difference": "attnviz.maps.difference",
    "head_divergence": "attnviz.maps.similarity",
    "measure_heads": "attnviz.maps.head_statistics",
    "validate": "attnviz.validation.certificate",
    "certify": "attnviz.validation.certificate",
    "SENTENCES": "attnviz.validation.sentences",
    "evaluate_or_load": "attnviz.labels.cache",
    "label_heads": "attnviz.labels.evaluate",
    "AttnvizError": "attnviz.errors",
}
__all__ = [*_PUBLIC, "figures"]
__version__ = "0.1.0"


def __getattr__(name: str):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name == "figures":
        return importlib.import_module("attnviz.figures")
    raise AttributeError(f"module 'attnviz' has no attribute '{name}'")
