"""Arrays to Plotly figures; no Streamlit, no torch. Every figure takes a `theme`, "light" or "dark"."""

from attnviz import former_names
from attnviz.figures.certificate import ERRORS, architecture_charts, certificate_charts
from attnviz.figures.head_grid import all_heads, grid_of_heads, measured_heads, thumbnails
from attnviz.figures.head_plane import maps_in_a_row, plane_of_heads
from attnviz.figures.heatmap import CLICKABLE, fitting, heatmap, map_figure, outline
from attnviz.figures.labels import evidence_charts, label_charts, label_mosaic, scores_over_heads
from attnviz.figures.matrix import matrix
from attnviz.figures.small_map import small_map
from attnviz.figures.text_overview import overview, overview_charts
from attnviz.figures.training import training_charts
from attnviz.figures.weight_breakdown import weight_breakdown, weight_breakdown_in

__all__ = [
    "CLICKABLE",
    "ERRORS",
    "all_heads",
    "architecture_charts",
    "certificate_charts",
    "evidence_charts",
    "fitting",
    "grid_of_heads",
    "heatmap",
    "label_charts",
    "label_mosaic",
    "map_figure",
    "maps_in_a_row",
    "matrix",
    "measured_heads",
    "outline",
    "overview",
    "overview_charts",
    "plane_of_heads",
    "scores_over_heads",
    "small_map",
    "thumbnails",
    "training_charts",
    "weight_breakdown",
    "weight_breakdown_in",
]


def __getattr__(name: str):
    return former_names.of_today(__name__, name)
