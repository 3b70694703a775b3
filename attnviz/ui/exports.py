"""What each view exports: its figures as on screen, where they come from, and the Python lines that make them again.

A set is put together when its button is pressed; `look` is the theme of the reader's page, which is not known then.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from attnviz import figures
from attnviz.errors import AttnvizError
from attnviz.export import FigureSet, Picture, Provenance, of_map, script
from attnviz.export.script import Code
from attnviz.files import trace_file
from attnviz.labels.results import LabelResults
from attnviz.lessons.worked_example import WorkedExample
from attnviz.maps.attention_map import AttentionMap
from attnviz.maps.difference import Comparison
from attnviz.maps.head_statistics import MEASURES
from attnviz.maps.options import MapOptions
from attnviz.models.catalog import ModelEntry
from attnviz.traces import Head, Trace
from attnviz.ui import cache, map_options
from attnviz.ui.address import UrlState
from attnviz.ui.certificates import NOT_RECOMPUTED, in_words
from attnviz.ui.head_views import HEAD_VIEWS
from attnviz.validation.results import Certificate

TRACE = Code(script.TRACE)
IN_PLACE = {"zero": "0", "mean": "their mean outputs over the built-in sentences"}
BESIDE = 320  # pixels of a map in a comparison
SAYS = {"dimensions": "part of q·k", "scores": "score", "value": "length", "rollout": "share", "flow": "flow"}


def of_head(
    trace: Trace,
    head: Head,
    found: AttentionMap,
    state: UrlState,
    title: str,
    cell: tuple[int, int] | None,
    glue: tuple[Sequence[bool], Sequence[bool]],
    look: str,
    targets: Collection[tuple[int, int]] = (),
) -> FigureSet:
    """One head, or several of its layer, in the chosen view."""
    view, options = HEAD_VIEWS[state.shown_as], map_options.options_of(trace, head.kind, state)
    heads, of_view = map_options.chosen_heads(trace, head, state), view.settings(state)
    settings = {"view": view.name, "combine": state.combine} | of_view | options.chosen()
    drawn: dict[str, Any] = {"title": title, "scale": state.scale, "top": state.top, "cell": cell}
    drawn |= {"marked": sorted(targets)} if targets else {}
    opening = script.opening_of(trace)
    lines = "attention_map = " + (
        script.call("make_map", TRACE, head, options)
        if state.combine == "head"
        else script.call("combined_map", TRACE, heads, state.combine, options)
    )
    if view.paint is None:
        marks, python = None, script.of_map(opening, lines, **drawn)
    else:
        marks = view.marks(found, title, of_view, cell, glue, look)
        spaces = {"glue": glue} if view.spaced else {}
        python = script.of_view(opening, lines, view.name, title=title, cell=cell, **spaces, **of_view)
    picture = Picture(figures.map_figure(found, **drawn, clickable=True, theme=look), of_map(found), found.notes, marks)
    return _set(trace, head, ", ".join(map(str, heads)), settings, picture, python, title, look)


def of_beyond(
    trace: Trace, head: Head, query: int, found: AttentionMap, state: UrlState, title: str, look: str
) -> FigureSet:
    """What stands beside the raw weight."""
    options, says = map_options.options_of(trace, head.kind, state), SAYS[state.beyond]
    scale, top = figures.fitting(found.weights, state.scale, state.top)
    drawn: dict[str, Any] = {"title": title, "scale": scale, "top": top, "says": says}
    lines = f"attention_map = {script.call('other_map', TRACE, head, query, state.beyond, options)}"
    python = script.of_map(script.opening_of(trace), lines, **drawn)
    settings = {"beyond": state.beyond, "scale": scale, "top": top} | options.chosen()
    settings |= {"query": query} if state.beyond == "dimensions" else {}
    picture = Picture(figures.map_figure(found, **drawn, theme=look), of_map(found, ("from", "to", says)), found.notes)
    return _set(trace, head, str(head), settings, picture, python, title, look)


def of_grid(
    trace: Trace, head: Head, heads: Sequence[tuple[int, int]], found: AttentionMap, state: UrlState, look: str
) -> FigureSet:
    """Every head as a small map; `head` is chosen."""
    options, at = MapOptions.of(state).of_whole_text(), (head.layer, head.head)
    figure = figures.grid_of_heads(found.weights, heads, chosen=at, theme=look)
    lines = f"""\
