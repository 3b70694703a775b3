"""The views that Plotly cannot draw: Streamlit components, one small plain JavaScript file each.

Every view takes the weights of one head [queries, keys], the two sides' tokens, a `key` and a `theme` ("light" or
"dark"), returns what the reader chose in this very run or None, and calls `on_choose` with it before the run.
`copy_link` and `save_view` are buttons.
"""

from attnviz.components.links import copy_link, save_view
from attnviz.components.views import canvas_map, lines, strip

__all__ = ["canvas_map", "copy_link", "lines", "save_view", "strip"]
