"""What is meant by the name of a model as people paste it: a quoted path, a link to the hub, a file of the folder."""

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attnviz.errors import AttnvizError, in_one_line

QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "<": ">"}
HUB = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)(?:/|$)|hf://", re.IGNORECASE)
WITHOUT_HOST = re.compile(r"[\w.-]+/[\w.-]+/(tree|blob|resolve|raw)/")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
OF_A_MODEL = (".safetensors", ".json", ".txt", ".model", ".bin", ".gguf", ".onnx", ".h5", ".msgpack", ".pt", ".pth")


def as_meant(name: str) -> str:
    """A hub id, or a folder, or the name as it is. Raises AttnvizError for a link that leads to no model."""
    name = name.strip()
    while len(name) > 1 and QUOTES.get(name[0]) == name[-1]:
        name = name[1:-1].strip()
    if WITHOUT_HOST.match(name) and not os.path.exists(name):
        name = f"hf.co/{name}"
    if HUB.match(name):
        return _of_hub(name[HUB.match(name).end() :], name)  # type: ignore[union-attr]
    if name.lower().startswith("file:"):
        name = _of_file_link(name)
    elif ELSEWHERE.match(name):
        raise AttnvizError(
            f"'{in_one_line(name)}' is a link to another site than the hub: give a folder, or a hub id like "
            "'owner/model'."
        )
    if cached := re.fullmatch(r"models--([\w.-]+?)(?:--([\w.-]+))?", name):
        name = name if os.path.isdir(name) else "/".join(part for part in cached.groups() if part)
    return _folder(name)


def is_path(name: str) -> bool:
    """Whether a name can be nothing but a path on this machine, which is sent to nobody."""
    path = os.path.expanduser(name)
    return bool(
        os.path.isabs(path) or name.startswith((".", "~")) or name.count("/") > 1 or "\\" in name or WINDOWS.match(name)
    )


def _of_hub(rest: str, link: str) -> str:
    """The id that a link to the hub is of."""
    parts = [part for part in unquote(re.split(r"[?#]", rest)[0]).split("/") if part]
    parts = parts[1:] if parts[:1] == ["models"] else parts
    said = in_one_line(link)
    if parts[:1] in (["datasets"], ["spaces"], ["collections"], ["papers"], ["docs"]):
        raise AttnvizError(f"'{said}' is a link to the hub's {parts[0]}, not to a model: give a model's link or id.")
    if not parts:
        raise AttnvizError(f"'{said}' is a link to the hub, not to one of its models: give a model's link or id.")
    owned = 1 if len(parts) > 1 and parts[1] in ("tree", "blob", "resolve", "raw") else 2
    branch = parts[owned + 1] if len(parts) > owned + 1 and parts[owned] in ("tree", "blob", "resolve", "raw") else ""
    if branch not in ("", "main"):
        raise AttnvizError(
            f"'{said}' is a link to the revision '{in_one_line(branch, 40)}', and only a model's main revision is "
            "fetched: fetch that one with 'hf download --revision', and give the folder."
        )
    return "/".join(parts[:owned])


def _of_file_link(link: str) -> str:
    found = urlsplit(link)
    if found.netloc not in ("", "localhost"):
        raise AttnvizError(f"'{in_one_line(link)}' is a link to a file on another machine: give a folder on this one.")
    return unquote(found.path)


def _folder(name: str) -> str:
    """A path without its closing slashes, in the case that it has on disk, without the name of a file in a folder of a
    model; what is no folder here stays as it is."""
    path = os.path.expanduser(name)
    if not os.path.exists(path):
        path = _in_other_case(path) or path
    if (
        os.path.isfile(path)
        and path.endswith(OF_A_MODEL)
        and os.path.isfile(os.path.join(_parent(path), "config.json"))
    ):
        path = _parent(path)
    if os.path.isdir(path):
        return path.rstrip("/") or "/"
    return name.rstrip("/") or name


def _parent(path: str) -> str:
    return os.path.dirname(path) or "."


def _in_other_case(path: str) -> str | None:
    """The one path on disk that is spelled the same but for upper and lower case; None where there is none, or two."""
    if "/" not in path or len(path) > 1000:
        return None
    found = Path("/" if path.startswith("/") else ".")
    for part in Path(path).parts[1 if path.startswith("/") else 0 :]:
        if part != ".." and not (found / part).exists():
            try:
                alike = [one for one in os.listdir(found) if _same(one) == _same(part)]
            except OSError:
                return None
            if len(alike) != 1:
                return None
            part = alike[0]
        found = found / part
    return str(found)


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
