"""Numbers as people say them: three digits and a word or a unit."""

from collections.abc import Sequence


def counted(number: float) -> str:
    """Three digits and a word: 2.05 billion; below a million the number itself."""
    return f"{number:,.0f}" if number < 1e6 else _scaled(number, ("", "", " million", " billion", " trillion",
                                                                  " quadrillion", " quintillion"))  # fmt: skip


def sized(n_bytes: float) -> str:
    """Three digits and a unit of bytes, a thousand of each in the next: 4.29 GB."""
    return _scaled(n_bytes, (" bytes", " kB", " MB", " GB", " TB", " PB", " EB"))


def lasting(seconds: float) -> str:
    """Three digits and a unit that is there more than once: 1.25 ms, 31.8 hours."""
    for unit, name in ((31_557_600, "years"), (86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return _scaled(seconds / unit, (f" {name}", f" thousand {name}", f" million {name}"))
    return _scaled(seconds * 1e6, (" µs", " ms", " s"))


def _scaled(number: float, units: Sequence[str]) -> str:
    """Three digits and the unit, each a thousand of the one before, that leaves less than a thousand."""
    for unit in units:
        digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
        if number < 999.5 or unit == units[-1]:
            break
        number /= 1000
    return f"{number:,.{digits}f}{unit}"
