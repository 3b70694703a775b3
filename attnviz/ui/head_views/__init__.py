"""The views of one head, a file each: `HEAD_VIEWS` holds the `VIEW` of every module of this folder, so a file is a
view."""

import pkgutil
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from attnviz.maps.attention_map import AttentionMap
from attnviz.ui.head_view import HeadView


def _found() -> dict[str, HeadView]:
    """The views by name, in their order."""
    modules = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return {view.name: view for view in sorted((module.VIEW for module in modules), key=lambda one: one.order)}


HEAD_VIEWS = _found()
SETTINGS = [
    one.name for view in HEAD_VIEWS.values() for one in fields(view.choices)
]  # of all views, as links name them


def draw(
    shown_as: str,
    attention_map: AttentionMap,
    path: str | Path,
    *,
    title: str,
    cell: tuple[int, int] | None = None,
    glue: tuple[Sequence[bool], Sequence[bool]] = ((), ()),
    theme: str = "light",
    **settings: Any,
) -> None:
    """A map in one of HEAD_VIEWS, but the heatmap, as a file that ends in .svg, .png or .pdf; `settings` are the view's
    own, such as the `threshold` of lines. Raises ValueError for the heatmap."""
    from attnviz.export.marks import save

    view = HEAD_VIEWS[shown_as]
    own = view.settings(view.choices(**settings))
    save(view.marks(attention_map, title, own, cell, glue, theme), Path(path))
