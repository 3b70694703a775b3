"""Memory that nothing uses any more."""

import ctypes
import sys


def hand_back() -> None:
    """Hand it back to the machine where the C library keeps it otherwise; takes about a millisecond."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
        if trim is not None:
            trim(0)
