"""What is on screen as a file, with where it comes from."""

from attnviz.export import script
from attnviz.export.figure_set import Drawing, Picture, Plotted, Provenance, versions
from attnviz.export.formats import ENDINGS, made

__all__ = ["ENDINGS", "Drawing", "Picture", "Plotted", "Provenance", "made", "script", "versions"]
