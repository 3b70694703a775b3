"""A view as it stands on screen, and where it comes from."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

import attnviz
from attnviz.reading import Reading
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
class Picture:
    """A reading as a view draws it: `shown_as` is heatmap, lines, strip or table; `cell` (row, column) is chosen.

    `glue` tells which rows, and which columns, continue the word before; `python` are the lines that make it again.
    """

    reading: Reading
    title: str
    provenance: Provenance
    python: str
    shown_as: str = "heatmap"
    theme: str = "light"
    scale: str = "linear"
    top: float = 1.0
    threshold: float = 0.0
    top_k: int = 0
    side: str = "query"
    cell: tuple[int, int] = (0, 0)
    glue: tuple[Sequence[bool], Sequence[bool]] = ((), ())
