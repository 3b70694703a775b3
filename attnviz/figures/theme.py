"""Ink and paper: the colours and the type that all figures share."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

FONT = "'Source Sans', 'Segoe UI', system-ui, sans-serif"  # the first comes with Streamlit's own pages
MARKS = str.maketrans({"\t": "⇥", "\n": "⏎", "\r": "␍"})
HEAD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
WEIGHTS = {"numbers": "weights"}  # meta of a heatmap whose cells have room for their numbers on paper
STOPS = (0, 0.08, 0.3, 0.6, 0.85, 1)


@dataclass(frozen=True)
class Theme:
    """Colours of one theme. `ink` runs from "no weight" to "all the weight" at STOPS; zero is nearly the page."""

    page: str
    text: str
    faint: str
    accent: str
    alarm: str
    ink: tuple[str, ...]

    def ink_scale(self, top: float = 1.0) -> list[tuple[float, str]]:
        """A Plotly colour scale; with `top` < 1 the ink ends there, and what lies above is transparent."""
        scale = [(stop * top, colour) for stop, colour in zip(STOPS, self.ink)]
        if top < 1:
            scale += [(top + (1 - top) / 2, "rgba(0,0,0,0)"), (1.0, "rgba(0,0,0,0)")]
        return scale

    def signed_scale(self) -> list[tuple[float, str]]:
        """A Plotly colour scale from -1 through the page's colour to 1: orange and blue, apart for every eye."""
        return [(0, self.alarm), (0.5, self.ink[0]), (1, self.accent)]


THEMES = {
    "light": Theme("#fcfbf7", "#1b1f2a", "#6f7480", "#2f55b8", "#b4440f",
                   ("#f6f4ee", "#e3e8f3", "#a9bde3", "#5f7fca", "#2f49a0", "#141c4a")),
    "dark": Theme("#12151c", "#e8e6df", "#9aa0ab", "#8fb6ff", "#ffab6b",
                  ("#171b22", "#1f2a44", "#2f5597", "#5b9bd5", "#bfe0f5", "#fff7d6")),
}  # fmt: skip


def styled(figure: go.Figure, theme: str, *, height: int, margin: dict[str, int], title: str) -> go.Figure:
    """The layout that all figures share; what a figure has set of its axes stays.

    `margin` is in pixels, so that no label moves the plot when it is resized. The layout is assigned once: Plotly
    checks every single update anew, which takes longer than all the rest of a small figure.
    """
    colours = THEMES[theme]
    layout = {"xaxis": {}, "yaxis": {}} | figure.layout.to_plotly_json()
    still = {"automargin": False, "zeroline": False, "showgrid": False, "ticks": "", "constrain": "domain"}
    for name, axis in layout.items():
        if name.startswith("xaxis"):
            layout[name] = still | {"constraintoward": "left"} | axis
        elif name.startswith("yaxis"):
            layout[name] = still | {"constraintoward": "top"} | axis
    figure.layout = layout | {
        "template": "none",
        "title": {"text": title, "x": 0, "xref": "paper", "xanchor": "left", "y": 1, "yref": "container",
                  "yanchor": "top", "pad": {"t": 4}, "font": {"size": 17, "weight": 650}},
        "height": height,
        "margin": margin,
        "font": {"family": FONT, "size": 13, "color": colours.text},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": colours.page, "bordercolor": colours.faint,
                       "font": {"family": FONT, "color": colours.text, "size": 14}},
        "showlegend": False,
        "dragmode": "zoom",
    }  # fmt: skip
    return figure


def token_labels(tokens: Sequence[str]) -> dict[str, str]:
    """Axis labels by position: repeated tokens stay apart, and a token is never read as markup."""
    return {str(i): html.escape(shortened(token)) for i, token in enumerate(tokens)}


def visible(token: str) -> str:
    """A token as something to see: white space becomes a mark."""
    return token.translate(MARKS) if token.strip(" ") else "␣" * max(1, len(token))


def shortened(token: str, limit: int = 14) -> str:
    """Fit for an axis."""
    return token if len(token) <= limit else token[: limit - 1] + "…"
