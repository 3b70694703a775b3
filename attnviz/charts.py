"""The charts of a page by name, from what is chosen there: pages draw them, and an export's Python lines make them
again by calling the same function with the same choices.

A choice is a number, a text or a list of them, so that it can be written down; a trace, a certificate or a study is
given first. Every function takes a `theme`, "light" or "dark".
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from attnviz import figures
from attnviz.core.attention import Stages, attention
from attnviz.core.measures import variation
from attnviz.figures.labels import Evidence
from attnviz.labels.criteria import CONFIDENCES
from attnviz.labels.method import spelt
from attnviz.lessons import cost as counts
from attnviz.lessons import learning as learned
from attnviz.lessons import lookup, patterns, roles, scaling, timing
from attnviz.lessons.exercises import EXERCISES, Shown
from attnviz.lessons.exercises.harder import CORNERS, POINTS, hull_output
from attnviz.lessons.worked_example import Inputs, WorkedExample, printed_and_exact
from attnviz.lessons.worked_example import worked_example as worked_out
from attnviz.maps import attention_map
from attnviz.models.catalog import training_curves
from attnviz.traces import Trace
from attnviz.validation.table import stored_report

Charts = dict[str, go.Figure]

CIRCLE = np.arange(0, 361, 2)  # degrees
MOST_NUMBERED = 4  # rows of an exercise's matrix whose numbers are written out; a larger one is drawn as ink
MOST_ROWS = 8  # labels in one head's figure
ERRORS = {"drift": "End to end", "weight_error": "Weights", "output_error": "Output"}
TABLES = {  # of Learning it, name: rows, columns, title
    "match": (learned.ASKED, learned.NAMES, "Match: W_Q·W_Kᵀ"),
    "W_Q": (learned.INPUTS, range(learned.WIDTH), "W_Q"),
    "W_K": (learned.INPUTS, range(learned.WIDTH), "W_K"),
    "W_V": (learned.INPUTS, learned.VALUES, "W_V"),
}


def story(
    stages: Stages,
    vectors: tuple[np.ndarray | None, np.ndarray | None, np.ndarray],
    cell: tuple[int, int],
    keys: Sequence[str],
    *,
    theme: str = "light",
) -> Charts:
    """One weight's story; as `figures.cell_story`, `vectors` being q, k and v."""
    charts = figures.cell_story(stages, *vectors, cell, keys, theme=theme)
    names = ("dimensions", "steps", "row", "carried")[0 if vectors[0] is not None else 1 :]
    return dict(zip(names, charts))


def story_in(trace: Trace, kind: str, layer: int, head: int, query: int, key: int, *, theme: str = "light") -> Charts:
    """One weight's story, of a cell of a trace."""
    of = trace.layer(layer, kind)
    q, k, v = of.vectors(head)
    row = None if q is None else q[query : query + 1]
    return story(of.attention(head, np.array([query])), (row, k, v), (0, key), trace.sides(kind)[1], theme=theme)


def overview(
    trace: Trace,
    kind: str,
    layer: int,
    head: int,
    *,
    queries: tuple[int, int],
    keys: tuple[int, int],
    theme: str = "light",
) -> Charts:
    """One head along the whole text, token by token, with the windows of `queries` and `keys` (first, behind the last)
    shaded."""
    wide, gets = attention_map.head_overview(trace, kind, layer, head)
    sides = trace.sides(kind)
    title = "Queries: how wide each looks"
    return {
        "queries": figures.along_text(wide, sides[0], queries, title=title, unit="entropy, bits", theme=theme),
        "keys": figures.along_text(
            gets, sides[1], keys, title="Keys: how much weight each gets", unit="weight", theme=theme
        ),
    }


def as_printed(*, theme: str = "light") -> Charts:
    """The section's figures of the worked example, those framed that are not right, and the exact ones."""
    example = worked_out()
    tokens = example.inputs.tokens
    printed, exact, off = printed_and_exact()
    columns = (*(f"→ {token}" for token in tokens), "out d0", "out d1")
    return {
        "printed": figures.matrix(printed, tokens, columns, title="As printed", digits=2, flagged=off, theme=theme),
        "exact": figures.matrix(exact, tokens, columns, title="Exact", theme=theme),
    }


