"""What is on screen as a file, with where it comes from."""

from attnviz.export import script
from attnviz.export.figure_set import FigureSet, Marks, Picture, Provenance, versions
from attnviz.export.formats import FORMATS, Format, made
from attnviz.export.tables import of_map

__all__ = ["FORMATS", "FigureSet", "Format", "Marks", "Picture", "Provenance", "made", "of_map", "script", "versions"]
