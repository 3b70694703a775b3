"""Architectures: which text models are certified, by which route, how closely, and why some are not."""

from functools import partial

import pandas as pd
import streamlit as st

from attnviz import figures
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu
from attnviz.ui.state import chosen_by, url_state
from attnviz.ui.theme import theme
from attnviz.validation.table import decade, stored_report

ROUTES = {"interface": "transformers' interface", "fallback": "a tap on its softmax", None: "not compared"}

chosen = url_state()
report = stored_report()
found = report["architectures"]
passed = [one for one in found if one["passed"]]

st.title("Which models can be certified?")
st.markdown(
    f"**{len(passed)} of {len(found)}** text architectures of transformers {report['transformers']}: a tiny random "
    "model of each reads two texts, plain and padded, and every one of its heads is compared with the model's own "
    f"eager attention: {sum(one['heads_compared'] for one in found):,} heads in all. The others say why not."
)
with st.container(width=420):
    chosen_by(st.text_input, "architecture", "Find an architecture", chosen.architecture, placeholder="llama")
shown = [one for one in found if chosen.architecture.strip().lower() in one["name"]]
st.dataframe(
    pd.DataFrame(
        [
            {
                "architecture": one["name"],
                "certified": one["passed"],
                "route": ROUTES[one["route"]],
                "heads": f"{one['heads_compared']} of {one['heads_expected']}" if one["route"] else "",
                "same inputs": decade(one["weight_error"]),
                "end to end": decade(one["drift"]),
                "output": decade(one["output_error"]),
                "why not": one["reason"] or "",
            }
            for one in shown
        ],
        columns=["architecture", "certified", "route", "heads", "same inputs", "end to end", "output", "why not"],
    ),
    hide_index=True,
    height=min(38 + 35 * len(shown), 560) if shown else "content",
    column_config={
        "same inputs": st.column_config.TextColumn(help="Our attention on the model's own queries, keys and values."),
        "end to end": st.column_config.TextColumn(help="Weights from our own pass against the model's."),
        "output": st.column_config.TextColumn(help="The weighted sum of values, over its largest entry."),
    },
)
if not shown:
    st.info("None has this in its name. A model of an architecture never seen here goes the same way: open it, and it "
            "is certified, or says why not.")  # fmt: skip
show_chart(
    figures.architecture_charts(theme=theme())["errors"],
    alt=f"Largest end-to-end difference of the {len(passed)} certified architectures, by route: at most "
    f"{decade(max(one['drift'] for one in passed))}.",
)
export_menu(
    "architectures",
    "architectures",
    partial(exports.of_lesson, "Certified architectures", figures.architecture_charts, {}),
)
st.caption(
    "Made by `python -m attnviz validate --architectures` in about a minute; errors are given as the power of ten "
    "above them. A trained model of such an architecture is certified anew, with its own weights, wherever it is shown."
)
