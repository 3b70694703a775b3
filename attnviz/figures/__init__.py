"""Arrays to Plotly figures; no Streamlit, no torch. Every figure takes a `theme`, "light" or "dark"."""

from attnviz.figures.cell import cell_story
from attnviz.figures.certificate import certificate_grid, errors_by_route
from attnviz.figures.cost import measured_times, memory_wall, operations_over_length
from attnviz.figures.exercises import small_map, within_reach
from attnviz.figures.heads import (
    CLICKABLE,
    all_heads,
    fitting,
    grid_of_heads,
    heatmap,
    measured_heads,
    outline,
    thumbnails,
    weight_map,
)
from attnviz.figures.labels import head_evidence, label_mosaic, scores_over_heads
from attnviz.figures.learning import learning_curves, signed_matrix
from attnviz.figures.lookup import over_direction, over_temperature, shares
from attnviz.figures.overview import along_text, overview
from attnviz.figures.patterns import row_of_every_head, rows_beside
from attnviz.figures.plane import queries_and_keys, values_and_outputs
from attnviz.figures.relation import maps_in_a_row, plane_of_heads
from attnviz.figures.scaling import over_width, two_rows
from attnviz.figures.training import training_curves
from attnviz.figures.worked_example import matrix

__all__ = [
    "CLICKABLE",
    "all_heads",
    "along_text",
    "cell_story",
    "certificate_grid",
    "errors_by_route",
    "fitting",
    "grid_of_heads",
    "head_evidence",
    "heatmap",
    "label_mosaic",
    "learning_curves",
    "maps_in_a_row",
    "matrix",
    "measured_heads",
    "measured_times",
    "memory_wall",
    "operations_over_length",
    "outline",
    "over_direction",
    "over_temperature",
    "over_width",
    "overview",
    "plane_of_heads",
    "queries_and_keys",
    "row_of_every_head",
    "rows_beside",
    "scores_over_heads",
    "shares",
    "signed_matrix",
    "small_map",
    "thumbnails",
    "training_curves",
    "two_rows",
    "values_and_outputs",
    "weight_map",
    "within_reach",
]
