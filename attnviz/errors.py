"""The one error that means: this request cannot be served, and here is what to do about it."""


class AttnvizError(Exception):
    """Its message is for the reader: what happened and what to do, in one line, no traceback needed."""


def in_one_line(text: object, limit: int = 80) -> str:
    """Foreign text (a name, another library's message) fit to stand inside such a message."""
    line = " ".join(str(text).split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"
