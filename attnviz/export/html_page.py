"""One HTML file that opens without a network: the view, its numbers under the pointer, and where they come from."""

import html

from attnviz.export.figure_set import FigureSet
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


def page(figures: FigureSet) -> str:
    """Each figure as on screen, with Plotly's script inside once; lines, text and table stand above as an SVG."""
    colours = THEMES[figures.theme]
    return PAGE.format(
        title=html.escape(figures.title),
        provenance=html.escape("\n".join(figures.provenance)),
        notes="".join(f"<p>{html.escape(note)}</p>" for note in figures.notes),
        drawn=_svg(figures) if figures.marks is not None else "",
        figure="\n".join(
            figure.to_html(include_plotlyjs=place == 0, full_html=False, config={"displayModeBar": False})
            for place, figure in enumerate(figures.figures.values())
        ),
        python=html.escape(figures.python),
        page=colours.page, text=colours.text, faint=colours.faint,
    )  # fmt: skip


def _svg(figures: FigureSet) -> str:
    """The marks as they are painted, without the XML declaration, which HTML does not know."""
    from attnviz.export.paint import painted

    file = painted(figures, "svg").decode()
    return file[file.index("<svg") :]
