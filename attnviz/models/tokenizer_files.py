"""A tokenizer's files, looked at before transformers opens them; large ones are first parsed in a process apart."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models.sane_files import MIB, TOKENIZER_FILES, VOCABULARIES, Incomplete, check_file, read_object

LONGEST = 20.0  # seconds
TRIED_FIRST, SETTINGS_TRIED_FIRST = 4 * MIB, MIB // 4  # of files; less than this is parsed in a moment
SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
PARSE = """
import sys, transformers
transformers.AutoTokenizer
print(flush=True)
transformers.AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=False, local_files_only=True)
"""


def check_tokenizer(folder: Path) -> None:
    """Raises AttnvizError where a folder has no tokenizer, or files in place of one that cannot be it."""
    if not any(os.path.lexists(folder / name) for name in VOCABULARIES):  # transformers would make up an empty one
        raise Incomplete("It has no tokenizer: put its tokenizer.json beside config.json.")
    for name in TOKENIZER_FILES:
        if os.path.lexists(folder / name):
            check_file(folder / name)
    for name in SETTINGS:
        if os.path.lexists(folder / name):
            _check_settings(name, read_object(folder / name))
    whole = folder / "tokenizer.json"
    small = os.path.lexists(whole) and whole.stat().st_size < TRIED_FIRST
    if small and not isinstance(read_object(whole).get("model"), dict):
        raise AttnvizError("Its tokenizer.json holds no tokenizer: fetch the tokenizer.json of the model again.")


def try_tokenizer(folder: Path) -> None:
    """Parse the tokenizer of a folder in a process that can be ended, where its files are large.

    Raises AttnvizError where it is not ready after LONGEST seconds. What else is wrong with it is said when it is read.
    """
    sizes = {name: (folder / name).stat().st_size for name in TOKENIZER_FILES if (folder / name).is_file()}
    if sum(sizes.values()) < TRIED_FIRST and max(sizes.get(name, 0) for name in SETTINGS) < SETTINGS_TRIED_FIRST:
        return
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PARSE, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.stdout.readline()  # type: ignore[union-attr]
            process.wait(LONGEST)
        except subprocess.TimeoutExpired as error:
            largest = max(sizes, key=lambda name: sizes[name])
            raise AttnvizError(
                f"Its tokenizer was not ready after {LONGEST:.0f} seconds and was given up ({largest} has "
                f"{sizes[largest] / MIB:,.1f} MiB): take a model with a smaller one."
            ) from error
        finally:
            process.kill()


def _check_settings(name: str, told: Mapping[str, Any]) -> None:
    limit = told.get("model_max_length")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float)):
        raise AttnvizError(
            f"Its {name} says that model_max_length is {in_one_line(repr(limit), 40)}, not a number: fetch the file of "
            "the model again."
        )
    for token in SPECIAL:
        if not isinstance(told.get(token), str | dict | None):
            raise AttnvizError(
                f"Its {name} says that {token} is {in_one_line(repr(told[token]), 40)}, not a token: fetch the file of "
                "the model again."
            )