def worked_example(
    tokens: Sequence[str],
    X: Sequence[Sequence[float]],
    W_Q: Sequence[Sequence[float]],
    W_K: Sequence[Sequence[float]],
    W_V: Sequence[Sequence[float]],
    *,
    scaled: bool,
    causal: bool,
    row: int,
    key: int,
    theme: str = "light",
) -> Charts:
    """Beside the worked example's matrices: the plane, where it has two dimensions, and the story of one weight."""
    inputs = Inputs(tuple(tokens), *(np.asarray(one, dtype=float) for one in (X, W_Q, W_K, W_V)))
    example = worked_out(inputs, scaled=scaled, causal=causal)
    flat = planes(example, row, theme=theme) if inputs.X.shape[1] == 2 else {}
    return flat | story(example.stages, (example.Q, example.K, example.V), (row, key), tokens, theme=theme)


def planes(example: WorkedExample, row: int, *, theme: str = "light") -> Charts:
    """A worked example of two dimensions in the plane, one row followed."""
    tokens = example.inputs.tokens
    return {
        "queries and keys": figures.queries_and_keys(example.Q, example.K, tokens, row, theme=theme),
        "values and outputs": figures.values_and_outputs(example.V, example.stages.output, tokens, row, theme=theme),
    }


def query_key_value(
    needs: Sequence[Sequence[float]], offers: Sequence[Sequence[float]], *, theme: str = "light"
) -> Charts:
    """`needs` is W_Q, `offers` W_K; the value of a word is its own features."""
    Q, K = roles.X @ np.asarray(needs, dtype=float), roles.X @ np.asarray(offers, dtype=float)
    stages = attention(Q, K, roles.X)
    shown = {
        "queries": (Q, roles.FEATURES, "Queries  X·W_Q"),
        "keys": (K, roles.FEATURES, "Keys  X·W_K"),
        "scores": (stages.scores, roles.TOKENS, "Scores  Q·Kᵀ"),
        "weights": (stages.weights, roles.TOKENS, "Weights  softmax"),
        "output": (stages.output, roles.FEATURES, "Output  weights·V"),
    }
    row = roles.TOKENS.index("it")
    return {
        name: figures.matrix(values, roles.TOKENS, columns, title=title, digits=2, chosen_row=row, theme=theme)
        for name, (values, columns, title) in shown.items()
    }


def soft_lookup(direction: float, temperature: float, *, theme: str = "light") -> Charts:
    """Shares, answers, entropy and slopes; `direction` in degrees."""
    at = np.array([direction])
    here, around = lookup.soft_lookup(at, temperature), lookup.soft_lookup(CIRCLE, temperature)
    nearest = lookup.nearest_lookup(CIRCLE)
    at_key = (lookup.nearest_lookup(at)[0] == lookup.VALUES).astype(float)
    bits = np.array([lookup.soft_lookup(at, step).bits[0] for step in lookup.TEMPERATURES])
    most = math.log2(len(lookup.NAMES))
    return {
        "shares": figures.shares(here.weights[0], at_key, lookup.NAMES, theme=theme),
        "answers": figures.over_direction(
            CIRCLE, around.answers, nearest, direction, title="The answer", unit="rain, mm",
            exact=(lookup.ANGLES, lookup.VALUES), theme=theme,
        ),
        "entropy": figures.over_temperature(lookup.TEMPERATURES, bits, most, temperature, theme=theme),
        "slopes": figures.over_direction(
            CIRCLE, around.slopes, 0 * nearest, direction, title="Slope of the answer", unit="mm a degree", theme=theme,
        ),
    }  # fmt: skip


def why_divide(d_k: int, *, theme: str = "light") -> Charts:
    """Scores, weights and gradients over the width of queries and keys, with and without the division by √d_k."""
    samples = [scaling.sample_scores(width, scaled=scaled) for width in scaling.WIDTHS for scaled in (False, True)]
    rows = [scaling.sample_scores(d_k, scaled=scaled).weights[0] for scaled in (False, True)]
    law = [math.sqrt(width) for width in scaling.WIDTHS]
    over = {
        name: figures.over_width(
            samples, name, title=title, unit=unit, law=law if name == "spread" else None, d_k=d_k, theme=theme
        )
        for name, title, unit in (
            ("spread", "Spread of the scores", "standard deviation"),
            ("winner", "Weight of the winner", "mean largest weight"),
            ("gradient", "Gradient through softmax", "mean size"),
        )
    }
    row = figures.two_rows(*rows, title="One query's row", theme=theme)
    return {"spread": over["spread"], "row": row, "winner": over["winner"], "gradient": over["gradient"]}