attention_map = {script.call("small_maps", TRACE, head.kind, options)}
{_heads_of(head.kind)}
print(attention_map.weights.shape, len(heads))"""
    maps = Code("attention_map.weights")
    python = script.of_figure(script.opening_of(trace), lines, "grid_of_heads", maps, Code("heads"), chosen=at)
    picture = Picture(figure, of_map(found, heads=heads), found.notes)
    return _set(trace, head, "all heads", {"view": "maps"} | options.chosen(), picture, python, "All heads", look)


def of_measure(
    trace: Trace, head: Head, measure: str, cell: tuple[int, int], found: np.ndarray, title: str, look: str
) -> FigureSet:
    """One number of every head, found [layers, heads]: one of MEASURES, or the "divergence" from `head`, which is
    chosen."""
    at = head.layer, head.head
    rows, columns = (tuple((f"{letter}{i}", [i]) for i in range(n)) for letter, n in zip("LH", found.shape))
    says = MEASURES.get(measure, f"divergence from {head}, bits")
    figure = figures.measured_heads(found, title=title, chosen=at, theme=look)
    picture = Picture(figure, of_map(AttentionMap(found, rows, columns), ("layer", "head", says)))
    near = _near(trace, (measure,))
    lines = f"{_measuring(trace, head, {'found': measure}, cell, near)}\nprint(found)"
    python = script.of_figure(script.opening_of(trace), lines, "measured_heads", Code("found"), title=title, chosen=at)
    return _set(trace, head, "all heads", _measured((measure,), cell), picture, python, title, look, near)


def of_plane(
    trace: Trace,
    head: Head,
    measures: tuple[str, str],
    names: tuple[str, str],
    cell: tuple[int, int],
    heads: Sequence[tuple[int, int]],
    points: np.ndarray,
    look: str,
) -> FigureSet:
    """Every head by two measures, points [heads, 2]; `head` is chosen."""
    at, title = (head.layer, head.head), "Heads by two measures"
    rows = tuple(("L{}.H{}".format(*one), [place]) for place, one in enumerate(heads))
    found = AttentionMap(points, rows, tuple((name, [place]) for place, name in enumerate(names)))
    figure = figures.plane_of_heads(heads, points, names, chosen=at, theme=look)
    near = _near(trace, measures)
    lines = f"""\
{_measuring(trace, head, dict(zip(("across", "up"), measures)), cell, near)}
{_heads_of(head.kind)}
points = np.array([(across[head], up[head]) for head in heads])
print(points.shape)"""
    python = script.of_figure(
        script.opening_of(trace), lines, "plane_of_heads", Code("heads"), Code("points"), names=names, chosen=at
    )
    picture = Picture(figure, of_map(found, ("head", "measure", "value"), heads))
    return _set(trace, head, "all heads", _measured(measures, cell), picture, python, title, look, near)


def of_comparison(found: Comparison, look: str) -> FigureSet:
    """Two heads, and what changes from the first to the second."""
    pictures = {
        letter: Picture(
            figures.map_figure(one, title_of(letter, *side), side=BESIDE, theme=look), of_map(one), one.notes
        )
        for letter, one, side in zip("AB", found.maps, found.sides)
    }
    if found.change.weights.size:
        table = of_map(found.change, ("from", "to", "difference"))
        pictures["B-A"] = Picture(difference_figure(found, look), table, found.change.notes)
    told = []
    for letter, (trace, head), options, name in zip("AB", found.sides, found.options, found.names):
        ablated = {
            "ablated": [f"{one.kind} {one}" for one in trace.replaced],
            "replaced with": IN_PLACE[found.ablation],
        }
        settings = options.chosen() | (ablated if trace.replaced else {})
        source = Provenance.of(trace, head.kind, name, settings, certificate(trace, head))
        told += [f"{letter}, {line}" for line in source.lines()]
    title = " and ".join(f"{name} of {trace.model}" for name, (trace, _) in zip(found.names, found.sides))
    python = script.of_map(*_comparing(found), **_drawn_difference(found))
    return FigureSet(title, pictures, look, told, python)


def difference_figure(found: Comparison, look: str) -> go.Figure:
    """What changes from one side of a comparison to the other: blue where the second has more."""
    return figures.map_figure(found.change, **_drawn_difference(found), side=BESIDE, theme=look)


def _drawn_difference(found: Comparison) -> dict[str, Any]:
    return {"title": "B − A", "scale": "signed", "top": found.largest, "says": "difference"}


def _comparing(found: Comparison) -> tuple[str, str]:
    """A function of Python that makes the map of one side, and the lines that make both and their difference."""
    ablating = any(trace.replaced for trace, _ in found.sides)
    means = ablating and found.ablation == "mean"
    replaced = f", replaced={{one: {'means[one]' if means else '0'} for one in ablated}}" if ablating else ""
    opening = [
        f"\ndef map_of(model, text, head, options{', ablated=()' if ablating else ''}):",
        "    model = attnviz.load_model(model)",
        *(["    means = mean_outputs(model, SENTENCES) if ablated else {}"] if means else []),
        f"    trace = attnviz.trace(model, text{replaced})",
        "    return make_map(trace, head, options)\n\n",
    ]
    lines = []
    for name, (trace, head), options in zip("ab", found.sides, found.options):
        ablated = [list(trace.replaced)] if trace.replaced else []
        lines.append(f"{name} = {script.call('map_of', trace.model, trace.text, head, options, *ablated)}")
    return "\n".join(opening), "\n".join([*lines, "attention_map = difference(a, b)"])


def recording(trace: Trace) -> bytes:
    """The file of every weight."""
    first = next(trace.heads())
    told = Provenance.of(trace, ", ".join(trace.kinds), "all heads", {}, certificate(trace, first))
    return trace_file.recording(trace, told.lines())


def title_of(letter: str, trace: Trace, head: Head) -> str:
    """Of one side of a comparison; a note of its map says what was changed."""
    return f"{letter}: {head}" + (", changed" if trace.replaced else "")


def of_example(
    example: WorkedExample,
    charts: Sequence[tuple[str, str, np.ndarray, Sequence[str]]],
    row: int,
    settings: dict[str, Any],
    look: str,
) -> FigureSet:
    """The worked example's matrices, (name, title, values, columns) each, a row a token; one `row` is followed."""
    tokens = example.inputs.tokens
    pictures = {}
    for name, title, values, columns in charts:
        rows, keys = (tuple((word, [place]) for place, word in enumerate(words)) for words in (tokens, columns))
        figure = figures.matrix(values, tokens, columns, title=title, chosen_row=row, theme=look)
        pictures[name] = Picture(figure, of_map(AttentionMap(values, rows, keys), ("token", "name", "number")))
    typed = {name: getattr(example.inputs, name).tolist() for name in ("X", "W_Q", "W_K", "W_V")}
    source = Provenance(
        "worked example", "none", "attention from scratch", {"words": " ".join(tokens)}, "worked", "example",
        typed | settings, "computed by the core, from the numbers in the settings",
    )  # fmt: skip
    matrices = [Code(f"np.array({one})") for one in typed.values()]
    lines = f"""\
inputs = {script.call("worked_example.Inputs", tuple(tokens), *matrices)}
example = {script.call("worked_example.worked_example", Code("inputs"), **settings)}
print(example.stages.scores, example.stages.weights, example.stages.output, sep="\\n")"""
    drawn = [Code(name) for name in ("example.stages.weights", "inputs.tokens", "inputs.tokens")]
    imports = "from attnviz.lessons import worked_example"
    python = script.of_figure("", lines, "matrix", *drawn, imports=(imports,), title="Weights")
    return FigureSet("The worked example", pictures, look, source.lines(), python)


