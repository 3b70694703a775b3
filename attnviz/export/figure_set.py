"""Pictures as they stand on screen, made once, and where they come from: every file is made of a FigureSet."""

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import plotly.graph_objects as go

import attnviz
from attnviz.export.tables import Table, described, of_figure
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
class Marks:
    """A map in a view that is no Plotly figure: `paint` draws it on paper, from the view's own `settings`.

    `cell` (row, column) is chosen. `glue` tells which rows, and which columns, continue the word before.
    """

    paint: Callable[[Any, Any, "Marks"], None]  # on a figure and axes of matplotlib
    attention_map: AttentionMap
    title: str
    settings: Mapping[str, Any]
    cell: tuple[int, int] | None = None
    glue: tuple[Sequence[bool], Sequence[bool]] = ((), ())
    theme: str = "light"


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture: its Plotly figure as on screen, its numbers, and what was done to them.

    Some views of a head are no Plotly figures: then `marks` says what is drawn, and `figure` is the heatmap of the same
    numbers, for whoever wants to point at them.
    """

    figure: go.Figure
    table: Table
    notes: Sequence[str] = ()
    marks: Marks | None = None


@dataclass(frozen=True, eq=False)
class FigureSet:
    """Pictures by name, all of one theme, the lines that say where they come from, and Python that makes them again.

    A single picture may go without a name, "". Marks stand alone.
    """

    title: str
    pictures: Mapping[str, Picture]
    theme: str
    provenance: Sequence[str]
    python: str

    @classmethod
    def of_charts(
        cls, title: str, charts: Mapping[str, go.Figure], theme: str, provenance: Sequence[str], python: str
    ) -> "FigureSet":
        """Charts whose numbers are all in their figures; a note says what is on the axes of each."""
        pictures = {
            name: Picture(figure, of_figure(figure), [described(name, figure)]) for name, figure in charts.items()
        }
        return cls(title, pictures, theme, provenance, python)

    @property
    def figures(self) -> dict[str, go.Figure]:
        """By name."""
        return {name: picture.figure for name, picture in self.pictures.items()}

    @property
    def notes(self) -> list[str]:
        """What was done to the numbers, each said once."""
        return list(dict.fromkeys(note for picture in self.pictures.values() for note in picture.notes))

    @property
    def marks(self) -> Marks | None:
        """What is drawn where that is no Plotly figure."""
        return next((picture.marks for picture in self.pictures.values() if picture.marks is not None), None)