def cost(n: int, d_k: int, n_heads: int, n_layers: int, *, theme: str = "light") -> Charts:
    """Operations and bytes over the length of the text."""
    size = counts.Size(n, d_k, n_heads, n_layers)
    return {
        "operations": figures.operations_over_length(size, theme=theme),
        "memory": figures.memory_wall(size, theme=theme),
    }


def measured_times(seconds: Mapping[str, Sequence[float]], *, theme: str = "light") -> Charts:
    """Seconds for each of timing.LENGTHS, by the name of the implementation: those of one machine at one time."""
    exponents = {name: timing.fitted_exponent(timing.LENGTHS, times) for name, times in seconds.items()}
    return {"timings": figures.measured_times(timing.LENGTHS, seconds, exponents, theme=theme)}


def made_up_pattern(*, theme: str = "light") -> Charts:
    """The section's weights of "sat", which nobody measured."""
    rows = [("illustration", patterns.ILLUSTRATION)]
    return {"illustration": figures.rows_beside(patterns.WORDS, rows, title="“sat” looks at…", theme=theme)}


def real_patterns(trace: Trace, *, theme: str = "light") -> Charts:
    """The same beside the head that comes closest, and beside all heads, the closest first."""
    words, target, heads, rows = attention_map.row_in_every_head(trace, patterns.ILLUSTRATION, patterns.QUERY)
    order = np.argsort(variation(rows, target), kind="stable")
    names = [str(heads[place]) for place in order]
    beside = [("illustration", target), (f"{trace.model} {names[0]}", rows[order[0]])]
    return {
        "beside": figures.rows_beside(words, beside, title="“sat” looks at…", theme=theme),
        "heads": figures.row_of_every_head(
            words, names, rows[order], title="The same row in every head", theme=theme
        ),
    }  # fmt: skip


def learning(rate: float, seed: int, step: int, *, theme: str = "light") -> Charts:
    """One step of a training: weights, output, curves, and the matrices of TABLES."""
    training, example = learned.train(rate, seed), learned.example()
    stages = learned.attend(training.projections[step], example.X)[-1]
    *items, _ = learned.tokens(example.X[0])
    questions = [learned.tokens(sequence)[-1] for sequence in example.X]
    tables = learned.tables(training.projections[step])
    return {
        "weights": figures.matrix(
            stages.weights[:, 0], questions, (*items, "itself"), title=f"Weights at step {step}", digits=2, theme=theme
        ),
        "output": figures.matrix(
            stages.output[:, 0], questions, learned.VALUES, title="Output", digits=2, flagged=example.targets > 0,
            theme=theme,
        ),
        "curves": figures.learning_curves(training, step, theme=theme),
    } | {
        name: figures.signed_matrix(
            tables[name], rows, [str(column) for column in columns], training.largest[name], title=title, theme=theme
        )
        for name, (rows, columns, title) in TABLES.items()
    }  # fmt: skip


def exercise(
    name: str,
    *,
    numbers: Sequence[Sequence[float]] | None = None,
    solution: bool = False,
    query: Sequence[Sequence[float]] | None = None,
    theme: str = "light",
) -> Charts:
    """What an exercise gives, with other numbers if there are, and its solution if asked for; the one with a triangle
    of values also draws where a query's output lies."""
    plan = EXERCISES[name]
    values = None if numbers is None else np.asarray(numbers, dtype=float)
    built = plan.build(values) if plan.numbers else plan.build()
    parts = {"given": built.given} | ({"solution": built.solution} if solution else {})
    charts = {
        f"{part} {place}": small_matrix(one, theme=theme)
        for part, every in parts.items()
        for place, one in enumerate(every)
    }
    if name == "hull":
        output = None if query is None else hull_output(np.asarray(query, dtype=float))[0]
        title = "Values and points"
        charts["reach"] = figures.within_reach(CORNERS, POINTS, title=title, output=output, theme=theme)
    return charts


def small_matrix(shown: Shown, *, theme: str = "light") -> go.Figure:
    """A matrix of an exercise: a small one with its numbers, a larger one as ink."""
    if len(shown.rows) > MOST_NUMBERED:
        return figures.small_map(shown.values, shown.rows, title=shown.title, theme=theme)
    return figures.matrix(shown.values, shown.rows, shown.columns, title=shown.title, theme=theme)


