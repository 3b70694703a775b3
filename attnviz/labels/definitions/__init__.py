"""The labels, one file each: `LABELS` holds the `LABEL` of every module of this folder, so a file is a label."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from attnviz.labels.spec import LabelSpec


def _found() -> dict[str, LabelSpec]:
    """The labels by name, in their order. Raises ValueError where two have the same name or letter."""
    modules = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    specs = sorted((module.LABEL for module in modules), key=lambda spec: (spec.order, spec.name))
    for field in ("name", "letter"):
        if len({getattr(spec, field) for spec in specs}) < len(specs):
            raise ValueError(f"Two labels have the same {field}: {[getattr(spec, field) for spec in specs]}")
    return {spec.name: spec for spec in specs}


LABELS = _found()
SUPPRESSED = {spec.suppresses: spec.name for spec in LABELS.values() if spec.suppresses is not None}


def kind_of(label: str) -> str:
    """The name of the label that a full name, such as syntactic:obj:to_head, belongs to: up to the first colon."""
    return label.partition(":")[0]


def spec_of(label: str) -> LabelSpec:
    """The definition of a label, by its full name. Raises KeyError for one that is not defined."""
    return LABELS[kind_of(label)]


def versions() -> dict[str, int]:
    """The version of every label, by name."""
    return {name: spec.version for name, spec in LABELS.items()}
