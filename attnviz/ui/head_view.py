"""What a view of one head is: a file of `ui.head_views` declares one as its VIEW."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from attnviz.export import Marks
from attnviz.maps.attention_map import AttentionMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Cell = tuple[int, int]  # row and column of a map


@dataclass(frozen=True, eq=False)
class Shown:
    """What a view shows: a map, of which `cell` is chosen; `choose_cell` is told of a click.

    `glue`: which rows, and which columns, follow the one before without a space. `targets`: cells of which a label says
    that the head should look there.
    """

    found: AttentionMap
    cell: Cell | None
    title: str
    choose_cell: Callable[[int, int], None]
    glue: tuple[list[bool], list[bool]] = field(default_factory=lambda: ([], []))
    targets: Collection[Cell] = ()

    def choose_token(self, side: str, place: int) -> None:
        """A click on a token: the chosen cell with another row ("query") or column ("key")."""
        row, column = self.cell or (0, 0)
        self.choose_cell(*((place, column) if side == "query" else (row, place)))


@dataclass(frozen=True)
class NoChoices:
    """A view without settings of its own."""


@dataclass(frozen=True)
class HeadView:
    """One way to show a head: `name` in links and files, `title` on the switch, `order` among the others (10, 20, …).

    `choices` is a frozen dataclass of the view's own settings (`attnviz.choices`): links and files hold them, and
    `current()` has them. `show` lays the view out. `paint` draws it on paper with matplotlib, from `Marks` whose
    `settings` are those choices; without it the files hold the heatmap. `spaced`: whether it needs to know which tokens
    are glued.
    """

    name: str
    order: int
    title: str
    show: Callable[[Shown], None]
    choices: type = NoChoices
    paint: Callable[[Figure, Axes, Marks], None] | None = None
    spaced: bool = False

    def settings(self, state: Any) -> dict[str, Any]:
        """The view's own choices among all that is chosen."""
        return {one.name: getattr(state, one.name) for one in fields(self.choices)}

    def marks(
        self,
        found: AttentionMap,
        title: str,
        settings: dict[str, Any],
        cell: Cell | None = None,
        glue: tuple[Sequence[bool], Sequence[bool]] = ((), ()),
        theme: str = "light",
    ) -> Marks:
        """What `paint` draws. Raises ValueError for a view that is drawn as a heatmap."""
        if self.paint is None:
            raise ValueError(f"{self.title} is drawn as a heatmap: figures.map_figure makes it")
        return Marks(self.paint, found, title, settings, cell, glue, theme)
