"""An address that earlier versions gave "Saved views" (app.py): a fresh server looks for a file of its name."""

from attnviz.ui import state

state.url_state()
