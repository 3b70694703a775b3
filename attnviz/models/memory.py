"""The memory that there is, and that a model takes."""

import math
from collections.abc import Iterable
from pathlib import Path

import psutil

from attnviz.errors import AttnvizError

CGROUP = Path("/sys/fs/cgroup")
FLOAT32 = 4  # bytes


def free_bytes() -> int:
    """How much memory this process can still take: of the machine, or of the container that it is shut in."""
    free = psutil.virtual_memory().available
    try:
        most, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        held = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        return free if most == "max" else min(free, int(most) - int(used) + int(held["inactive_file"]))
    except (OSError, ValueError, KeyError):  # no such limit here
        return free


def all_bytes() -> int:
    """How much memory there is, of the machine or of the container, used or not."""
    total = psutil.virtual_memory().total
    try:
        return min(total, int((CGROUP / "memory.max").read_text()))
    except (OSError, ValueError):
        return total


def check_fits(shapes: Iterable[Iterable[int]], most: int) -> None:
    """Raises AttnvizError where tensors of these shapes, as float32, take more than `most` bytes."""
    needed = FLOAT32 * sum(math.prod(shape) for shape in shapes)
    if needed > most:
        raise AttnvizError(
            f"Its weights take {needed / 1e9:,.1f} GB of memory as float32, and there are {most / 1e9:,.1f} GB: take a "
            "smaller model, or a larger machine."
        )
