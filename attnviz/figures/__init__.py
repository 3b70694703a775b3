"""Arrays to Plotly figures; no Streamlit, no torch. Every figure takes a `theme`, "light" or "dark"."""

from attnviz.figures.cell import cell_story
from attnviz.figures.certificate import certificate_grid
from attnviz.figures.exercises import small_map, within_reach
from attnviz.figures.heads import all_heads, heatmap, thumbnails
from attnviz.figures.scaling import over_width, two_rows
from attnviz.figures.training import training_curves
from attnviz.figures.worked_example import matrix

__all__ = [
    "all_heads",
    "cell_story",
    "certificate_grid",
    "heatmap",
    "matrix",
    "over_width",
    "small_map",
    "thumbnails",
    "training_curves",
    "two_rows",
    "within_reach",
]
