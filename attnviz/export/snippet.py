"""The Python lines that make a picture's numbers again."""

from typing import Any

from attnviz.aids import Aids
from attnviz.traces import Trace


def python_lines(trace: Trace, kind: str, layer: int, head: int, aids: Aids, title: str, **ink: Any) -> str:
    """A program that computes the same reading and its heatmap anew; `ink` as `figures.weight_map` takes it."""
    given = {"text_pair": trace.text_pair, "decoder_text": trace.decoder_text}
    how: dict[str, Any] = {name: text for name, text in given.items() if text is not None}
    how |= {"read_special": True} if trace.read_special else {}
    how |= {} if trace.add_special else {"add_special": False}
    return f"""\
import attnviz
from attnviz.aids import Aids, read

model = attnviz.load_model({trace.model!r})
trace = attnviz.trace({_arguments("model", repr(trace.text), **how)})
reading = read(trace, {kind!r}, {layer}, {head}, Aids({_arguments(**aids.chosen())}))
print(reading.weights.shape, *reading.notes, sep="\\n")
figure = attnviz.figures.weight_map(
    {_arguments("reading.weights", "reading.queries", "reading.keys", title=title, **ink)}
)
figure.write_html("attention.html")
"""


def _arguments(*positional: str, **named: Any) -> str:
    """As they stand between the brackets of a call."""
    return ", ".join([*positional, *(f"{name}={value!r}" for name, value in named.items())])
