"""What documents and docstrings name must be there: a reader who follows a dead name or link distrusts the rest."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("attnviz", "pages", "training", "benchmarks", "tests", "docs")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
OTHER_NAMES = {
    "compared.md",  # files of other projects
    "architectures.md",  # what models' errors say
    "018-names-of-the-field.md",  # former names
}
FILES = [*ROOT.glob("*.*"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]
SOURCES = [file for file in FILES if file.suffix == ".py" and file.name not in ("former_names.py", "test_docs.py")]
PATHS = [f"/{path.relative_to(ROOT).as_posix()}" for path in FILES]
PATH = re.compile(r"(\w[\w-]*/)*[\w-]+(/|\.(py|json|js|css|md|toml))|(\w[\w-]*/)+[\w-]+")
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?")


def words_of(path: Path) -> set[str]:
    """Names in a source, without its comments and docstrings."""
    return set(re.findall(r"\w+", re.sub(r'""".*?"""|#[^\n]*', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)))


MODULES = {
    path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): words_of(file)
    for path, file in zip(PATHS, FILES)
    if file in SOURCES
}
WORDS = set().union(*MODULES.values(), words_of(ROOT / "pyproject.toml"))


def text_of(document: Path) -> str:
    """Without its blocks of code."""
    return re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def is_there(said: str) -> bool:
    """Whether a path or a name exists: `module.name` in that module, of another name each part in some source."""
    if PATH.fullmatch(said):
        return any(path.endswith(f"/{said.rstrip('/')}") for path in PATHS)
    *module, last = said.removesuffix("()").split(".")
    found = [words for name, words in MODULES.items() if module and name.endswith(f".{'.'.join(module)}")]
    if any(name.endswith(f".{said}") for name in MODULES) or any(last in words for words in found):
        return True
    return not found and all(part in WORDS for part in (*module, last))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text_of(document)):
        other = document.parent / target if target else document
        assert other.exists(), target
        headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert anchor in ("", *(re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings)), anchor


def gone_from(text: str) -> set[str]:
    """The names and paths that a text has between backticks, and that do not exist."""
    said = {one for one in re.findall(r"`([^`\n]+)`", text) if PATH.fullmatch(one) or NAME.fullmatch(one)}
    return {one for one in said if not is_there(one)}


@pytest.mark.parametrize(
    "document", [one for one in DOCUMENTS if one.name not in OTHER_NAMES], ids=lambda path: path.name
)
def test_documents_name_what_is_there(document):
    assert not gone_from(text_of(document))


def test_docstrings_name_what_is_there():
    gone = {file.name: gone_from(file.read_text(encoding="utf-8")) for file in SOURCES}
    assert not {name: said for name, said in gone.items() if said}
