"""A text with gold answers: whose words depend on which, and which mention something again."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.probes import Dependency

Span = tuple[int, int]


@dataclass(frozen=True)
class Reference:
    """A word that mentions something again, and the words of earlier mentions: `right` of the same, `others` of other
    things. The word is a pronoun, or where `nominal` a noun or name that no right one shares."""

    asking: int
    right: tuple[int, ...]
    others: tuple[int, ...]
    nominal: bool = False


@dataclass(frozen=True)
class GoldText:
    """A text with the characters [start, end) of its words, and what is known of them by their numbers.

    Words may share characters where a written word stands for several (Spanish "del").
    """

    text: str
    spans: tuple[Span, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.text[start:end] for start, end in self.spans)
