"""One HTML file that opens without a network: the view, its numbers under the pointer, and where they come from."""

import html

from attnviz import figures
from attnviz.export.pictures import Picture
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


def page(picture: Picture) -> str:
    """The heatmap as Plotly draws it, with its script inside; any other view stands above it as an SVG."""
    found, colours = picture.reading, THEMES[picture.theme]
    figure = figures.weight_map(
        found.weights, found.queries, found.keys, title=picture.title, scale=picture.scale, top=picture.top,
        theme=picture.theme,
    )  # fmt: skip
    return PAGE.format(
        title=html.escape(f"{picture.title} of {picture.provenance.model}"),
        provenance=html.escape("\n".join(picture.provenance.lines())),
        notes="".join(f"<p>{html.escape(note)}</p>" for note in found.notes),
        drawn="" if picture.shown_as == "heatmap" else _svg(picture),
        figure=figure.to_html(include_plotlyjs=True, full_html=False, config={"displayModeBar": False}),
        python=html.escape(picture.python),
        page=colours.page, text=colours.text, faint=colours.faint,
    )  # fmt: skip


def _svg(picture: Picture) -> str:
    """The view as it is drawn, without the XML declaration, which HTML does not know."""
    from attnviz.export.static import drawn

    file = drawn(picture, "svg").decode()
    return file[file.index("<svg") :]
