"""What a reader can choose on the pages of Explore and Trust, a class a page or a part that pages share.

A lesson declares its own `Choices` in its file (`lessons/<name>.py`), and so does a view of a head
(`ui/head_views/<name>.py`); `ui.address` puts all of them together.
"""

from dataclasses import dataclass

from attnviz.choices import checked, one_of
from attnviz.labels.criteria import CONFIDENCES
from attnviz.labels.definitions import LABELS
from attnviz.maps.head_statistics import MEASURES
from attnviz.maps.options import UNSET, heads_named

RELATED = (*MEASURES, "divergence")


@dataclass(frozen=True)
class Text:
    """What is read, and with which model: an empty `model` stands for the first that can be loaded. `write` is how many
    tokens it writes itself."""

    model: str = ""
    text: str = "The cat sat on the mat"
    pair: str = ""
    decoder_text: str = ""
    read_special: bool = False
    add_special: bool = True
    write: int = 0


@dataclass(frozen=True)
class Cell:
    """A head, and a weight of it. An empty `kind` stands for the model's first kind of layer; `query` and `key` name by
    position the cell that is explained: past the end they stand for the last token, and for the key that gets most of
    its row."""

    kind: str = one_of(("", "encoder", "decoder", "cross"))
    layer: int = 0
    head: int = 0
    query: int = UNSET
    key: int = UNSET


@dataclass(frozen=True)
class Heads:
    """`measure` is what the grid of heads shows, empty for their maps; `beyond` stands beside the raw weight.

    Several heads of a layer are one map as `combine` says; `heads` are their numbers such as 0-3-5, empty for all.
    """

    measure: str = one_of(("", *MEASURES, "label"))
    combine: str = one_of(("head", "mean", "max"))
    heads: str = ""
    beyond: str = one_of(("", "dimensions", "scores", "value", "rollout", "flow"))


@dataclass(frozen=True)
class Compare:
    """The second side. `ablated` are heads that it goes without, such as L0.H1-L2.H3, and `ablation` is what it has in
    their place."""

    model_b: str = ""
    text_b: str = ""
    layer_b: int = 0
    head_b: int = 1
    ablated: str = checked(lambda listed: heads_named(listed, ""))
    ablation: str = one_of(("zero", "mean"))


@dataclass(frozen=True)
class Similar:
    """The axes of the plane of heads."""

    across: str = one_of(RELATED, "distance")
    up: str = one_of(RELATED, "entropy")


@dataclass(frozen=True)
class Labels:
    """`label` is the kind of label that is looked at, empty for all, `confidence` the least that counts, `scores_of`
    the label whose scores are shown, and `example` which of a head's probe sentences."""

    label: str = one_of(("", *LABELS))
    confidence: str = one_of(CONFIDENCES, "low")
    scores_of: str = ""
    example: int = 0


@dataclass(frozen=True)
class Training:
    """A `step` stands for the last one kept up to it."""

    step: int = UNSET


@dataclass(frozen=True)
class Validation:
    """`checked_on` says what the certificate is for."""

    checked_on: str = one_of(("text", "sentences"))


@dataclass(frozen=True)
class Architectures:
    """Part of a name."""

    architecture: str = ""
