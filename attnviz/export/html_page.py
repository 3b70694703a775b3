"""One HTML file that opens without a network: the view, its numbers under the pointer, and where they come from."""

import html

import plotly.graph_objects as go

from attnviz import figures
from attnviz.export.figure_set import Drawing, Picture, Plotted
from attnviz.figures.theme import THEMES

PAGE = """<!doctype html>
<html lang="en">
<!-- {provenance} -->
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
       background: {page}; color: {text}; }}
svg {{ max-width: 100%; height: auto; }}
pre, footer {{ overflow-wrap: anywhere; white-space: pre-wrap; font-size: 13px; }}
footer {{ color: {faint}; }}
</style></head>
<body>
<h1>{title}</h1>
{notes}
{drawn}
{figure}
<h2>In Python</h2>
<pre id="python">{python}</pre>
<footer>{provenance}</footer>
</body></html>
"""


def page(picture: Picture | Plotted) -> str:
    """Each drawing as Plotly draws it, with its script inside once; lines, strips and tables stand above as an SVG."""
    colours = THEMES[picture.theme]
    if isinstance(picture, Plotted):
        figures_of, on_paper = list(picture.figures.values()), False
    else:
        figures_of = [_figure(drawing) for drawing in picture.drawings]
        on_paper = any(drawing.shown_as in ("lines", "strip", "table") for drawing in picture.drawings)
    return PAGE.format(
        title=html.escape(picture.title),
        provenance=html.escape("\n".join(picture.provenance)),
        notes="".join(f"<p>{html.escape(note)}</p>" for note in picture.notes),
        drawn=_svg(picture) if isinstance(picture, Picture) and on_paper else "",
        figure="\n".join(
            figure.to_html(include_plotlyjs=place == 0, full_html=False, config={"displayModeBar": False})
            for place, figure in enumerate(figures_of)
        ),
        python=html.escape(picture.python),
        page=colours.page, text=colours.text, faint=colours.faint,
    )  # fmt: skip


def _figure(drawing: Drawing) -> go.Figure:
    """As it is on screen; of lines, strips and tables the heatmap."""
    found, title, theme = drawing.reading, drawing.title, drawing.theme
    if drawing.shown_as == "grid":
        return figures.grid_of_heads(found.weights, drawing.heads, chosen=drawing.cell, theme=theme)
    if drawing.shown_as == "measure":
        return figures.measured_heads(found.weights, title=title, chosen=drawing.cell, theme=theme)
    if drawing.shown_as == "plane":
        across, up = found.keys
        return figures.plane_of_heads(
            drawing.heads, found.weights, (across, up), chosen=drawing.cell, title=title, theme=theme
        )
    if drawing.shown_as == "matrix":
        return figures.matrix(found.weights, found.queries, found.keys, title=title, theme=theme)
    return figures.weight_map(
        found.weights, found.queries, found.keys, title=title, scale=drawing.scale, top=drawing.top,
        says=drawing.axes[2], theme=theme,
    )  # fmt: skip


def _svg(picture: Picture) -> str:
    """The view as it is drawn, without the XML declaration, which HTML does not know."""
    from attnviz.export.marks import drawn

    file = drawn(picture, "svg").decode()
    return file[file.index("<svg") :]
