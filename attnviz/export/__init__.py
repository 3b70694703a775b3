"""What can be taken away as a file: a whole trace, or a view as it stands on screen."""

from attnviz.export.files import ENDINGS, made
from attnviz.export.pictures import Picture, Provenance, versions
from attnviz.export.snippet import python_lines
from attnviz.export.traces import FORMATS, as_json, write

__all__ = ["ENDINGS", "FORMATS", "Picture", "Provenance", "as_json", "made", "python_lines", "versions", "write"]
