"""Dates as people write them, their ISO form, and which characters say the year, the month and the day."""

from __future__ import annotations

import datetime
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from attnviz.probes.words import Split

FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
TEST_DATE_EVERY = 8
MONTHS = ("January February March April May June July August September October November December").split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_TEENS = "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split()
_ONES = "first second third fourth fifth sixth seventh eighth ninth".split()
SPOKEN = [*_ONES, *_TEENS, "twentieth", *(f"twenty-{word}" for word in _ONES), "thirtieth", "thirty-first"]


@dataclass(frozen=True)
class DatePair:
    """A written date and its ISO form; `spans` gives the characters of `source` for "year", "month" and "day"."""

    source: str
    target: str
    format: str
    spans: dict[str, tuple[int, int]]


def ordinal(day: int) -> str:
    """1st, 2nd, 3rd, 4th …"""
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


_YEAR: dict[str, Callable[[datetime.date], str]] = {"Y": lambda d: f"{d.year}", "y": lambda d: f"{d.year % 100:02d}"}
_MONTH: dict[str, Callable[[datetime.date], str]] = {
    "B": lambda d: MONTHS[d.month - 1],
    "b": lambda d: MONTHS[d.month - 1][:3],
    "m": lambda d: f"{d.month}",
    "M": lambda d: f"{d.month:02d}",
}
_DAY: dict[str, Callable[[datetime.date], str]] = {
    "d": lambda d: f"{d.day}",
    "D": lambda d: f"{d.day:02d}",
    "o": lambda d: ordinal(d.day),
    "s": lambda d: SPOKEN[d.day - 1],
}
_PLAIN: dict[str, Callable[[datetime.date], str]] = {
    "A": lambda d: DAYS[d.weekday()],
    "a": lambda d: DAYS[d.weekday()][:3],
}
_FIELDS = {"year": _YEAR, "month": _MONTH, "day": _DAY}

# A letter after % is a part of the date. Years of two digits are those of 1950 to 2049.
FORMATS = (
    "the %o of %B, %Y", "%o of %B %Y", "%d %B %Y", "%B %d, %Y", "%B %o, %Y", "%o %B %Y", "%d %b %Y", "%b %d, %Y",
    "%b. %d, %Y", "%A, %d %B %Y", "%A, %B %d, %Y", "%a %d %b %Y", "%A the %o of %B, %Y", "the %s of %B, %Y",
    "%B the %s, %Y", "on the %s day of %B in the year %Y", "in %Y, on the %o of %B", "%m/%d/%y (US)", "%d/%m/%y (UK)",
    "%m/%d/%Y (US)", "%d/%m/%Y (UK)", "%M/%D/%Y (US)", "%D/%M/%Y (UK)", "%Y/%M/%D", "%Y.%M.%D", "%d.%m.%Y",
    "%D.%M.%Y", "%d-%b-%Y", "%d %b '%y", "%b %d '%y", "%o %B '%y", "%Y, %B %d", "%D %B %Y", "on %B %o, %Y",
)  # fmt: skip


def date_split(date: datetime.date) -> Split:
    """An eighth of all dates is never trained on, in no format."""
    return "test" if zlib.crc32(date.isoformat().encode()) % TEST_DATE_EVERY == 0 else "train"


def write_date(date: datetime.date, pattern: str) -> DatePair:
    """Write a date in one of `FORMATS`."""
    source = ""
    spans = {}
    pieces = pattern.split("%")
    source += pieces[0]
    for piece in pieces[1:]:
        letter, rest = piece[0], piece[1:]
        start = len(source)
        for name, writers in _FIELDS.items():
            if letter in writers:
                source += writers[letter](date)
                spans[name] = (start, len(source))
        if letter in _PLAIN:
            source += _PLAIN[letter](date)
        source += rest
    return DatePair(source, date.isoformat(), pattern, spans)


def date_pairs(n: int, *, split: Split, seed: int) -> list[DatePair]:
    """`n` written dates of a split, formats in turn; a sixth begins with a capital or is all small, as people type."""
    rng = random.Random(f"dates {split} {seed}")
    pairs: list[DatePair] = []
    while len(pairs) < n:
        pattern = FORMATS[len(pairs) % len(FORMATS)]
        first = FIRST if "%y" not in pattern else datetime.date(1950, 1, 1)
        last = LAST if "%y" not in pattern else datetime.date(2049, 12, 31)
        date = first + datetime.timedelta(days=rng.randrange((last - first).days + 1))
        if date_split(date) != split:
            continue
        pair = write_date(date, pattern)
        style = rng.random()
        if style < 1 / 12:
            pair = DatePair(pair.source[0].upper() + pair.source[1:], pair.target, pattern, pair.spans)
        elif style < 1 / 6:
            pair = DatePair(pair.source.lower(), pair.target, pattern, pair.spans)
        pairs.append(pair)
    return pairs
