"""The Python lines that make a picture's numbers again: a program for each view."""

from collections.abc import Callable, Sequence
from typing import Any

from attnviz.maps.options import MapOptions
from attnviz.traces import Head, Trace


def of_head(
    trace: Trace, kind: str, layer: int, heads: Sequence[int], how: str, options: MapOptions, **drawn: Any
) -> str:
    """One head, or several as one map; `drawn` as `figures.weight_map` takes it."""
    read = _call("make_map", "trace", kind, layer, list(heads), how, options)
    return _program(
        ["from attnviz import MapOptions, make_map"], opening_of(trace), f"attention_map = {read}", _map(**drawn)
    )


def of_marks(
    trace: Trace, kind: str, layer: int, heads: Sequence[int], how: str, options: MapOptions, **chosen: Any
) -> str:
    """The same as lines, on its text or as a table; `chosen` as `export.Marks` takes it."""
    read = _call("make_map", "trace", kind, layer, list(heads), how, options)
    shown_as = chosen.pop("shown_as")
    lines = f"""\
attention_map = {read}
print(attention_map.weights.shape, *attention_map.notes, sep="\\n")
marks = Marks(
    {_arguments(repr(shown_as), "attention_map", **chosen)}
)
marks.save("attention.svg")
"""
    return _beginning(["from attnviz import MapOptions, Marks, make_map"], opening_of(trace), lines)


def of_beyond(trace: Trace, head: Head, query: int, how: str, options: MapOptions, **drawn: Any) -> str:
    """What stands beside the raw weight."""
    read = _call("other_map", "trace", head.kind, head.layer, head.head, query, how, options)
    return _program(
        ["from attnviz import MapOptions, other_map"], opening_of(trace), f"attention_map = {read}", _map(**drawn)
    )


def of_grid(trace: Trace, kind: str, options: MapOptions, **drawn: Any) -> str:
    """Every head as a small map."""
    lines = f"""\
attention_map = {_call("small_maps", "trace", kind, options)}
heads = [(head.layer, head.head) for head in trace.heads() if head.kind == {kind!r}]
print(attention_map.weights.shape, len(heads))"""
    imports = ["from attnviz import MapOptions, small_maps"]
    return _program(
        imports, opening_of(trace), lines, _figure("grid_of_heads", "attention_map.weights", "heads", **drawn)
    )


def of_measure(trace: Trace, head: Head, measure: str, cell: tuple[int, int], near: Sequence[str], **drawn: Any) -> str:
    """One number of every head: one of MEASURES, or "divergence" from a head, on these texts too (`near`)."""
    imports, lines = _measured(trace, head, {"found": measure}, cell, near)
    lines += "\nprint(found)"
    return _program(imports, opening_of(trace), lines, _figure("measured_heads", "found", **drawn))


def of_plane(
    trace: Trace, head: Head, measures: tuple[str, str], cell: tuple[int, int], near: Sequence[str], **drawn: Any
) -> str:
    """Every head by two such numbers."""
    imports, lines = _measured(trace, head, {"across": measures[0], "up": measures[1]}, cell, near)
    lines += f"""
heads = [(head.layer, head.head) for head in trace.heads() if head.kind == {head.kind!r}]
points = np.array([(across[head], up[head]) for head in heads])
print(points.shape)"""
    return _program(
        ["import numpy as np", *imports],
        opening_of(trace),
        lines,
        _figure("plane_of_heads", "heads", "points", **drawn),
    )


def of_comparison(sides: Sequence[tuple[Trace, Head]], shown: Sequence[MapOptions], ablation: str, **drawn: Any) -> str:
    """Two heads with their options, and their difference; ablated heads are replaced with 0 or their mean."""
    imports = ["from attnviz import MapOptions, difference, make_map"]
    removing = any(trace.replaced for trace, _ in sides)
    means = removing and ablation == "mean"
    if removing:
        imports.append("from attnviz import Head")
    if means:
        imports.append("from attnviz import SENTENCES, mean_outputs")
    replaced = f", replaced={{one: {'means[one]' if means else '0'} for one in ablated}}" if removing else ""
    opening = [
        f"\ndef look(model, text, kind, layer, head, options{', ablated=()' if removing else ''}):",
        "    model = attnviz.load_model(model)",
        *(["    means = mean_outputs(model, SENTENCES) if ablated else {}"] if means else []),
        f"    trace = attnviz.trace(model, text{replaced})",
        '    return make_map(trace, kind, layer, [head], "head", options)\n\n',
    ]
    lines = []
    for name, (trace, head), options in zip("ab", sides, shown):
        ablated = [list(trace.replaced)] if trace.replaced else []
        lines.append(
            f"{name} = {_call('look', repr(trace.model), trace.text, *vars(head).values(), options, *ablated)}"
        )
    lines.append("attention_map = difference(a, b)")
    return _program(sorted(imports), "\n".join(opening), "\n".join(lines), _map(**drawn))


