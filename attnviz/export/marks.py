"""Views on paper: SVG, PNG and PDF by matplotlib, from the numbers on screen, text kept as text."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from attnviz.export import paper
from attnviz.export.figure_set import Drawing, Picture
from attnviz.figures.heatmap import ROW, mosaic_of, scaled
from attnviz.figures.theme import HEAD_COLOURS, THEMES, shortened, visible
from attnviz.maps.attention_map import strongest_cells

WITH_NUMBERS = 16  # rows or columns up to which each cell says its weight
SHAPES = 128  # rows or columns up to which each cell is a shape; a larger map is one image
FAINTEST_LINE = 0.02  # as on screen
WIDTH = 7.0  # inches, without the tokens beside a map
LINE = 17  # points from one line of tokens to the next
IN_A_ROW, BETWEEN = 3, 1.6  # maps beside each other, and the inches from one to the next
LARGEST_CELL = 0.5  # inches
ROLES = {"from": "from (queries)", "to": "to (keys)"}


def drawn(picture: Picture, ending: str) -> bytes:
    """A picture as a file: "svg", "png" or "pdf", with titles above, and its provenance below and inside."""
    with paper.settings():
        figure = Figure(facecolor=THEMES[picture.theme].page)
        if len(picture.drawings) > 1:
            _side_by_side(figure, picture.drawings)
        else:
            _draw(figure, figure.add_axes((0, 0, 1, 1)), picture.drawings[0])
        first = figure.axes[0]
        below = 14 + 72 * first.get_position().y0 * figure.get_figheight()  # points
        below += 30 if picture.drawings[0].shown_as == "plane" else 0  # for the numbers and the name under it
        place = first.transAxes + ScaledTranslation(0, -below / 72, figure.dpi_scale_trans)
        return paper.saved(figure, picture, ending, place)


def _draw(figure: Figure, axes: Axes, drawing: Drawing) -> None:
    """The only drawing of a picture, which makes the figure as large as it needs."""
    draw = {"lines": _lines, "strip": _strip, "table": _table, "grid": _grid, "plane": _plane}
    if drawing.shown_as in draw:
        draw[drawing.shown_as](figure, axes, drawing)
    else:
        n_rows, n_columns = drawing.reading.weights.shape
        figure.set_size_inches(WIDTH, WIDTH * n_rows / n_columns)
        _cells(axes, drawing)
    _title(axes, drawing)


def _side_by_side(figure: Figure, drawings: Sequence[Drawing]) -> None:
    """Maps, at most IN_A_ROW beside each other, all with cells of one size."""
    widest = max(max(drawing.reading.weights.shape) for drawing in drawings)
    cell = min(LARGEST_CELL, WIDTH / 2 / widest)
    lines = [drawings[start : start + IN_A_ROW] for start in range(0, len(drawings), IN_A_ROW)]
    column = cell * max(drawing.reading.weights.shape[1] for drawing in drawings) + BETWEEN
    heights = [cell * max(drawing.reading.weights.shape[0] for drawing in line) for line in lines]
    width, height = column * len(lines[0]) - BETWEEN, sum(heights) + BETWEEN * (len(lines) - 1)
    figure.set_size_inches(width, height)
    bottom = height
    for line, tallest in zip(lines, heights):
        for place, drawing in enumerate(line):
            tall, wide = (cell * n for n in drawing.reading.weights.shape)
            axes = figure.add_axes((place * column / width, (bottom - tall) / height, wide / width, tall / height))
            _cells(axes, drawing)
            _title(axes, drawing)
        bottom -= tallest + BETWEEN


def _title(axes: Axes, drawing: Drawing) -> None:
    colour = THEMES[drawing.theme].text
    axes.set_title(paper.in_xml(drawing.title), loc="left", size=13, weight="bold", color=colour, pad=12)


def _cells(axes: Axes, drawing: Drawing) -> None:
    """Rows and columns as ink, each small enough a map with its numbers; what is NaN or infinite stays paper."""
    found, colours, ink = drawing.reading, THEMES[drawing.theme], _ink(drawing)
    values, low, high, ticks = scaled(found.weights, drawing.scale, drawing.top)
    gap = {"edgecolors": colours.page, "linewidth": 0.8} if max(values.shape) <= SHAPES else {"rasterized": True}
    cells = axes.pcolormesh(values, cmap=ink, vmin=low, vmax=high, **gap)
    axes.set_facecolor(colours.page)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    if max(values.shape) <= WITH_NUMBERS:
        for (i, j), number in np.ndenumerate(found.weights):
            shade = ink((values[i, j] - low) / (high - low)) if np.isfinite(values[i, j]) else colours.page
            axes.text(
                j + 0.5,
                i + 0.5,
                _number(number, 4 if drawing.shown_as == "matrix" else 2),
                ha="center",
                va="center",
                size=7,
                color=paper.on_ink(shade, drawing.theme),
            )
    step = -(-max(values.shape) // 48)
    size = 9 if max(values.shape) <= 32 else 6
    for axis, tokens in ((axes.xaxis, found.keys), (axes.yaxis, found.queries)):
        axis.set_ticks([place + 0.5 for place in range(0, len(tokens), step)], [_token(one) for one in tokens[::step]])
    axes.tick_params("both", length=0, labelsize=size, labelcolor=colours.text)
    axes.tick_params("x", labeltop=True, labelbottom=False)
    for label in axes.get_xticklabels():
        label.set(rotation=60, ha="left", rotation_mode="anchor")
    axes.spines[:].set_visible(False)
    if drawing.shown_as == "matrix":
        return
    rows, columns, numbers = drawing.axes
    axes.set_ylabel(ROLES.get(rows, rows), size=8, color=colours.faint)
    axes.set_xlabel(ROLES.get(columns, columns), size=8, color=colours.faint)
    axes.xaxis.set_label_position("top")
    bar = axes.figure.colorbar(cells, cax=axes.inset_axes((1.03, 0, 0.02, 0.4)), ticks=list(ticks))
    bar.set_ticklabels(list(ticks.values()), size=7, color=colours.text)
    bar.set_label(ROW if drawing.scale == "row" else numbers, size=7, color=colours.text)
    bar.outline.set_visible(False)


def _grid(figure: Figure, axes: Axes, drawing: Drawing) -> None:
    """Every head's small map, layers down and heads across, as one image."""
    colours = THEMES[drawing.theme]
    mosaic, xs, ys, gap = mosaic_of(drawing.reading.weights, drawing.heads)
    figure.set_size_inches(WIDTH, WIDTH * mosaic.shape[0] / mosaic.shape[1])
    axes.set_facecolor(colours.page)
    axes.imshow(mosaic, cmap=_ink(drawing), vmin=0, vmax=1, interpolation="none")
    for axis, places, letter in ((axes.xaxis, xs, "H"), (axes.yaxis, ys, "L")):
        step = -(-len(places) // 24)
        names = [f"{letter}{number}" for number in range(0, len(places), step)]
        axis.set_ticks(places[::step], names, size=8, color=colours.text)
    axes.tick_params("both", length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    if drawing.cell is not None:
        layer, head = drawing.cell
        tall, wide = (side + gap for side in drawing.reading.weights.shape[1:])
        corner = xs[head] - wide / 2, ys[layer] - tall / 2
        axes.add_patch(Rectangle(corner, wide, tall, fill=False, edgecolor=colours.alarm, linewidth=1.5, clip_on=False))


def _plane(figure: Figure, axes: Axes, drawing: Drawing) -> None:
    """A point a head with its name beside it, in its layer's ink; the chosen one in a diamond."""
    colours, points = THEMES[drawing.theme], drawing.reading.weights
    figure.set_size_inches(WIDTH, 0.75 * WIDTH)
    axes.set_facecolor(colours.page)
    ink = LinearSegmentedColormap.from_list("layers", colours.ink[2:])
    layers = [layer for layer, _ in drawing.heads]
    dots = axes.scatter(
        points[:, 0],
        points[:, 1],
        c=layers,
        cmap=ink,
        vmin=0,
        vmax=max(*layers, 1),
        s=36,
        edgecolors=colours.faint,
        linewidths=0.7,
    )
    for name, (x, y) in zip(drawing.reading.queries, points):
        axes.annotate(
            name, (x, y), xytext=(4, 3), textcoords="offset points", size=5, color=colours.faint, annotation_clip=False
        )
    if drawing.cell is not None:
        x, y = points[list(drawing.heads).index(drawing.cell)]
        axes.scatter(x, y, marker="D", s=150, facecolors="none", edgecolors=colours.alarm, linewidths=2)
    across, up = drawing.reading.keys
    axes.set_xlabel(across, size=9, color=colours.text)
    axes.set_ylabel(up, size=9, color=colours.text)
    axes.tick_params("both", length=0, labelsize=8, labelcolor=colours.text)
    axes.grid(color=colours.ink[1], zorder=0)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(dots, cax=axes.inset_axes((1.03, 0, 0.02, 1)))
    bar.locator = MaxNLocator(integer=True)
    bar.ax.tick_params(labelsize=7, labelcolor=colours.text, length=0)
    bar.set_label("layer", size=8, color=colours.text)
    bar.outline.set_visible(False)


def _lines(figure: Figure, axes: Axes, drawing: Drawing) -> None:
    found, colours = drawing.reading, THEMES[drawing.theme]
    _lined(figure, axes, max(found.weights.shape))
    sides = ((found.queries, 0.29, "right", drawing.cell and drawing.cell[0]), (found.keys, 0.71, "left", None))
    for tokens, x, side, chosen in sides:
        for place, token in enumerate(tokens):
            colour = colours.alarm if place == chosen else colours.text
            axes.text(x, place + 0.5, _token(token), ha=side, va="center", size=9, color=colour)
    for place, name in enumerate(found.heads):
        axes.text(1, place + 0.5, name, ha="right", va="center", size=9, color=HEAD_COLOURS[place % len(HEAD_COLOURS)])
    links = _links(drawing)
    top = max(1.0, found.weights.max())
    along = np.linspace(0, 1, 24)
    bend = along**2 * (3 - 2 * along)
    axes.add_collection(
        LineCollection(
            [np.column_stack([0.3 + 0.4 * along, i + 0.5 + (j - i) * bend]) for i, j, _ in links],
            colors=[to_rgba(_head_colour(drawing, i, j), min(1, 0.06 + weight / top)) for i, j, weight in links],
            linewidths=[0.5 + 2 * weight / top for *_, weight in links],
        )
    )


def _head_colour(drawing: Drawing, row: int, column: int) -> str:
    """The accent, or, of several heads, the colour of the one that is strongest there."""
    strongest_heads = drawing.reading.strongest
    if strongest_heads is None:
        return THEMES[drawing.theme].accent
    return HEAD_COLOURS[strongest_heads[row, column] % len(HEAD_COLOURS)]


def _links(drawing: Drawing) -> list[tuple[int, int, float]]:
    """Row, column and weight of each line, weakest first, so that the strongest lie on top."""
    weights = drawing.reading.weights
    most = drawing.top_k or weights.shape[1]
    least = max(drawing.threshold, FAINTEST_LINE)
    kept = [(i, int(j)) for i, row in enumerate(weights) for j in np.argsort(-row, kind="stable")[:most]]
    return sorted(((*at, float(weights[at])) for at in kept if weights[at] >= least), key=lambda link: link[2])


def _strip(figure: Figure, axes: Axes, drawing: Drawing) -> None:
    """The text with the chosen token's row (or column) as ink behind each token, its weight below."""
    found, ink = drawing.reading, _ink(drawing)
    row, column = drawing.cell or (0, 0)
    from_chosen = drawing.side == "query"
    weights, tokens = (found.weights[row], found.keys) if from_chosen else (found.weights[:, column], found.queries)
    chosen = found.queries[row] if from_chosen else found.keys[column]
    glued = drawing.glue[1 if from_chosen else 0] or [False] * len(tokens)
    top = max(1.0, found.weights.max())
    width = 72 * WIDTH
    figure.set_size_inches(WIDTH, WIDTH)
    axes.set(xlim=(0, width), ylim=(width, 0))
    axes.axis("off")
    says = "Where this token looks: " if from_chosen else "Who looks at this token: "
    axes.text(0, 0, says + _token(chosen), size=9, color=THEMES[drawing.theme].alarm)
    x, y = 0.0, 2 * LINE
    for token, weight, continues in zip(tokens, weights, glued):
        shade = ink(weight / top)
        text = axes.text(
            x, y, visible(paper.in_xml(token)), size=11, color=paper.on_ink(shade, drawing.theme),
            bbox={"facecolor": shade, "edgecolor": "none", "pad": 2},
        )  # fmt: skip
        long = 72 * text.get_window_extent().width / figure.dpi
        x += 0 if continues or x == 0 else 5
        if x + long > width and x > 0:
            x, y = 0.0, y + 2 * LINE
        text.set_position((x, y))
        axes.text(x, y + 10, f"{weight:.2f}", size=5.5, color=THEMES[drawing.theme].faint)
        x += max(long, 12) + 4
    figure.set_size_inches(WIDTH, (y + LINE) / 72)
    axes.set_ylim(y + LINE, 0)


def _table(figure: Figure, axes: Axes, drawing: Drawing) -> None:
    colours, cells = THEMES[drawing.theme], strongest_cells(drawing.reading)
    _lined(figure, axes, len(cells) + 1)
    top = max(1.0, drawing.reading.weights.max())
    for x, name in zip((0.0, 0.3, 0.6), ("from", "to", "weight")):
        axes.text(x, 0.5, name, size=9, va="center", color=colours.faint)
    for place, (query, key, weight, *_) in enumerate(cells, 1):
        for x, text in zip((0.0, 0.3, 0.6), (_token(query), _token(key), f"{weight:.4f}")):
            axes.text(x, place + 0.5, text, size=9, va="center", color=colours.text)
    axes.barh(
        [place + 1.5 for place in range(len(cells))], [0.28 * weight / top for _, _, weight, *_ in cells],
        left=0.72, height=0.5, color=colours.accent,
    )  # fmt: skip


def _lined(figure: Figure, axes: Axes, n_lines: int) -> None:
    """Axes without a frame, one unit to a line of text, counted from the top."""
    figure.set_size_inches(WIDTH, n_lines * LINE / 72)
    axes.set(xlim=(0, 1), ylim=(n_lines, 0))
    axes.axis("off")


def _ink(drawing: Drawing) -> LinearSegmentedColormap:
    colours = THEMES[drawing.theme]
    scale = colours.signed_scale() if drawing.scale == "signed" else colours.ink_scale()
    return LinearSegmentedColormap.from_list("ink", scale)


def _number(number: float, digits: int) -> str:
    """As a cell says it: nothing where there is none, and all that is forbidden as −∞."""
    return "" if np.isnan(number) else "−∞" if np.isneginf(number) else f"{number:.{digits}f}"


def _token(token: str) -> str:
    return shortened(visible(paper.in_xml(token)))
