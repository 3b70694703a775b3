"""A text of one's own, which the slow steps share: its label results are kept, and made once in a run."""

import pytest


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "mine.txt"
    path.write_text("The cat sat on the mat, and the dog that had seen the cat ran into the garden.\n" * 150)
    return path
