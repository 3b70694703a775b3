"""Charts on paper: what `figures` draws with Plotly, drawn by matplotlib from the same figure, in the same places.

Sizes are Plotly's pixels, of 1/96 inch, counted from the top left of the sheet.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from attnviz.export import marks, paper
from attnviz.export.figure_set import FigureSet
from attnviz.export.tables import RAISED, axis_of, legible
from attnviz.figures.theme import THEMES, WEIGHTS

INCH, POINT = 96, 0.75  # pixels of an inch, points of a pixel
ALONE, BESIDE, GAP = 672, 480, 28  # pixels: a chart, one of two beside each other, and what is between them
DASHES: dict[str, Any] = {"dash": (0, (4, 2.5)), "dot": (0, (1, 1.8))}
SYMBOLS = {"circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "x": "X", "line-ns": "|"}
IN_FRONT, BEHIND = 3, -1  # of all axes
WITH_NUMBERS = 16  # rows or columns up to which each cell of a map says its number
INVISIBLE = 0.01  # opacity of markers that only a pointer meets


@dataclass(frozen=True)
class Box:
    """Part of a sheet."""

    left: float
    top: float
    width: float
    height: float


def painted(figures: FigureSet, ending: str) -> bytes:
    """A set as a file: "svg", "png" or "pdf", its pictures beside each other, their provenance below and inside."""
    with paper.settings():
        if figures.marks is not None:
            sheet, place = marks.drawn(figures.marks)
            return paper.saved(sheet, figures, ending, place)
        boxes = list(_boxes([figure.layout.height for figure in figures.figures.values()]))
        width = max(box.left + box.width for box in boxes)
        height = max(box.top + box.height for box in boxes) + GAP
        sheet = Figure((width / INCH, height / INCH), facecolor=THEMES[figures.theme].page)
        for (name, figure), box in zip(figures.figures.items(), boxes):
            _Chart(sheet, name, figure, box, figures.theme).draw()
        return paper.saved(sheet, figures, ending, sheet.transFigure)


def _boxes(heights: Sequence[float]) -> Iterator[Box]:
    """Two charts to a line, or all of three, in lines as tall as their tallest."""
    top, width, columns = 0.0, ALONE if len(heights) == 1 else BESIDE, 3 if len(heights) == 3 else 2
    for start in range(0, len(heights), columns):
        line = heights[start : start + columns]
        for place, height in enumerate(line):
            yield Box(place * (width + GAP), top, width, height)
        top += max(line) + GAP


class _Chart:
    """One figure on its part of a sheet. Axes are kept by the names that Plotly has for a pair of them."""

    def __init__(self, sheet: Figure, name: str, figure: go.Figure, box: Box, theme: str) -> None:
        self.sheet, self.name, self.figure, self.box = sheet, name, figure, box
        self.theme, self.colours, self.layout = theme, THEMES[theme], figure.layout
        margin = self.layout.margin
        self.plot = Box(
            box.left + margin.l, box.top + margin.t, box.width - margin.l - margin.r, box.height - margin.t - margin.b
        )
        self.size = self.layout.font.size or 13
        self.axes: dict[tuple[str, str], Axes] = {}

    def draw(self) -> None:
        for trace in self.figure.data:
            self._axes_of(trace.xaxis or "x", trace.yaxis or "y")
        bars = [trace for trace in self.figure.data if trace.type == "bar"]
        for place, trace in enumerate(self.figure.data):
            axes = self.axes[trace.xaxis or "x", trace.yaxis or "y"]
            before = set(axes.get_children())
            if trace.type == "heatmap":
                self._cells(axes, trace)
            elif trace.type == "bar":
                self._bars(axes, trace, bars.index(trace), len(bars))
            else:
                self._points(axes, trace)
            for artist in set(axes.get_children()) - before:
                artist.set_gid(f"{self.name} {place}")
        for shape in self.layout.shapes:
            self._shape(shape)
        for note in self.layout.annotations:
            self._note(note)
        title = self.layout.title
        left = self.box.left if title.xref == "container" else self.plot.left
        self._text(left, self.box.top + 4, title.text, title.font.size or 17, self.colours.text, "left", "top", "bold")
        if self.layout.showlegend:
            self._legend()

    # places

    def _on_sheet(self, x: float, y: float) -> tuple[float, float]:
        """Pixels from the top left as matplotlib's shares from the bottom left."""
        width, height = self.sheet.get_size_inches() * INCH
        return x / width, 1 - y / height

    def _pixel(self, ref: str | None, letter: str, value: float, *, of_note: bool = False) -> float:
        """Where a value of an axis, or a share of the plot, lies on the sheet; a note gives the power on a log axis."""
        ref = ref or letter
        if ref == "paper":
            return self.plot.left + value * self.plot.width if letter == "x" else self._from_top(self.plot, value)
        axis, _, of_domain = ref.partition(" ")
        axes = next(axes for refs, axes in self.axes.items() if axis in refs)
        box = axes.get_position()
        width, height = self.sheet.get_size_inches() * INCH
        domain = Box(box.x0 * width, (1 - box.y1) * height, box.width * width, box.height * height)
        if not of_domain:
            low, high = axes.get_xlim() if letter == "x" else axes.get_ylim()
            if axis_of(self.figure, axis, letter).type == "log":
                low, high, value = math.log10(low), math.log10(high), value if of_note else math.log10(value)
            value = (value - low) / (high - low)
        return domain.left + value * domain.width if letter == "x" else self._from_top(domain, value)

    def _from_top(self, box: Box, share: float) -> float:
        return box.top + (1 - share) * box.height

    # axes

    def _axes_of(self, x_ref: str, y_ref: str) -> None:
        if (x_ref, y_ref) in self.axes:
            return
        across, up = axis_of(self.figure, x_ref, "x"), axis_of(self.figure, y_ref, "y")
        x_range, y_range = self._range(across, x_ref, "x"), self._range(up, y_ref, "y")
        (left, right), (bottom, top) = across.domain or (0, 1), up.domain or (0, 1)
        box = Box(
            self.plot.left + left * self.plot.width, self._from_top(self.plot, top), (right - left) * self.plot.width,
            (top - bottom) * self.plot.height,
        )  # fmt: skip
        if up.scaleanchor:  # cells as wide as they are tall, from the top left
            spans = abs(x_range[1] - x_range[0]), abs(y_range[1] - y_range[0])
            side = min(box.width / spans[0], box.height / spans[1])
            box = Box(box.left, box.top, side * spans[0], side * spans[1])
        width, height = self.sheet.get_size_inches() * INCH
        corner = self._on_sheet(box.left, box.top + box.height)
        axes = self.sheet.add_axes((*corner, box.width / width, box.height / height), facecolor="none")
        axes.set(
            xscale="log" if across.type == "log" else "linear", yscale="log" if up.type == "log" else "linear",
            xlim=x_range, ylim=y_range,
        )  # fmt: skip
        axes.set_axisbelow(True)
        axes.minorticks_off()
        axes.spines[:].set_visible(False)
        for ours, axis, ref, letter in ((axes.xaxis, across, x_ref, "x"), (axes.yaxis, up, y_ref, "y")):
            self._scale(axes, ours, axis, ref, letter)
        if across.anchor and across.anchor != y_ref:  # one axis below several charts
            axes.tick_params("x", labelbottom=False)
            axes.set_xlabel("")
        self.axes[x_ref, y_ref] = axes

    def _scale(self, axes: Axes, ours: Any, axis: Any, ref: str, letter: Any) -> None:
        """Ticks, what stands at them, lines and the title of one axis."""
        above = letter == "x" and axis.side == "top"
        if above:
            ours.tick_top()
            ours.set_label_position("top")
        low, high = sorted(axes.get_xlim() if letter == "x" else axes.get_ylim())
        ticks = self._ticks(axis, ref, letter, low, high)
        if ticks is None:
            ours.set_major_locator(MaxNLocator(axis.nticks or 6, steps=[1, 2, 5, 10]))
            ours.set_major_formatter(FuncFormatter(lambda value, _: _number(value, axis.tickformat)))
        else:
            ours.set_major_locator(FixedLocator([place for place, _ in ticks]))
            names = dict(ticks)
            ours.set_major_formatter(FuncFormatter(lambda value, _: names.get(value, "")))
        colour = axis.tickfont.color or self.colours.text
        axes.tick_params(letter, length=0, labelsize=(axis.tickfont.size or 12) * POINT, labelcolor=colour)
        if axis.showticklabels is False:
            axes.tick_params(letter, labelbottom=False, labelleft=False)
        if above and axis.tickangle:
            for label in axes.get_xticklabels():
                label.set(rotation=-axis.tickangle, ha="left", rotation_mode="anchor")
        if axis.showgrid:
            axes.grid(axis=letter, color=axis.gridcolor or self.colours.ink[1], linewidth=POINT)
        if axis.zeroline:
            line = {"color": axis.zerolinecolor, "linewidth": POINT, "zorder": 0.5}
            axes.axvline(0, **line) if letter == "x" else axes.axhline(0, **line)
        if axis.showline:
            spine = axes.spines["bottom" if letter == "x" else "left"]
            spine.set(visible=True, edgecolor=axis.linecolor, linewidth=POINT)
        ours.set_label_text(paper.in_xml(legible(axis.title.text)), color=self.colours.text, size=self.size * POINT)

    def _ticks(self, axis: Any, ref: str, letter: str, low: float, high: float) -> list[tuple[float, str]] | None:
        """Places and what stands there; None where any round numbers will do."""
        if axis.tickvals is not None:
            values = [float(value) for value in axis.tickvals]
            said = axis.ticktext or [_number(value, axis.tickformat) for value in values]
            return list(zip(values, (paper.in_xml(legible(str(one))) for one in said)))
        names = self._categories(ref, letter)
        if names:
            return [(place, paper.in_xml(name)) for place, name in enumerate(names)]
        if axis.type == "log":
            powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1, int(axis.dtick or 1))
            return [(10.0**power, "10" + str(power).translate(RAISED)) for power in powers]
        if axis.dtick:
            step = float(axis.dtick)
            places = [step * count for count in range(math.ceil(low / step), math.floor(high / step) + 1)]
            alias = axis.labelalias or {}
            return [
                (place, paper.in_xml(legible(alias.get(name, name))))
                for place in places
                for name in [_number(place, axis.tickformat)]
            ]
        return None

    def _categories(self, ref: str, letter: str) -> list[str]:
        """The names on an axis, where its places are names."""
        found = [
            str(place)
            for trace in self.figure.data
            if (trace[f"{letter}axis"] or letter) == ref and trace[letter] is not None
            for place in trace[letter]
            if isinstance(place, str)
        ]
        return [legible(name) for name in dict.fromkeys(found)]

    def _places(self, trace: Any, letter: str) -> np.ndarray:
        values = trace[letter]
        if values is None:
            values = range(len(trace["y" if letter == "x" else "x"]))
        names = self._categories(trace[f"{letter}axis"] or letter, letter)
        if names:
            return np.array([names.index(legible(str(value))) for value in values], dtype=float)
        return np.asarray(values, dtype=float)

    def _range(self, axis: Any, ref: str, letter: str) -> tuple[float, float]:
        """What an axis shows, from its beginning to its end."""
        powers = axis.type == "log"
        if axis.range is not None:
            low, high = (10.0**end if powers else float(end) for end in axis.range)
            return low, high
        ends: list[float] = []
        more = 0.05
        for trace in self.figure.data:
            if (trace[f"{letter}axis"] or letter) != ref:
                continue
            if trace.type == "heatmap":
                n = np.shape(trace.z)[1 if letter == "x" else 0]
                low, high = -0.5, n - 0.5
                return (high, low) if axis.autorange == "reversed" else (low, high)
            places = self._places(trace, letter)
            if trace.type == "bar":
                if (trace.orientation == "h") == (letter == "x"):
                    ends += [0.0, *places]
                else:
                    ends, more = [*ends, places.min() - 0.5, places.max() + 0.5], 0.0
            else:
                ends += list(places[np.isfinite(places)])
        if axis.rangemode == "tozero" and not powers:
            ends.append(0.0)
        low, high = (math.log10(min(ends)), math.log10(max(ends))) if powers else (min(ends), max(ends))
        more = more * (high - low) or (0.5 if low == high else 0.0)
        low, high = low - (0 if low == 0 else more), high + more
        return (10**low, 10**high) if powers else (low, high)

    # traces

    def _points(self, axes: Axes, trace: Any) -> None:
        x, y = self._places(trace, "x"), self._places(trace, "y")
        mode, opacity = trace.mode or "lines", 1.0 if trace.opacity is None else trace.opacity
        if trace.fill == "toself":
            axes.fill(x, y, color=trace.fillcolor, alpha=opacity, linewidth=0)
        if "lines" in mode:
            axes.plot(
                x, y, color=trace.line.color, linewidth=(trace.line.width or 2) * POINT, alpha=opacity,
                linestyle=DASHES.get(trace.line.dash, "-"),
                drawstyle="steps-post" if trace.line.shape == "hv" else "default",
            )  # fmt: skip
        if trace.error_x.array is not None:
            axes.errorbar(
                x, y, xerr=np.array([trace.error_x.arrayminus, trace.error_x.array]), fmt="none",
                ecolor=trace.error_x.color, elinewidth=trace.error_x.thickness * POINT,
                capsize=trace.error_x.width * POINT,
            )  # fmt: skip
        if "markers" in mode:
            self._markers(axes, trace, x, y)
        if "text" in mode:
            up, _, across = (trace.textposition or "middle center").partition(" ")
            for left, bottom, text in zip(x, y, trace.text):
                shift = 8 if "markers" in mode else 3
                axes.annotate(
                    paper.in_xml(legible(text)), (left, bottom), textcoords="offset points", annotation_clip=False,
                    xytext=(
                        {"left": -shift, "right": shift}.get(across, 0),
                        {"top": shift, "bottom": -shift}.get(up, 0),
                    ),
                    ha={"left": "right", "right": "left"}.get(across, "center"),
                    va={"top": "bottom", "bottom": "top"}.get(up, "center"),
                    size=(trace.textfont.size or 12) * POINT, color=trace.textfont.color or self.colours.text,
                )  # fmt: skip

    def _markers(self, axes: Axes, trace: Any, x: np.ndarray, y: np.ndarray) -> None:
        """Each marker as its trace says, or as it says of each point."""
        marker = trace.marker
        own = self._marker_colours(trace)

        def of(value: Any, place: int, otherwise: Any) -> Any:
            value = otherwise if value is None else value
            return value[place] if isinstance(value, list | tuple | np.ndarray) else value

        by_look: dict[tuple, list[int]] = {}
        for place in range(len(x)):
            symbol, colour = (
                of(marker.symbol, place, "circle"),
                of(own, place, trace.line.color or self.colours.accent),
            )
            look = symbol, colour, of(marker.size, place, 6), of(marker.line.color, place, colour)
            by_look.setdefault(look, []).append(place)
        for (symbol, colour, size, edge), places in by_look.items():
            hollow, face = symbol.endswith("-open"), _rgba(colour)
            if face[3] < INVISIBLE:
                continue
            shape = SYMBOLS[symbol.removesuffix("-open")]
            edge = colour if hollow else edge
            colours = (
                {"color": [_rgba(edge)]}
                if shape == "|"
                else {"facecolors": "none" if hollow else [face], "edgecolors": [_rgba(edge)]}
            )
            axes.scatter(
                x[places], y[places], marker=shape, s=(size * POINT) ** 2, **colours, clip_on=False, zorder=2.5,
                linewidths=(marker.line.width or 0) * POINT,
            )  # fmt: skip

    def _marker_colours(self, trace: Any) -> Any:
        """What the trace says of its markers' colours; numbers become the colours that its scale has for them."""
        marker = trace.marker
        if not isinstance(marker.color, list | tuple | np.ndarray) or any(isinstance(one, str) for one in marker.color):
            return marker.color
        stops = [(stop, _rgba(colour)) for stop, colour in marker.colorscale]
        scale = LinearSegmentedColormap.from_list("markers", stops)
        numbers = np.asarray(marker.color, dtype=float)
        low = numbers.min() if marker.cmin is None else marker.cmin
        high = numbers.max() if marker.cmax is None else marker.cmax
        shades = Normalize(low, high)
        if marker.colorbar.title.text is not None:
            axes = self.axes[trace.xaxis or "x", trace.yaxis or "y"]
            self._colour_bar(ScalarMappable(shades, scale), marker.colorbar, axes)
        return [to_hex(colour, keep_alpha=True) for colour in scale(shades(numbers))]

    def _bars(self, axes: Axes, trace: Any, place: int, n_bars: int) -> None:
        """One of several rows of bars beside each other."""
        flat = trace.orientation == "h"
        at, long = (self._places(trace, letter) for letter in ("yx" if flat else "xy"))
        gap = 0.2 if self.layout.bargap is None else self.layout.bargap
        thick = (1 - gap) / n_bars
        at = at + (place - (n_bars - 1) / 2) * thick
        marker = trace.marker
        hatched = {"hatch": "////", "facecolor": "none", "edgecolor": marker.color} if marker.pattern.shape else {}
        look = hatched or {"color": marker.color, "linewidth": 0}
        axes.barh(at, long, thick, **look) if flat else axes.bar(at, long, thick, **look)

    def _cells(self, axes: Axes, trace: Any) -> None:
        values = np.ma.masked_invalid(np.asarray(trace.z, dtype=float))
        ink = LinearSegmentedColormap.from_list("ink", [(stop, _rgba(colour)) for stop, colour in trace.colorscale])
        low, high = (values.min(), values.max()) if trace.zmin is None else (trace.zmin, trace.zmax)
        rows, columns = values.shape
        gap = {"edgecolors": self.colours.page, "linewidth": trace.xgap * POINT} if trace.xgap else {"rasterized": True}
        cells = axes.pcolormesh(
            np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5, values, cmap=ink, vmin=low, vmax=high, **gap
        )
        texts = self._texts(trace, values)
        fits = 0.36 * axes.get_position().width * self.sheet.get_figwidth() * INCH / columns
        size = trace.textfont.size or (12 if trace.texttemplate else min(12, fits))
        if texts is not None:
            for (i, j), text in np.ndenumerate(texts):
                shade = ink((values.filled(low)[i, j] - low) / (high - low))
                axes.text(
                    j, i, paper.in_xml(legible(str(text))), ha="center", va="center",
                    size=size * POINT, color=paper.on_ink(shade, self.theme),
                )  # fmt: skip
        if trace.showscale is not False:
            self._colour_bar(cells, trace.colorbar, axes)

    def _texts(self, trace: Any, values: np.ndarray) -> np.ndarray | None:
        """What stands in each cell: as on screen, or, in a small map of weights, which a pointer tells there, these."""
        if trace.texttemplate:
            return np.asarray(trace.text, dtype=object)
        if trace.meta != WEIGHTS or max(values.shape) > WITH_NUMBERS:
            return None
        numbers = np.asarray(trace.z if trace.customdata is None else trace.customdata, dtype=float)
        return np.array([[_in_cell(number) for number in row] for row in numbers], dtype=object)

    def _colour_bar(self, cells: ScalarMappable, bar: Any, beside: Axes) -> None:
        """Beside the plot, or, lying, in the chart's top right corner."""
        lying, width, height = bar.orientation == "h", *(self.sheet.get_size_inches() * INCH)
        if lying:
            right = self.plot.left + self.plot.width
            left, bottom = self._on_sheet(right - bar.len, self.box.top + 34)
            place = (left, bottom, bar.len / width, bar.thickness / height)
        else:
            box = beside.get_position()
            place = (box.x1 + 8 / width, box.y0, bar.thickness / width, box.height)
        axes = self.sheet.add_axes(place)
        drawn = self.sheet.colorbar(cells, cax=axes, orientation="horizontal" if lying else "vertical")
        if bar.tickvals is not None:
            low, high = cells.get_clim()
            ticks = [(at, str(name)) for at, name in zip(bar.tickvals, bar.ticktext) if low <= at <= high]
            drawn.set_ticks([at for at, _ in ticks], labels=[name for _, name in ticks])
        elif bar.tickformat == "d":
            drawn.locator = MaxNLocator(integer=True)
        axes.tick_params(labelsize=8, labelcolor=self.colours.text, length=0)
        drawn.outline.set_visible(False)
        drawn.set_label(legible(bar.title.text), size=8, color=self.colours.text)
        if lying:
            axes.xaxis.set_label_position("top")

    # what stands on them

    def _shape(self, shape: Any) -> None:
        x0, x1 = (self._pixel(shape.xref, "x", value) for value in (shape.x0, shape.x1))
        y0, y1 = (self._pixel(shape.yref, "y", value) for value in (shape.y0, shape.y1))
        y0, y1 = (min(max(y, self.plot.top), self.plot.top + self.plot.height) for y in (y0, y1))
        (left, top), (right, bottom) = self._on_sheet(x0, y0), self._on_sheet(x1, y1)
        line = {
            "color": shape.line.color, "linewidth": (2 if shape.line.width is None else shape.line.width) * POINT,
            "linestyle": DASHES.get(shape.line.dash, "-"),
        }  # fmt: skip
        if shape.type == "line":
            self.sheet.add_artist(Line2D([left, right], [top, bottom], **line, zorder=IN_FRONT))
            return
        filled = shape.fillcolor is not None and not shape.line.width
        look = (
            {"facecolor": shape.fillcolor, "alpha": shape.opacity, "linewidth": 0}
            if filled
            else {"facecolor": "none", "edgecolor": line.pop("color"), **line}
        )
        corner, size = (min(left, right), min(top, bottom)), (abs(right - left), abs(top - bottom))
        below = BEHIND if shape.layer == "below" else IN_FRONT
        self.sheet.add_artist(Rectangle(corner, *size, **look, zorder=below, transform=self.sheet.transFigure))

    def _note(self, note: Any) -> None:
        """A text, or the arrow that has none."""
        x = self._pixel(note.xref, "x", note.x, of_note=True) + (note.xshift or 0)
        y = self._pixel(note.yref, "y", note.y, of_note=True) - (note.yshift or 0)
        if note.axref:
            axes = self.axes[note.xref, note.yref]
            arrow = {"arrowstyle": "-|>", "color": note.arrowcolor, "linewidth": note.arrowwidth * POINT,
                     "shrinkA": 0, "shrinkB": 0}  # fmt: skip
            axes.annotate("", (note.x, note.y), (note.ax, note.ay), arrowprops=arrow)
            return
        across = note.xanchor if note.xanchor in ("left", "right") else "center"
        up = note.yanchor if note.yanchor in ("top", "bottom") else "center"
        self._text(x, y, note.text, note.font.size or self.size, note.font.color or self.colours.text, across, up)

    def _text(
        self, x: float, y: float, text: str, size: float, colour: str, across: str, up: str, weight: str = "normal"
    ) -> None:
        self.sheet.text(
            *self._on_sheet(x, y), paper.in_xml(legible(text)), ha=across, va=up, size=size * POINT, color=colour,
            weight=weight, zorder=IN_FRONT,
        )  # fmt: skip

    def _legend(self) -> None:
        """The traces that have a name, in a line above the plot."""
        handles: list[Any] = []
        for trace in self.figure.data:
            if not trace.name or trace.showlegend is False:
                continue
            name = paper.in_xml(legible(trace.name))
            if trace.type == "bar":
                hatch = "////" if trace.marker.pattern.shape else None
                face = "none" if hatch else trace.marker.color
                handles.append(Patch(facecolor=face, hatch=hatch, edgecolor=trace.marker.color, label=name))
                continue
            mode = trace.mode or "lines"
            symbol = SYMBOLS[trace.marker.symbol or "circle"] if "markers" in mode else None
            line: Any = DASHES.get(trace.line.dash, "-") if "lines" in mode else "none"
            colour = trace.line.color if "lines" in mode else trace.marker.color
            width = (trace.line.width or 2) * POINT
            handles.append(
                Line2D([], [], color=colour, linestyle=line, linewidth=width, marker=symbol, markersize=5, label=name)
            )
        corner = self._on_sheet(self.plot.left, self._from_top(self.plot, self.layout.legend.y or 1.02))
        self.sheet.legend(
            handles=handles, loc="lower left", bbox_to_anchor=corner, ncols=len(handles), frameon=False,
            fontsize=self.size * POINT, labelcolor=self.colours.text, borderpad=0, borderaxespad=0, columnspacing=1.2,
        )  # fmt: skip


def _rgba(colour: str) -> tuple[float, float, float, float]:
    """A colour as Plotly writes it."""
    if not colour.startswith("rgb"):
        return to_rgba(colour)
    red, green, blue, *alpha = (float(part) for part in colour[colour.index("(") + 1 : -1].split(","))
    return red / 255, green / 255, blue / 255, alpha[0] if alpha else 1.0


def _in_cell(number: float) -> str:
    """A weight as a cell has room for it; nothing where there is none."""
    return "" if np.isnan(number) else "−∞" if np.isneginf(number) else f"{number:.2f}"


def _number(value: float, format_: str | None) -> str:
    """A number at a tick, in Plotly's words for its format."""
    if format_ in ("d", ",", ".0%"):
        return f"{value:.0%}" if format_ == ".0%" else f"{value:{',' if format_ == ',' else ''}.0f}"
    return f"{value:.6g}".replace("-", "−")
