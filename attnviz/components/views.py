"""The Python side of each view: pack one head's weights small, mount the component, hand back the choice."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from attnviz.figures.theme import HEAD_COLOURS, STOPS, THEMES, visible

HERE = Path(__file__).parent
# Okabe & Ito (2008), told apart by colour-blind eyes; without black and yellow, which one of the themes would hide.
LEVELS = 65_535  # of a weight's two bytes


def _component(name: str, html: str, *parts: str) -> Any:
    """Registered once, when this module is imported; Streamlit itself tells it to later runtimes.

    A component is one script without imports: what the views share, its other parts, and its own file.
    """
    script = "".join((HERE / f"{part}.js").read_text(encoding="utf-8") for part in ("shared", *parts, name))
    style = (HERE / "views.css").read_text(encoding="utf-8")
    return st.components.v2.component(f"attnviz.{name}", html=html, css=style, js=script)


_READOUT = '<p class="readout" aria-live="polite"></p>'
_LINES = _component(
    "lines",
    f"""<div class="view lines">
    <p class="heads"><span>From (queries)</span><span>To (keys)</span></p>
    <div class="control" role="listbox" tabindex="0">
        <div class="side query" role="group" aria-label="From"></div>
        <canvas aria-hidden="true"></canvas>
        <div class="side key" role="group" aria-label="To"></div>
    </div>
    <p class="whose"></p>
    {_READOUT}
    </div>""",
)
_STRIP = _component(
    "strip",
    f"""<div class="view strip">
    <div class="control" role="listbox" tabindex="0" dir="auto"></div>
    <p class="other" dir="auto"></p>
    {_READOUT}
    </div>""",
)
_CANVAS_MAP = _component(
    "canvas_map",
    f"""<div class="view map">
    <p class="legend"><span></span><i></i><span></span></p>
    <canvas class="control" role="application" tabindex="0"></canvas>
    {_READOUT}
    </div>""",
    "gestures",
)


def lines(
    weights: np.ndarray,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    key: str,
    theme: str,
    threshold: float = 0.0,
    top_k: int | None = None,
    chosen: tuple[str, int] | None = None,
    on_choose: Callable[[str, int], None] | None = None,
    strongest: np.ndarray | None = None,
    heads: Sequence[str] = (),
) -> tuple[str, int] | None:
    """Two columns of tokens and a line for each of the weights [queries, keys], as strong as the weight.

    Drawn are weights of at least `threshold`, and of each query at most the `top_k` largest; below 0.02 none is, and
    the view says so. A token is chosen as ("query", index) or ("key", index). Where the weights are the largest of
    several `heads`, `strongest` [queries, keys] says by its number whose each is, and a line takes that head's colour.
    """
    coloured = {"heads": [(name, HEAD_COLOURS[i % len(HEAD_COLOURS)]) for i, name in enumerate(heads)]}
    settings = {"threshold": threshold, "topK": top_k, "chosen": chosen} | (coloured if strongest is not None else {})
    data = _packed(weights, queries, keys, theme, **settings)
    if strongest is not None:
        data += strongest.astype(np.uint8).tobytes()
    return _mounted(_LINES, key, data, on_choose)


def strip(
    weights: np.ndarray,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    key: str,
    theme: str,
    side: str = "query",
    glue: Sequence[bool] | None = None,
    key_glue: Sequence[bool] | None = None,
    chosen: tuple[str, int] | None = None,
    on_choose: Callable[[str, int], None] | None = None,
) -> tuple[str, int] | None:
    """The text itself: a token's row of the weights [queries, keys] (or, with side="key", its column) painted on it.

    `glue` tells of each query whether it continues the word before it, `key_glue` the same of each key; where both
    sides are the same tokens the text stands there once. A token is chosen as (side, index).
    """
    settings = {
        "side": side,
        "same": list(queries) == list(keys),
        "glue": {
            "query": [bool(attached) for attached in glue or [False] * len(queries)],
            "key": [bool(attached) for attached in key_glue or [False] * len(keys)],
        },
        "chosen": chosen,
    }
    return _mounted(_STRIP, key, _packed(weights, queries, keys, theme, **settings), on_choose)


def canvas_map(
    weights: np.ndarray,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    key: str,
    theme: str,
    scale: str = "linear",
    chosen: tuple[int, int] | None = None,
    lines: Sequence[tuple[tuple[int, int], tuple[int, int]]] = (),
    on_choose: Callable[[int, int], None] | None = None,
) -> tuple[int, int] | None:
    """The weights [queries, keys] as a heatmap of any size that zooms and pans; rows attend, columns are attended to.

    `scale`: ink by weight, by its logarithm from 0.0001 up, or by its share of the row's largest. A cell is chosen as
    (query, key). `lines` are drawn on it, each between two corners of cells (row, column).
    """
    data = _packed(weights, queries, keys, theme, scale=scale, chosen=chosen, lines=lines)
    return _mounted(_CANVAS_MAP, key, data, on_choose)


def _packed(weights: np.ndarray, queries: Sequence[str], keys: Sequence[str], theme: str, **settings: Any) -> bytes:
    """A JSON header, its length before it in four bytes, and after it two bytes a weight, row by row.

    Levels are even from 0 to 1, or to the largest weight where that is more; NaN counts as 0.
    """
    finite = np.nan_to_num(np.asarray(weights, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    top = max(1.0, float(finite.max(initial=0)))
    header = {
        "queries": [visible(token) for token in queries],
        "keys": [visible(token) for token in keys],
        "theme": asdict(THEMES[theme]) | {"stops": STOPS},
        "step": top / LEVELS,
        "top": top,
    }
    text = json.dumps(header | settings, default=int).encode()  # a chosen index may be NumPy's
    levels = np.rint(finite.clip(0, top) * (LEVELS / top)).astype("<u2")
    return len(text).to_bytes(4, "little") + text + levels.tobytes()


def _mounted(component: Any, key: str, data: bytes, on_choose: Callable[..., None] | None) -> Any:
    """What was chosen in this run as a tuple, or None."""

    def choose() -> None:
        choice = st.session_state[key]["choice"]
        if on_choose is not None and choice is not None:
            on_choose(*choice)

    choice = component(key=key, data=data, on_choice_change=choose).choice
    return None if choice is None else tuple(choice)