def of_lesson(title: str, make: Callable[..., dict], chosen: Mapping[str, Any], look: str) -> FigureSet:
    """The charts of a lesson; `make` is a function of its module, or of `attnviz.figures`, as below."""
    source = Provenance(
        title, "none", "a lesson", {}, "none", "of a model", chosen, "computed by attnviz from these settings"
    )
    python = script.of_charts("", make, **chosen)
    return FigureSet.of_charts(title, make(**chosen, theme=look), look, source.lines(), python)


def of_traced(
    title: str, make: Callable[..., dict], trace: Trace, head: Head, shown: str, chosen: Mapping[str, Any], look: str
) -> FigureSet:
    """Charts of a trace; `shown` says what of it, such as one head."""
    python = script.of_charts(script.opening_of(trace), make, TRACE, **chosen)
    told = _source(trace, head, shown, chosen).lines()
    return FigureSet.of_charts(f"{title} of {trace.model}", make(trace, **chosen, theme=look), look, told, python)


def of_head_charts(
    title: str, make: Callable[..., dict], trace: Trace, head: Head, chosen: Mapping[str, Any], look: str
) -> FigureSet:
    """Charts of one head of a trace."""
    python = script.of_charts(script.opening_of(trace), make, TRACE, head, **chosen)
    told = _source(trace, head, str(head), chosen).lines()
    return FigureSet.of_charts(f"{title} of {trace.model}", make(trace, head, **chosen, theme=look), look, told, python)


