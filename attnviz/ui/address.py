"""Everything that is chosen, as a query string and back: the address bar is the view."""

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, fields, replace

from attnviz.labels.criteria import CONFIDENCES
from attnviz.labels.definitions import LABELS
from attnviz.lessons.exercises import EXERCISES
from attnviz.maps.head_statistics import MEASURES
from attnviz.maps.options import UNSET, MapOptions, heads_named

VERSION = "1"
LONGEST_TEXT = 4000  # characters; a longer choice is not put into the address
CHECKED_ON = ("text", "sentences")
STAGES = ("projections", "scores", "scaled", "masked", "powers", "weights", "output")
VIEWS = ("heatmap", "lines", "strip", "table")
COMBINED = ("head", "mean", "max")
PARTS = ("all", "a-b", "b-a", "a-a", "b-b")
SCALES = ("linear", "log", "row")
BEYOND = ("", "dimensions", "scores", "value", "rollout", "flow")
RELATED = (*MEASURES, "divergence")
ABLATIONS = ("zero", "mean")
CHOICES = {"kind": ("", "encoder", "decoder", "cross"), "checked_on": CHECKED_ON, "stage": STAGES,
           "exercise": EXERCISES, "shown_as": VIEWS, "combine": COMBINED, "parts": PARTS, "scale": SCALES,
           "beyond": BEYOND, "side": ("query", "key"), "measure": ("", *MEASURES, "label"), "across": RELATED,
           "up": RELATED, "label": ("", *LABELS), "confidence": CONFIDENCES, "ablation": ABLATIONS}  # fmt: skip
RANGES = {"top": (0.05, 1.0), "threshold": (0.0, 0.5)}  # that their sliders have
LEFT_OUT = "left_out"  # names in an address what it could not hold
FORMER = {"removed": "ablated", "stand_in": "ablation"}  # names of fields, and below values, in links that were sent
FORMER_VALUES = {"across": {"apart": "divergence"}, "up": {"apart": "divergence"}}


@dataclass(frozen=True)
class UrlState(MapOptions):
    """One state of the app: the display options, and all else that is chosen.

    An empty `model` stands for the first that can be loaded, an empty `kind` for the model's first kind of layer,
    and a `step` of training for the last one kept up to it. `query` and `key` name by position the cell whose
    weight is explained: past the end they stand for the last token, and for the key that gets most of its row.
    `measure` is what the grid of heads shows, empty for their maps, and `across` and `up` are the axes of the plane
    of heads. `heads`, `only_from` and `only_to` are numbers such as 0-3-5, empty for all; of a text longer than
    `window` so many tokens are shown, from `queries_at` and `keys_at` on, as `MapOptions` says; `beyond` is what
    stands beside the raw weight, and `top_k` how many lines a token has, 0 for all. `label` is the kind of label
    that is looked at, empty for all, `confidence` the least that counts, `scores_of` the label whose scores are
    shown, and `example` which of a head's probe sentences. `checked_on` says what the certificate is for. The
    worked example's tables are kept as they were typed (`ui.tables.to_text`); `stage` is how far it is worked out
    and `row` the token whose row is followed. `ablated` are heads that side B of a comparison goes without, such as
    L0.H1-L2.H3, and `ablation` is what replaces their outputs. `numbers` are those that a teacher chose: the
    exercise's name and rows of cells.
    """

    model: str = ""
    text: str = "The cat sat on the mat"
    pair: str = ""
    decoder_text: str = ""
    read_special: bool = False
    add_special: bool = True
    write: int = 0
    kind: str = ""
    layer: int = 0
    head: int = 0
    model_b: str = ""
    text_b: str = ""
    layer_b: int = 0
    head_b: int = 1
    ablated: str = ""
    ablation: str = "zero"
    query: int = UNSET
    key: int = UNSET
    measure: str = ""
    across: str = "distance"
    up: str = "entropy"
    label: str = ""
    confidence: str = "low"
    scores_of: str = ""
    example: int = 0
    shown_as: str = "heatmap"
    combine: str = "head"
    heads: str = ""
    window: int = 128
    scale: str = "linear"
    top: float = 1.0
    threshold: float = 0.0
    top_k: int = 0
    side: str = "query"
    beyond: str = ""
    checked_on: str = "text"
    architecture: str = ""
    step: int = UNSET
    words: str = "cat_1_0~sat_0_1~mat_1_1"
    w_q: str = "1_0~0_1"
    w_k: str = "1_0~0_1"
    w_v: str = "1_0~0_1"
    seed: int = 0
    stage: str = "output"
    row: int = 0
    needs: str = "0_2_0_0~2_0_0_0~3_0_0_2~0_0_0_0"
    offers: str = "1_0_0_0~0_1_0_0~0_0_1_0~0_0_0_1"
    one_projection: bool = False
    direction: int = 120
    temperature: float = 0.3
    d_k: int = 64
    read_by: str = ""
    n: int = 1024
    n_heads: int = 12
    n_layers: int = 12
    scaled: bool = False
    causal: bool = False
    learning_rate: float = 3.0
    learning_seed: int = 0
    learning_step: int = 0
    exercise: str = "hand"
    numbers: str = ""


