"""Dependency trees that read themselves out as a sentence with character spans and gold arcs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .words import Split

CLOSING = frozenset(".,")


@dataclass(eq=False)
class Node:
    """A word of a tree with its dependents on either side, in reading order, each with its relation."""

    word: str
    left: list[tuple[str, Node]] = field(default_factory=list)
    right: list[tuple[str, Node]] = field(default_factory=list)

    def walk(self, relation: str = "root", head: Node | None = None) -> Iterator[tuple[Node, Node | None, str]]:
        """Yield `(node, head, relation)` in reading order."""
        for name, child in self.left:
            yield from child.walk(name, self)
        yield self, head, relation
        for name, child in self.right:
            yield from child.walk(name, self)


@dataclass(frozen=True)
class Dependency:
    """A gold arc between two words, given by their numbers, with its Universal Dependencies name."""

    dependent: int
    head: int
    relation: str


@dataclass(frozen=True)
class Sentence:
    """A generated sentence whose structure is known.

    `spans[i]` is the half-open range of characters of word `i`; `template` names every choice of structure, joined by
    `|`. What nobody asks for is None: `pronoun` and `antecedent` are word numbers, `right_pronoun` is the word that
    stands there and `wrong_pronoun` the other member of the minimal pair; `again` is the number of a noun that means
    what `antecedent` named in another word, and `distractors` are all other mentions.
    """

    text: str
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    dependencies: tuple[Dependency, ...]
    template: str
    split: Split
    pronoun: int | None = None
    antecedent: int | None = None
    right_pronoun: str | None = None
    wrong_pronoun: str | None = None
    distractors: tuple[int, ...] = ()
    again: int | None = None

    def with_wrong_pronoun(self) -> str:
        """The text of the pair's other member. Raises ValueError if the sentence has no pronoun."""
        if self.pronoun is None or self.wrong_pronoun is None:
            raise ValueError("this sentence has no pronoun")
        start, end = self.spans[self.pronoun]
        return self.text[:start] + self.wrong_pronoun + self.text[end:]


def read_out(root: Node) -> tuple[str, list[Node], list[tuple[int, int]], list[Dependency]]:
    """Text, nodes in reading order, character spans and arcs of a tree; the first letter becomes a capital."""
    rows = list(root.walk())
    number = {id(node): index for index, (node, _, _) in enumerate(rows)}
    text = ""
    spans = []
    for node, _, _ in rows:
        if text and node.word not in CLOSING:
            text += " "
        spans.append((len(text), len(text) + len(node.word)))
        text += node.word
    arcs = [Dependency(number[id(node)], number[id(head)], name) for node, head, name in rows if head is not None]
    return text[0].upper() + text[1:], [node for node, _, _ in rows], spans, arcs