def of_example(tokens: Sequence[str], typed: Sequence[list], scaled: bool, causal: bool) -> str:
    """The worked example of X, W_Q, W_K and W_V as they are `typed`."""
    matrices = ", ".join(f"np.array({one})" for one in typed)
    lines = f"""\
inputs = Inputs({tuple(tokens)!r}, {matrices})
example = worked_example(inputs, scaled={scaled}, causal={causal})
print(example.stages.scores, example.stages.weights, example.stages.output, sep="\\n")"""
    imports = ["import numpy as np", "from attnviz.lessons.worked_example import Inputs, worked_example"]
    figure = _figure("matrix", "example.stages.weights", "inputs.tokens", "inputs.tokens", title="Weights")
    return _program(imports, "", lines, figure)


def of_charts(
    make: Callable[..., Any], *given: str, imports: Sequence[str] = (), opening: str = "", **chosen: Any
) -> str:
    """Charts by a function of `attnviz.figures` or of a lesson, of what is `given` by the lines of `opening` and of
    what is chosen."""
    package, _, module = make.__module__.rpartition(".")
    called = make.__name__ if package == "attnviz.figures" else f"{module}.{make.__name__}"
    lines = f"""\
charts = {called}(
    {_arguments(*given, **chosen)}
)
for name, figure in charts.items():
    print(name, len(figure.data))"""
    every = '    figure.write_html(f"{name}.html")\n'
    where = f"from {package} import {called.partition('.')[0]}"
    return _beginning([where, *imports], opening, lines) + "\n" + every


def _program(imports: Sequence[str], opening: str, lines: str, figure: str) -> str:
    """The parts in order; the figure goes into a file that opens offline."""
    return _beginning(imports, opening, lines) + f'\n{figure}\nfigure.write_html("attention.html")\n'


def _beginning(imports: Sequence[str], opening: str, lines: str) -> str:
    beginning = sorted(imports, key=lambda line: "attnviz" in line)
    split = next((place for place, line in enumerate(beginning) if "attnviz" in line), len(beginning))
    own = [*beginning[:split], *([""] if split else []), "import attnviz", *beginning[split:]]
    return "\n".join(["\n".join(own), "", *([opening] if opening else []), lines])


def opening_of(trace: Trace) -> str:
    """The lines that come to `trace`, and, unless it is a file's, to `model`."""
    if trace.weights_only:
        return (
            "from pathlib import Path\nfrom attnviz import load_weights\n\n"
            f"trace = load_weights(Path({trace.model!r}).read_bytes(), {trace.model!r}).trace"
        )
    if trace.from_ids:
        return (
            "from attnviz import trace_ids\n\n"
            f"model = attnviz.load_model({trace.model!r})\ntrace = trace_ids(model, {list(trace.token_ids)})"
        )
    given = {
        "text_pair": trace.text_pair,
        "decoder_text": trace.decoder_text,
        "read_special": trace.read_special or None,
        "add_special": None if trace.add_special else False,
        "write": trace.written or None,
    }
    text = trace.text[: trace.offsets[-trace.written][0]] if trace.written else trace.text
    arguments = _arguments("model", repr(text), **{name: value for name, value in given.items() if value is not None})
    return f"model = attnviz.load_model({trace.model!r})\ntrace = attnviz.trace({arguments})"


def _measured(
    trace: Trace, head: Head, measures: dict[str, str], cell: tuple[int, int], near: Sequence[str]
) -> tuple[list[str], str]:
    """What is imported, and a line for each variable and its measure."""
    imports, lines = set(), []
    for name, measure in measures.items():
        if measure == "divergence":
            imports |= {"from attnviz import Head, head_divergence"}
            lines += [
                f"others = [attnviz.trace(model, text) for text in {list(near)!r}]",
                f"{name} = head_divergence([trace, *others], Head{tuple(vars(head).values())!r})",
            ]
        else:
            imports.add("from attnviz import measure_heads")
            lines.append(f"{name} = {_call('measure_heads', 'trace', head.kind, measure, *cell)}")
    return sorted(imports), "\n".join(dict.fromkeys(lines))


def _map(**drawn: Any) -> str:
    told = 'print(attention_map.weights.shape, *attention_map.notes, sep="\\n")'
    figure = _figure("weight_map", "attention_map.weights", "attention_map.queries", "attention_map.keys", **drawn)
    return f"{told}\n{figure}"


def _figure(name: str, *positional: str, **named: Any) -> str:
    return f"figure = attnviz.figures.{name}(\n    {_arguments(*positional, **named)}\n)"


def _call(name: str, first: str, *positional: Any) -> str:
    """A call of something with a variable, or code, first; options say only what was chosen."""
    shown = [
        f"MapOptions({_arguments(**one.chosen())})" if isinstance(one, MapOptions) else repr(one) for one in positional
    ]
    return f"{name}({', '.join([first, *shown])})"


def _arguments(*positional: str, **named: Any) -> str:
    """As they stand between the brackets of a call."""
    return ", ".join([*positional, *(f"{name}={value!r}" for name, value in named.items())])