def head_is_born(trace: Trace, model: str, step: int, layer: int, head: int, *, theme: str = "light") -> Charts:
    """A head at one step of a bundled model's training, on a text that its checkpoint read, and all of its training."""
    title = f"L{layer}.H{head} at step {step:,}"
    return {
        "map": figures.heatmap(trace, layer, head, theme=theme, title=title),
        "curves": figures.training_curves(training_curves(model), step, layer, head, theme=theme),
    }


def certificate(found: Any, shown: str, *, theme: str = "light") -> Charts:
    """One of ERRORS for every head of a certificate, a chart for each kind of layer."""
    gate = found.drift_tolerance if shown == "drift" else found.tolerance
    charts = {}
    for kind in dict.fromkeys(errors.kind for errors in found.heads):
        errors_of = [errors for errors in found.heads if errors.kind == kind]
        shape = (1 + max(getattr(errors, side) for errors in errors_of) for side in ("layer", "head"))
        grid = np.full(tuple(shape), np.nan)
        for errors in errors_of:
            grid[errors.layer, errors.head] = getattr(errors, shown)
        title = f"{ERRORS[shown]}: largest difference, {kind}"
        charts[kind] = figures.certificate_grid(grid, gate, title=title, theme=theme)
    return charts


def architectures(*, theme: str = "light") -> Charts:
    """The errors of all certified architectures."""
    passed = [one for one in stored_report()["architectures"] if one["passed"]]
    return {"errors": figures.errors_by_route([(one["route"], one["drift"]) for one in passed], theme=theme)}


def head_labels(
    results: Any, layer: int, head: int, *, label: str, confidence: str, scores_of: str, theme: str = "light"
) -> Charts:
    """Every head of a study with the first of its labels that count (`label` "" for all kinds), the evidence of one
    head, and one label's scores over all heads."""
    at = layer, head
    cells = first_labels(results, label, confidence)
    scores = {(one.layer, one.head): evidence(results, number, scores_of) for number, one in enumerate(results.heads)}
    return {
        "mosaic": figures.label_mosaic(cells, chosen=at, theme=theme),
        **head_evidence(results, layer, head, theme=theme),
        "scores": figures.scores_over_heads(scores, title=spelt(scores_of).capitalize(), chosen=at, theme=theme),
    }


def head_evidence(results: Any, layer: int, head: int, *, theme: str = "light") -> Charts:
    """The labels that a head of a study has, and those that it comes closest to."""
    number = [(one.layer, one.head) for one in results.heads].index((layer, head))
    rows = [(spelt(one.label), one) for one in closest(results, number)]
    return {"evidence": figures.head_evidence(rows, title="Scores and thresholds", theme=theme)}


def first_labels(results: Any, label: str, confidence: str) -> dict[tuple[int, int], list[tuple[str, str, str, float]]]:
    """Of each head (layer, head) the labels that count, the most telling first, as the mosaic takes them."""
    return {
        (one.layer, one.head): [
            (spelt(row["label"]), row["label"], row["confidence"], row["score"])
            for row in counted(found, label, confidence)
        ]
        for one, found in zip(results.heads, results.found)
    }


def counted(found: Sequence[Mapping[str, Any]], label: str, confidence: str) -> list[Mapping[str, Any]]:
    """Those of a head's labels that are of one kind ("": any) and have that confidence, the most telling first."""
    least = CONFIDENCES.index(confidence)
    return [
        row
        for row in telling(found)
        if label in ("", row["label"].split(":")[0]) and CONFIDENCES.index(row["confidence"]) >= least
    ]


def telling(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The labels of a head by confidence, then by score; among equals, local says the least."""
    return sorted(
        found, key=lambda row: (-CONFIDENCES.index(row["confidence"]), row["label"] == "local", -row["score"])
    )


def evidence(results: Any, number: int, label: str) -> Evidence:
    """One label of one head of a study, as figures take it."""
    one = results.scores[label]
    given = next((row["confidence"] for row in results.found[number] if row["label"] == label), "")
    names = ("score", "low", "high", "baseline", "threshold")
    return Evidence(label, **{name: float(getattr(one, name)[number]) for name in names}, confidence=given)


def closest(results: Any, number: int) -> list[Evidence]:
    """The labels that a head has, and those that it comes closest to; of two with the same scores, one."""
    has = [row["label"] for row in results.found[number]]
    twin = "induction" if "copy_suppression" in has else "copy_suppression"
    every = [evidence(results, number, label) for label in results.scores if label != twin]
    every.sort(key=lambda one: (not one.confidence, one.threshold - one.low))
    return every[:MOST_ROWS]
