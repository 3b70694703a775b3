"""Fetching a model from the Hugging Face hub: its size first, then its files, never a pickle."""

import fnmatch
import io
import os
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import logging
from tqdm import tqdm

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models import adapters
from attnviz.models.catalog import readable_size
from attnviz.models.pasted import as_meant
from attnviz.models.surroundings import in_other_formats

WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors")
OTHERS = ("config.json", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
          "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json", "tokenizer.model", "spiece.model",
          "sentencepiece.bpe.model", "spm.model", "source.spm", "target.spm", "bpe.codes",
          "generation_config.json")  # fmt: skip
logging.set_verbosity_error()  # what goes wrong is said once, in our own words
Progress = Callable[[int, int], object]  # bytes done, bytes in all


@dataclass(frozen=True)
class Download:
    """What fetching `name` at `revision` (a commit) would bring: its `files`, `bytes` in all."""

    name: str
    revision: str
    files: tuple[str, ...]
    bytes: int

    @property
    def size(self) -> str:
        """The download's size as people write it: 91 MB."""
        return readable_size(self.bytes)


def plan_download(name: str) -> Download:
    """Ask the hub what a model consists of. Raises AttnvizError with what to do where it cannot be fetched."""
    name = as_meant(name)
    try:
        info = HfApi().model_info(name, files_metadata=True)
    except Exception as error:
        raise _explained(name, error) from error
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    weights = [file for file in sizes if any(fnmatch.fnmatch(file, pattern) for pattern in WEIGHTS)]
    if "config.json" not in sizes and {adapters.SETTINGS, adapters.WEIGHTS} <= sizes.keys():
        weights = [adapters.SETTINGS, adapters.WEIGHTS]  # it is merged into its base model, where that is here
    elif "config.json" not in sizes:
        raise AttnvizError(
            f"{_named(name)} on the hub has no config.json, so it is no transformers model: pick another."
        )
    if not weights:
        others = in_other_formats(file for file in sizes if "/" not in file)
        raise AttnvizError(
            f"{_named(name)} on the hub has no safetensors: {others}."
            if others
            else f"{_named(name)} on the hub has no safetensors: look for a safetensors version of it."
        )
    files = tuple([*(file for file in OTHERS if file in sizes), *sorted(weights)])
    return Download(name, info.sha or "main", files, sum(sizes[file] for file in files))


def fetch(download: Download, progress: Progress | None = None) -> None:
    """Bring every file into the hub's cache, calling `progress(bytes done, bytes in all)` on the way."""
    done = finished = 0

    class Bar(tqdm):  # the hub's client reports to a tqdm class; this one only passes the count on
        def __init__(self, *args, **options):
            super().__init__(*args, **{**options, "file": io.StringIO(), "disable": False})

        def update(self, n=1):
            nonlocal done
            done += int(n or 0)
            if progress is not None:
                progress(min(done, download.bytes), download.bytes)
            return super().update(n)

    try:
        for file in download.files:
            path = hf_hub_download(download.name, file, revision=download.revision, tqdm_class=Bar)
            finished += os.path.getsize(path)  # files that were here already report nothing
            done = finished
            if progress is not None:
                progress(done, download.bytes)
    except Exception as error:
        raise _explained(download.name, error) from error


def _named(name: str) -> str:
    return f"'{in_one_line(name)}'"


def _explained(name: str, error: Exception) -> AttnvizError:
    named = _named(name)
    if isinstance(error, LocalEntryNotFoundError) and isinstance(
        error.__cause__, HfHubHTTPError | OfflineModeIsEnabled
    ):
        error = error.__cause__  # what kept a file from being fetched
    if isinstance(error, HFValidationError):
        return AttnvizError(
            f"{named} is neither a folder here nor a hub id: give a folder, or an id like 'owner/model'."
        )
    if isinstance(error, GatedRepoError):
        return AttnvizError(
            f"{named} is gated: accept its terms on its hub page, log in with 'hf auth login', then try again."
        )
    if isinstance(error, RepositoryNotFoundError):
        return AttnvizError(
            f"{named} is not on this machine, and the hub knows no such public model: check the spelling."
        )
    if isinstance(error, OfflineModeIsEnabled):
        return AttnvizError(
            f"{named} is not on this machine, and HF_HUB_OFFLINE keeps the hub out: unset it, or give a folder."
        )
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code if error.response is not None else "an error"
        return AttnvizError(f"The hub answered {status} for {named}: try again later, or give a folder.")
    if isinstance(error, OSError) and getattr(error, "errno", None) == 28:
        return AttnvizError(f"The disk is full, so {named} was not fetched whole: free some space and try again.")
    if isinstance(error, (httpx2.HTTPError, LocalEntryNotFoundError, OSError)):
        return AttnvizError(
            f"{named} is not on this machine, and the hub cannot be reached: check the network, or give a folder."
        )
    return AttnvizError(f"Fetching {named} failed ({in_one_line(error)}): try again, or give a folder.")
