"""Label results of the bundled models, made once and kept beside them: their labels and effects are there at once.

python -m attnviz.labels.bundle    makes them anew, after a change of labels, probes or weights
"""

from __future__ import annotations

from attnviz.models.catalog import BUNDLED_ORDER
from attnviz.models.loading import load_model

from .cache import BUNDLED_RESULTS, cache_path, store
from .effects import with_effects
from .evaluate import evaluate_heads

LABELLED = tuple(name for name in BUNDLED_ORDER if name != "tiny-translator")  # which has an encoder and a decoder


def bundle_results() -> None:
    """Old results go when all new ones are there, so that a run that ends early leaves every model with some."""
    made = set()
    for name in LABELLED:
        model = load_model(name)
        place = BUNDLED_RESULTS / cache_path(model).name
        store(with_effects(model, evaluate_heads(model)), place)
        place.chmod(0o644)
        made.add(place)
        print(f"{name}: {place.name}, {place.stat().st_size:,} bytes")
    for old in set(BUNDLED_RESULTS.glob("*.npz")) - made:
        old.unlink()


if __name__ == "__main__":
    bundle_results()
