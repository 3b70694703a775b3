"""What can be taken away as a file: a whole trace, or a view as it stands on screen."""

from attnviz.export import snippet
from attnviz.export.files import ENDINGS, made
from attnviz.export.pictures import Drawing, Picture, Plotted, Provenance, versions
from attnviz.export.traces import FORMATS, as_json, recording, write

__all__ = [
    "ENDINGS",
    "FORMATS",
    "Drawing",
    "Picture",
    "Plotted",
    "Provenance",
    "as_json",
    "made",
    "recording",
    "snippet",
    "versions",
    "write",
]