def write(view: UrlState, names: Container[str]) -> dict[str, str]:
    """The named choices and the version; defaults too, so that a link keeps its meaning when one changes. What is too
    long for an address is only named in it."""
    query = write_all(view, names)
    too_long = [name for name, raw in query.items() if len(raw) > LONGEST_TEXT]
    kept = {name: raw for name, raw in query.items() if name not in too_long}
    return kept | ({LEFT_OUT: "-".join(too_long)} if too_long else {})


def write_all(view: UrlState, names: Container[str]) -> dict[str, str]:
    """`write`, of any length: for a file."""
    query = {field.name: _written(getattr(view, field.name)) for field in fields(UrlState) if field.name in names}
    return {"v": VERSION} | query


def read(query: Mapping[str, str], before: UrlState | None = None) -> tuple[UrlState, list[str]]:
    """The view that a query string names, and a sentence on each part that could not be used; what it does not name
    is as in `before`, or the default."""
    known = {field.name: field.default for field in fields(UrlState)}
    chosen: dict[str, object] = {}
    notices = []
    if query and query.get("v") not in (None, VERSION):
        notices.append("This link was made by another version of attnviz; what it names was kept where it is known.")
    for name, raw in query.items():
        name = FORMER.get(name, name)
        raw = FORMER_VALUES.get(name, {}).get(raw, raw)
        if name == "v":
            continue
        if name == LEFT_OUT:
            notices.append(f"This link comes without its {in_words(raw[:80])}, which is too long for a link.")
            continue
        if name not in known:
            notices.append(f"The link's part '{name[:40]}' is not known here and was left out.")
            continue
        try:
            chosen[name] = _read(name, raw, known[name])
        except ValueError:
            notices.append(
                f"The link's {name.replace('_', ' ')} '{raw[:40]}' makes no sense here; the default is shown."
            )
    return replace(before or UrlState(), **chosen), notices  # type: ignore[arg-type]


def in_words(names: str) -> str:
    """The choices that LEFT_OUT names."""
    return " and ".join(name.replace("_", " ") for name in names.split("-"))


def _written(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _read(name: str, raw: str, default: object) -> object:
    if isinstance(default, bool):
        if raw not in ("0", "1"):
            raise ValueError(raw)
        return raw == "1"
    if isinstance(default, int):
        if not (raw.isascii() and raw.isdigit() and len(raw) < 8):
            raise ValueError(raw)
        return int(raw)
    if isinstance(default, float):
        lowest, highest = RANGES.get(name, (-math.inf, math.inf))
        if not (math.isfinite(float(raw)) and lowest <= float(raw) <= highest):
            raise ValueError(raw)
        return float(raw)
    if name in CHOICES and raw not in CHOICES[name]:
        raise ValueError(raw)
    if name == "ablated":
        heads_named(raw, "")
    if name == "numbers" and raw.partition("~")[0] not in ("", *EXERCISES):
        raise ValueError(raw)
    return raw
