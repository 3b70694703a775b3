"""The Python lines that make a picture again: a program of public names, put together from its calls."""

import ast
from collections.abc import Callable, Sequence
from typing import Any

import attnviz
from attnviz.maps.options import MapOptions
from attnviz.traces import Head, Trace

OTHERS = {"np": "import numpy as np", "Path": "from pathlib import Path"}  # what is imported for these names
TRACE = "trace"  # the variable that the lines of `opening_of` end with


class Code(str):
    """A variable, or other code, that stands in a call as it is."""

    __repr__ = str.__str__


def program(opening: str, lines: str, *imports: str) -> str:
    """The lines that come to a trace or a model, and what is done with it, below the imports that they need.

    Public names of attnviz, and those of OTHERS, are imported where they are used; `imports` are further lines.
    """
    code = "\n".join([*([opening] if opening else []), lines])
    names = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    used = {node.id for node in names} - own
    public = sorted(used.intersection(attnviz.__all__))
    others = [line for name, line in OTHERS.items() if name in used]
    first = [*others, *([""] if others else []), "import attnviz", *imports]
    return "\n".join([*first, *([f"from attnviz import {', '.join(public)}"] if public else []), "", code])


def call(function: str, *given: Any, **named: Any) -> str:
    """One call; options say only what was chosen."""
    return f"{function}({_arguments(*given, **named)})"


def of_map(opening: str, lines: str, **drawn: Any) -> str:
    """A program whose `lines` make `attention_map`, drawn as `figures.map_figure` takes it."""
    told = 'print(attention_map.weights.shape, *attention_map.notes, sep="\\n")'
    return of_figure(opening, f"{lines}\n{told}", "map_figure", Code("attention_map"), **drawn)


def of_figure(opening: str, lines: str, function: str, *given: Any, imports: Sequence[str] = (), **drawn: Any) -> str:
    """A program that ends in a figure of `attnviz.figures`, in a file that opens offline."""
    figure = f"figure = attnviz.figures.{function}(\n    {_arguments(*given, **drawn)}\n)"
    return program(opening, f'{lines}\n{figure}\nfigure.write_html("attention.html")\n', *imports)


def of_view(opening: str, lines: str, shown_as: str, **chosen: Any) -> str:
    """A program whose `lines` make `attention_map`, shown in a view of a head; `chosen` as `attnviz.draw` takes it."""
    return program(
        opening,
        f"""\
{lines}
print(attention_map.weights.shape, *attention_map.notes, sep="\\n")
draw(
    {_arguments(shown_as, Code("attention_map"), "attention.svg", **chosen)}
)
""",
    )


def of_charts(opening: str, make: Callable[..., Any], *given: Any, **chosen: Any) -> str:
    """A program of charts by a function of `attnviz.figures` or of a lesson."""
    package, _, module = make.__module__.rpartition(".")
    called = make.__name__ if package == "attnviz.figures" else f"{module}.{make.__name__}"
    lines = f"""\
charts = {called}(
    {_arguments(*given, **chosen)}
)
for name, figure in charts.items():
    print(name, len(figure.data))
    figure.write_html(f"{{name}}.html")
"""
    return program(opening, lines, f"from {package} import {called.partition('.')[0]}")


def opening_of(trace: Trace) -> str:
    """The lines that come to `trace`, and, unless it is a file's, to `model`."""
    if trace.weights_only:
        read = call("load_weights", Code(f"Path({trace.model!r}).read_bytes()"), trace.model)
        return f"{TRACE} = {read}.trace"
    model = f"model = {call('attnviz.load_model', trace.model)}"
    if trace.from_ids:
        return f"{model}\n{TRACE} = {call('trace_ids', Code('model'), list(trace.token_ids))}"
    given = {
        "text_pair": trace.text_pair,
        "decoder_text": trace.decoder_text,
        "read_special": trace.read_special or None,
        "add_special": None if trace.add_special else False,
        "write": trace.written or None,
    }
    text = trace.text[: trace.offsets[-trace.written][0]] if trace.written else trace.text
    chosen = {name: value for name, value in given.items() if value is not None}
    return f"{model}\n{TRACE} = {call('attnviz.trace', Code('model'), text, **chosen)}"


def _arguments(*given: Any, **named: Any) -> str:
    """As they stand between the brackets of a call."""
    return ", ".join([*map(_written, given), *(f"{name}={_written(value)}" for name, value in named.items())])


def _written(value: Any) -> str:
    if isinstance(value, MapOptions):
        return call("MapOptions", **value.chosen())
    if isinstance(value, Head):
        return call("Head", *vars(value).values())
    if isinstance(value, Sequence) and any(isinstance(one, Head) for one in value):
        return f"[{', '.join(map(_written, value))}]"
    return repr(value)
