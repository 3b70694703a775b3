"""The worked example's inputs as tables to type into, and one row of it with the reader's own numbers filled in."""

import numpy as np
import pandas as pd
import streamlit as st

from attnviz.lessons.worked_example import (
    FEWEST,
    MOST,
    PRESETS,
    STAGES,
    THE_SECTION,
    WIDEST,
    Inputs,
    WorkedExample,
    dimensions,
    random_inputs,
    read_inputs,
)
from attnviz.ui.messages import plain
from attnviz.ui.state import choose, current, on_screen
from attnviz.ui.tables import Cells, reshaped, to_cells, to_text, typed_table

PROJECTIONS = {"W_Q": "w_q", "W_K": "w_k", "W_V": "w_v"}  # by their name: the view's field
RANDOM, OWN = "random", "your own"


def edited_inputs() -> Inputs:
    """The tables; returns what they hold, or while a cell holds no number what they held before."""
    on_screen("words", *PROJECTIONS.values())
    words, *matrices = [to_cells(getattr(current(), name)) for name in ("words", *PROJECTIONS.values())]
    d = min(max(len(words[0]) - 1, 1), WIDEST)
    words = reshaped(words, len(words), d + 1)
    matrices = [reshaped(cells, d, d) for cells in matrices]

    head = st.container()
    axes = dimensions(d)
    words = typed_table(
        "words", words, ("word", *axes), growing=True,
        label=f"The words and their vectors, X: {FEWEST} to {MOST} rows. Type into any cell.",
    )  # fmt: skip
    complaints_of_words = st.empty()
    places = st.columns(3)
    for position, (place, name) in enumerate(zip(places, PROJECTIONS)):
        with place:
            matrices[position] = typed_table(name, matrices[position], axes, rows=axes, label=plain(name))
    inputs, complaints = read_inputs(words, *matrices)
    for place, name in zip((complaints_of_words, *places), ("words", *PROJECTIONS)):
        if complaints[name]:
            place.warning(plain(" ".join(complaints[name])))
    choose(words=to_text(words), **{PROJECTIONS[name]: to_text(cells) for name, cells in zip(PROJECTIONS, matrices)})
    with head:
        _starting_points(preset_of(inputs), d)
    if inputs is None:
        st.caption("Until then, what follows shows the numbers from before.")
        return st.session_state.get("last_inputs", PRESETS[THE_SECTION])
    st.session_state.last_inputs = inputs
    return inputs


def _starting_points(preset: str, d: int) -> None:
    """Presets, dimensions and the seed of random numbers, drawn once it is known what the tables hold."""
    pick_preset, pick_d, pick_seed = st.columns([2, 2, 1], vertical_alignment="bottom")
    st.session_state.pick_preset = preset
    names = [*PRESETS, RANDOM, *([OWN] if preset == OWN else [])]
    pick_preset.selectbox("Start from", names, key="pick_preset", on_change=_take_preset)
    st.session_state.pick_width = d
    pick_d.segmented_control("Dimensions", range(1, WIDEST + 1), key="pick_width", on_change=_take_width, required=True)
    if preset == RANDOM:
        on_screen("seed")
        st.session_state.pick_seed = current().seed
        pick_seed.number_input("Seed", 0, 9999, step=1, key="pick_seed", on_change=_take_random)


def row_in_numbers(example: WorkedExample, row: int, stage: str) -> pd.DataFrame:
    """One row of the example up to a stage, a line for each key, every formula with its numbers filled in."""
    tokens, stages = example.inputs.tokens, example.stages
    reached = STAGES.index(stage)
    columns = {"key": list(tokens)}
    if reached >= STAGES.index("scores"):
        columns["q · k"] = [
            f"{_products(example.Q[row], key)} = {score:.4g}" for key, score in zip(example.K, stages.scores[row])
        ]
    if reached >= STAGES.index("scaled") and example.scale != 1:
        columns["÷ √d_k"] = [f"{score:.4g} · {example.scale:.4g} = {after:.4f}"
                             for score, after in zip(stages.scores[row], stages.scaled[row])]  # fmt: skip
    if reached >= STAGES.index("masked") and example.mask is not None:
        columns["masked"] = [f"{score:.4f}".replace("-inf", "−∞") for score in stages.masked[row]]
    powers, total = example.powers[row], example.powers[row].sum()
    if reached >= STAGES.index("powers"):
        shift = float(example.shift[row, 0])
        name = f"e^(score − {shift:.4g})" if shift else "e^score"
        columns[name] = [f"{power:.4f}" for power in powers]
    if reached >= STAGES.index("weights"):
        columns["weight"] = [
            f"{power:.4f} / {total:.4f} = {weight:.4f}" for power, weight in zip(powers, stages.weights[row])
        ]
    if reached >= STAGES.index("output"):
        columns["weight · value"] = [
            f"{weight:.4f} · {_vector(value)}" for weight, value in zip(stages.weights[row], example.V)
        ]
    return pd.DataFrame(columns).set_index("key")


def projections_in_numbers(example: WorkedExample, row: int) -> str:
    """How the row's token gets its query, with numbers."""
    x, W = example.inputs.X[row], example.inputs.W_Q
    parts = ", ".join(_products(x, W[:, column]) for column in range(W.shape[1]))
    return f"q = x W_Q = [{parts}] = {_vector(example.Q[row])}"


def _products(a: np.ndarray, b: np.ndarray) -> str:
    return " + ".join(f"{x:.4g}·{y:.4g}" for x, y in zip(a, b))


def _vector(values: np.ndarray) -> str:
    return "[" + ", ".join(f"{value:.4g}" for value in values) + "]"


def preset_of(inputs: Inputs | None) -> str:
    """Which preset the tables hold."""
    if inputs is None:
        return OWN
    for name, preset in PRESETS.items():
        if _same(inputs, preset):
            return name
    return RANDOM if _same(inputs, random_inputs(inputs.tokens, inputs.X.shape[1], current().seed)) else OWN


def _same(a: Inputs, b: Inputs) -> bool:
    return a.tokens == b.tokens and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("X", *PROJECTIONS)
    )


def _take_preset() -> None:
    name = st.session_state.pick_preset
    if name in PRESETS:
        _take(PRESETS[name])
    elif name == RANDOM:
        _take_random()


def _take_random() -> None:
    choose(seed=st.session_state.get("pick_seed", current().seed))
    words = to_cells(current().words)
    tokens = tuple(row[0].strip() or "word" for row in words[:MOST])
    _take(random_inputs(tokens, min(max(len(words[0]) - 1, 1), WIDEST), current().seed))


def _take(inputs: Inputs) -> None:
    cells = [[token, *row] for token, row in zip(inputs.tokens, _as_typed(inputs.X))]
    choose(
        words=to_text(cells),
        **{field: to_text(_as_typed(getattr(inputs, name))) for name, field in PROJECTIONS.items()},
    )


def _take_width() -> None:
    """Another number of dimensions: new ones start at 0, and the projections pass them through."""
    d = st.session_state.pick_width
    words = to_cells(current().words)
    choose(words=to_text(reshaped(words, len(words), d + 1, "0")))
    for field in PROJECTIONS.values():
        before = to_cells(getattr(current(), field))
        cells = reshaped(before, d, d, "0")
        for new in range(len(before), d):
            cells[new][new] = "1"
        choose(**{field: to_text(cells)})


def _as_typed(values: np.ndarray) -> Cells:
    return [[f"{value:g}" for value in row] for row in values]
