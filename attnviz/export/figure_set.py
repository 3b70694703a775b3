"""A view as it stands on screen, and where it comes from."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import plotly.graph_objects as go

import attnviz
from attnviz.export.tables import described
from attnviz.maps.attention_map import AttentionMap
from attnviz.traces import Trace


@dataclass(frozen=True)
class Provenance:
    """Where a picture comes from; the same lines stand in every file that is made of it.

    `texts` by what they are: text, second text, decoder's text. `certificate` is a sentence with its numbers.
    """

    model: str
    revision: str
    architecture: str
    texts: Mapping[str, str]
    kind: str
    shown: str  # such as L5.H1
    settings: Mapping[str, Any]
    certificate: str

    @classmethod
    def of(cls, trace: Trace, kind: str, shown: str, settings: Mapping[str, Any], certificate: str) -> "Provenance":
        """Of a trace; `shown` names the head or heads."""
        texts = {"text": trace.text, "second text": trace.text_pair, "decoder's text": trace.decoder_text}
        given = {name: text for name, text in texts.items() if text is not None}
        return cls(trace.model, trace.revision, trace.architecture, given, kind, shown, settings, certificate)

    def lines(self) -> list[str]:
        """ "name: value", each in one line; texts and settings as JSON writes them."""
        named = {"model": f"{self.model} ({self.architecture})", "revision": self.revision}
        named |= {name: json.dumps(text, ensure_ascii=False) for name, text in self.texts.items()}
        named |= {"attention": f"{self.kind} {self.shown}", "settings": json.dumps(dict(self.settings))}
        named |= {"certificate": self.certificate, "versions": versions()}
        return [f"{name}: {' '.join(value.split())}" for name, value in named.items()]


def versions() -> str:
    """Of what computed the numbers."""
    return (
        f"attnviz {attnviz.__version__}, torch {version('torch')}, transformers {version('transformers')}, "
        f"NumPy {np.__version__}, Python {platform.python_version()}"
    )


@dataclass(frozen=True, eq=False)
class Drawing:
    """A reading as a view draws it.

    `shown_as` is heatmap, lines, strip or table, of weights [rows, columns]; matrix, a small one with its numbers;
    measure, one number a head [layers, heads]; plane, two numbers a head [heads, 2]; or grid, small maps
    [heads, rows, columns]. `heads` (layer, head) says whose each row of a plane, or map of a grid, is. `cell`
    (row, column), or (layer, head), is chosen. `axes` is what rows, columns and the numbers are called, and `name`
    tells one drawing of a picture from another. `glue` tells which rows, and which columns, continue the word before.
    """

    reading: AttentionMap
    title: str
    shown_as: str = "heatmap"
    axes: tuple[str, str, str] = ("from", "to", "weight")
    name: str = ""
    theme: str = "light"
    scale: str = "linear"
    top: float = 1.0
    threshold: float = 0.0
    top_k: int = 0
    side: str = "query"
    cell: tuple[int, int] | None = None
    glue: tuple[Sequence[bool], Sequence[bool]] = ((), ())
    heads: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, eq=False)
class Picture:
    """One drawing or several side by side, the lines that say where they come from, and Python that makes them again.

    Of several, all are heatmaps or matrices.
    """

    title: str
    drawings: Sequence[Drawing]
    provenance: Sequence[str]
    python: str

    @property
    def theme(self) -> str:
        """That of its drawings."""
        return self.drawings[0].theme

    @property
    def notes(self) -> list[str]:
        """What was done to the numbers, each said once."""
        return list(dict.fromkeys(note for drawing in self.drawings for note in drawing.reading.notes))


@dataclass(frozen=True, eq=False)
class Plotted:
    """Charts by name, as Plotly draws them, with what a `Picture` has."""

    title: str
    figures: Mapping[str, go.Figure]
    theme: str
    provenance: Sequence[str]
    python: str

    @property
    def notes(self) -> list[str]:
        """What is on the axes of each chart."""
        return [described(name, figure) for name, figure in self.figures.items()]