def of_label_results(
    title: str,
    make: Callable[..., dict],
    entry: ModelEntry,
    results: LabelResults,
    chosen: Mapping[str, Any],
    look: str,
) -> FigureSet:
    """Charts of what a model's heads seem to do."""
    tokens = sum(family["tokens"] for family in results.probes["families"])
    source = Provenance(
        entry.name, entry.revision, entry.architecture or "unknown", {}, results.heads[0].kind, "all heads", chosen,
        f"labels from {tokens:,} tokens of probes, whose answers are known; docs/method.md says how they are given",
    )  # fmt: skip
    opening = f"model = attnviz.load_model({entry.name!r})\nresults = evaluate_or_load(model)"
    python = script.of_charts(opening, make, Code("results"), **chosen)
    return FigureSet.of_charts(
        f"{title} of {entry.name}", make(results, **chosen, theme=look), look, source.lines(), python
    )


def of_certificate(trace: Trace, found: Certificate, on_text: bool, chosen: Mapping[str, Any], look: str) -> FigureSet:
    """How far every head is from the model's own attention, on the reader's text or on the built-in sentences."""
    told = _source(trace, found.heads[0].address, "all heads", chosen, in_words(found, found.heads[0].address)).lines()
    if not on_text:
        told = [line for line in told if not line.startswith("text: ")] + [f"texts: {found.texts} built-in sentences"]
    name = "certify" if on_text else "validate"
    opening = script.opening_of(trace) if on_text else f"model = attnviz.load_model({trace.model!r})"
    opening += f"\nfound = {name}({'model, trace' if on_text else 'model'})"
    python = script.of_charts(opening, figures.certificate_charts, Code("found"), **chosen)
    drawn = figures.certificate_charts(found, **chosen, theme=look)
    return FigureSet.of_charts(f"The certificate of {trace.model}", drawn, look, told, python)


def _set(
    trace: Trace,
    head: Head,
    shown: str,
    settings: Mapping[str, Any],
    picture: Picture,
    python: str,
    title: str,
    look: str,
    near: Sequence[str] = (),
) -> FigureSet:
    """One picture of one trace."""
    if near:
        settings = {**settings, "also measured on": list(near)}
    told = _source(trace, head, shown, settings).lines()
    return FigureSet(f"{title} of {trace.model}", {"": picture}, look, told, python)


def _source(
    trace: Trace, head: Head, shown: str, settings: Mapping[str, Any], certified: str | None = None
) -> Provenance:
    """Of one trace, with the certificate in words, which is made if it is not given."""
    if trace.written:
        settings = {**settings, "tokens written by the model": trace.written}
    certified = certificate(trace, head) if certified is None else certified
    return Provenance.of(trace, head.kind, shown, settings, certified)


def _measured(measures: Sequence[str], cell: tuple[int, int]) -> dict[str, Any]:
    pair = {"query": cell[0], "key": cell[1]} if "weight" in measures else {}
    return {"measures": list(measures)} | pair


def _heads_of(kind: str) -> str:
    """The line of Python that lists the heads of a kind."""
    return f"heads = [(head.layer, head.head) for head in trace.heads() if head.kind == {kind!r}]"


def _measuring(
    trace: Trace, head: Head, measures: Mapping[str, str], cell: tuple[int, int], near: Sequence[str]
) -> str:
    """Lines of Python, one for each variable and its measure."""
    lines = []
    for name, measure in measures.items():
        if measure == "divergence":
            lines.append(f"others = [attnviz.trace(model, text) for text in {list(near)!r}]")
            lines.append(f"{name} = {script.call('head_divergence', Code('[trace, *others]'), head)}")
        else:
            lines.append(f"{name} = {script.call('measure_heads', TRACE, head.kind, measure, *cell)}")
    return "\n".join(dict.fromkeys(lines))


def _near(trace: Trace, measures: Sequence[str]) -> list[str]:
    """The built-in sentences, where a divergence is measured on them too."""
    if "divergence" not in measures:
        return []
    return [one.text for one in cache.sentences_read(trace.model, trace.revision)]


def certificate(trace: Trace, head: Head) -> str:
    """In words; it is made here if it is not there yet."""
    if trace.weights_only:
        return NOT_RECOMPUTED
    try:
        alike = "; the same heads were ablated in both passes" if trace.replaced else ""
        return in_words(cache.certificate_of(trace), head) + alike
    except (AttnvizError, ValueError) as error:
        return f"none: {error}"
