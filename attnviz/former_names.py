"""Names that programs and notebooks of an earlier attnviz import: they still work, and warn with the present name.

There is no file behind such a module, if it is not one of today: `Finder` makes it of this table when somebody imports
it.
"""

import importlib
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

FORMER = {  # module: its names, each with the module and the name of today
    "attnviz.aids": {
        "Aids": "attnviz.maps.options:MapOptions",
        "read": "attnviz.maps.options:make_map",
        "beyond": "attnviz.maps.options:other_map",
        "at_a_glance": "attnviz.maps.options:small_maps",
    },
    "attnviz.charts": {
        "as_printed": "attnviz.lessons.worked_example:printed_charts",
        "worked_example": "attnviz.lessons.worked_example:charts",
        "query_key_value": "attnviz.lessons.query_key_value:charts",
        "soft_lookup": "attnviz.lessons.soft_lookup:charts",
        "why_divide": "attnviz.lessons.scaling:charts",
        "cost": "attnviz.lessons.cost:charts",
        "measured_times": "attnviz.lessons.timing:charts",
        "made_up_pattern": "attnviz.lessons.patterns:illustration_charts",
        "real_patterns": "attnviz.lessons.patterns:model_charts",
        "learning": "attnviz.lessons.learning:charts",
        "exercise": "attnviz.lessons.exercises.charts:charts",
        "story_in": "attnviz.figures:weight_breakdown_in",
        "overview": "attnviz.figures:overview_charts",
        "head_is_born": "attnviz.figures:training_charts",
        "certificate": "attnviz.figures:certificate_charts",
        "architectures": "attnviz.figures:architecture_charts",
        "head_labels": "attnviz.figures:label_charts",
        "head_evidence": "attnviz.figures:evidence_charts",
    },
    "attnviz.figures": {"weight_map": "attnviz.figures:map_figure"},
    "attnviz.reading": {"measure_heads": "attnviz.maps.head_statistics:measure_heads"},
    "attnviz.relating": {"apart": "attnviz.maps.similarity:head_divergence"},
    "attnviz.comparing": {"difference": "attnviz.maps.difference:difference"},
    "attnviz.own": {"read": "attnviz.files.weights_file:load_weights"},
    "attnviz.capture.removal": {"mean_outputs": "attnviz.capture.mean_outputs:mean_outputs"},
    "attnviz.capture.interventions": {
        "intervened": "attnviz.capture.ablation:intervened",
        "head_means": "attnviz.capture.ablation:head_means",
        "head_outputs": "attnviz.capture.ablation:head_outputs",
    },
    "attnviz.labels.kept": {"study_once": "attnviz.labels.cache:evaluate_or_load"},
    "attnviz.core.worked_example": {
        "Inputs": "attnviz.lessons.worked_example:Inputs",
        "worked_example": "attnviz.lessons.worked_example:worked_example",
    },
}


def _of_some_heads(make_map: Any) -> Any:
    from attnviz.maps.options import combined_map
    from attnviz.traces import Head

    def former(trace: Any, kind: str, layer: int, heads: Any, how: str, options: Any) -> Any:
        several = [Head(kind, layer, head) for head in heads]
        return make_map(trace, several[0], options) if how == "head" else combined_map(trace, several, how, options)

    return former


def _of_one_head(function: Any) -> Any:
    from attnviz.traces import Head

    def former(trace: Any, kind: str, layer: int, head: int, *rest: Any, **named: Any) -> Any:
        return function(trace, Head(kind, layer, head), *rest, **named)

    return former


def _of_arrays(map_figure: Any) -> Any:
    from attnviz.maps.attention_map import AttentionMap

    def former(weights: Any, queries: Any, keys: Any, **drawn: Any) -> Any:
        rows, columns = (tuple((token, [place]) for place, token in enumerate(side)) for side in (queries, keys))
        return map_figure(AttentionMap(weights, rows, columns), **drawn)

    return former


CHANGED = {  # former names whose arguments were others: what makes them of the function of today
    "attnviz.aids.read": _of_some_heads,
    "attnviz.aids.beyond": _of_one_head,
    "attnviz.charts.story_in": _of_one_head,
    "attnviz.charts.overview": _of_one_head,
    "attnviz.figures.weight_map": _of_arrays,
}


class Finder(MetaPathFinder, Loader):
    """Modules of FORMER, whose names are looked up in the modules of today."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in FORMER else None

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__getattr__"] = lambda name: of_today(module.__name__, name)


def install() -> None:
    """Imports of former modules are found from now on, after all that exist."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())


def of_today(module: str, name: str) -> Any:
    """What a former name of a module stands for. Raises AttributeError for a name that was not public there."""
    if name not in FORMER[module]:
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    where, _, now = FORMER[module][name].partition(":")
    warnings.warn(f"{module}.{name} is now {where}.{now}.", FutureWarning, stacklevel=3)
    found = getattr(importlib.import_module(where), now)
    changed = CHANGED.get(f"{module}.{name}")
    return changed(found) if changed else found
