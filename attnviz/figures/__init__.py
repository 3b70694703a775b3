"""Arrays to Plotly figures; no Streamlit, no torch. Every figure takes a `theme`, "light" or "dark"."""

from attnviz.figures.cell import cell_story
from attnviz.figures.certificate import certificate_grid
from attnviz.figures.cost import measured_times, memory_wall, operations_over_length
from attnviz.figures.heads import all_heads, heatmap, thumbnails
from attnviz.figures.learning import learning_curves, signed_matrix
from attnviz.figures.scaling import over_width, two_rows
from attnviz.figures.training import training_curves
from attnviz.figures.worked_example import matrix

__all__ = [
    "all_heads",
    "cell_story",
    "certificate_grid",
    "heatmap",
    "learning_curves",
    "matrix",
    "measured_times",
    "memory_wall",
    "operations_over_length",
    "over_width",
    "signed_matrix",
    "thumbnails",
    "training_curves",
    "two_rows",
]
