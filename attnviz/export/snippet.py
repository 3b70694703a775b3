"""The Python lines that make a picture's numbers again."""

from collections.abc import Sequence
from typing import Any

from attnviz.aids import Aids
from attnviz.traces import Trace


def python_lines(trace: Trace, kind: str, layer: int, heads: Sequence[int], how: str, aids: Aids, **drawn: Any) -> str:
    """A program that computes the same reading and its heatmap anew; `drawn` as `figures.weight_map` takes it."""
    return f"""\
import attnviz
from attnviz.aids import Aids, read

{_opening(trace)}
reading = read(trace, {kind!r}, {layer}, {list(heads)}, {how!r}, Aids({_arguments(**aids.chosen())}))
print(reading.weights.shape, *reading.notes, sep="\\n")
figure = attnviz.figures.weight_map(
    {_arguments("reading.weights", "reading.queries", "reading.keys", **drawn)}
)
figure.write_html("attention.html")
"""


def _opening(trace: Trace) -> str:
    """The lines that come to the trace."""
    if trace.route == "own":
        return (
            "from pathlib import Path\nfrom attnviz import own\n\n"
            f"trace = own.read(Path({trace.model!r}).read_bytes(), {trace.model!r}).trace"
        )
    asked = {
        "text_pair": trace.text_pair,
        "decoder_text": trace.decoder_text,
        "read_special": trace.read_special or None,
        "add_special": None if trace.add_special else False,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    arguments = _arguments("model", repr(trace.text), **given)
    return f"model = attnviz.load_model({trace.model!r})\ntrace = attnviz.trace({arguments})"


def _arguments(*positional: str, **named: Any) -> str:
    """As they stand between the brackets of a call."""
    return ", ".join([*positional, *(f"{name}={value!r}" for name, value in named.items())])
