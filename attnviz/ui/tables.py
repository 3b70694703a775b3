"""Tables to type numbers into. Cells are text, so that whatever is typed stays where it was typed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from attnviz.lessons.typed import read_matrix
from attnviz.ui.address import UrlState
from attnviz.ui.messages import plain
from attnviz.ui.state import choose, current, on_screen

Cells = list[list[str]]


def to_text(cells: Sequence[Sequence[str]]) -> str:
    """Cells as one line for the address: rows parted by ~ and cells by _, which need no escape in a link."""
    return "~".join("_".join(cell.translate(_ESCAPED) for cell in row) for row in cells)


def to_cells(text: str) -> Cells:
    """The inverse of `to_text`."""
    return [[_unescaped(cell) for cell in row.split("_")] for row in text.split("~")]


def reshaped(cells: Cells, n_rows: int, n_columns: int, fill: str = "") -> Cells:
    """The same cells in another size: cut, or filled up."""
    kept = [[*row[:n_columns], *[fill] * (n_columns - len(row))] for row in cells[:n_rows]]
    return kept + [[fill] * n_columns for _ in range(n_rows - len(kept))]


def typed_table(
    name: str,
    cells: Cells,
    columns: Sequence[str],
    *,
    rows: Sequence[str] | None = None,
    label: str,
    growing: bool = False,
) -> Cells:
    """An editable table that shows `cells`; returns them as they are now.

    `rows` names the rows in a first column that cannot be edited. With `growing`, rows can be added and deleted.
    The editor keeps its edits under its key, relative to what it was first given: new cells from elsewhere (a preset,
    a link, a return to this page) need a new key.
    """
    version, first, last = st.session_state.get(f"table_{name}", (0, None, None))
    if cells != last or f"{name}_{version}" not in st.session_state:
        version, first = version + 1, cells
    st.markdown(f":small[{label}]")
    edited = st.data_editor(
        pd.DataFrame(first, columns=list(columns), index=None if rows is None else pd.Index(rows), dtype=str),
        key=f"{name}_{version}",
        num_rows="dynamic" if growing else "fixed",
        hide_index=rows is None,
        column_config={"_index": st.column_config.Column(disabled=True)}
        | {column: st.column_config.TextColumn(column) for column in columns},
        alt=label,
    )
    now = edited.fillna("").astype(str).to_numpy().tolist()
    st.session_state[f"table_{name}"] = (version, first, now)
    return now


def typed_matrix(field: str, rows: Sequence[str], columns: Sequence[str], *, label: str) -> np.ndarray:
    """A field of the view as an editable table of numbers [rows, columns], each complaint right under it.

    While a cell holds no number, the numbers from before are returned.
    """
    on_screen(field)
    shown = reshaped(to_cells(getattr(current(), field)), len(rows), len(columns))
    cells = typed_table(field, shown, columns, rows=rows, label=label)
    choose(**{field: to_text(cells)})
    values, complaints = read_matrix(cells, rows, columns)
    if values is None:
        st.warning(plain(f"{' '.join(complaints)} Until then, the numbers from before are used."))
        default = to_cells(getattr(UrlState(), field))
        return st.session_state.get(f"last_{field}", np.array(default, dtype=float))
    st.session_state[f"last_{field}"] = values
    return values


_ESCAPED = str.maketrans({"%": "%25", "_": "%5F", "~": "%7E"})


def _unescaped(cell: str) -> str:
    return cell.replace("%5F", "_").replace("%7E", "~").replace("%25", "%")
