"""The commands of the recipe.

python -m training tiny-gpt --text DIR --out RUN        train; kill and run again to go on from the last state
python -m training tiny-bert --text DIR --out RUN
python -m training tiny-translator --out RUN
python -m training bundle NAME --run RUN [--text DIR] [--folder FOLDER]       copy a finished run and write its card
python -m training evaluate NAME [--text DIR] [--folder FOLDER]           write the card of a bundled model again
"""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = found.add_subparsers(dest="command", required=True)
    names = ("tiny-gpt", "tiny-bert", "tiny-translator")
    for name in names:
        one = commands.add_parser(name, help="train this model")
        if name != "tiny-translator":
            one.add_argument("--text", type=Path, required=True, help="folder of plain text files")
        one.add_argument("--out", type=Path, required=True, help="folder for the model and the state of its training")
        one.add_argument("--seed", type=int, help="another seed than the recipe's")
    for command, text in (("bundle", "copy a finished run and write its card"), ("evaluate", "write a card again")):
        one = commands.add_parser(command, help=text)
        one.add_argument("name", choices=names)
        one.add_argument("--text", type=Path, help="folder of the texts, of Winogender and of GAP")
        if command == "bundle":
            one.add_argument("--run", type=Path, required=True, help="folder of the finished training")
        one.add_argument("--folder", type=Path, help="folder of the bundled model")
    for one in commands.choices.values():
        one.add_argument("--threads", type=int, default=2, help="processor cores to use")
    return found


def main() -> None:
    """Run one command."""
    given = parser().parse_args()
    import dataclasses

    import torch

    from .settings import RECIPES

    torch.set_num_threads(given.threads)
    if given.command in RECIPES:
        settings = RECIPES[given.command]
        if given.seed is not None:
            settings = dataclasses.replace(settings, seed=given.seed)
        if given.command == "tiny-gpt":
            from .gpt import train_gpt

            train_gpt(given.text, given.out, settings)
        elif given.command == "tiny-bert":
            from .bert import train_bert

            train_bert(given.text, given.out, settings)
        else:
            from .translator import train_translator

            train_translator(given.out, settings)
        return
    from .bundle import BUNDLED, bundle, write_card

    folder = given.folder or BUNDLED / given.name
    if given.command == "bundle":
        bundle(given.name, given.run, folder, given.text)
    else:
        write_card(given.name, folder, given.text)


if __name__ == "__main__":
    main()
