"""Open every page with nothing but requirements.txt installed: a library that only developers have would show here.

A plain script, because pytest itself is one of those. Prints a line a page; exits 1 if any page raises.
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ["HF_HUB_OFFLINE"] = "1"


def tiny_model(folder: Path) -> None:
    """A random GPT-2 of two layers in Hugging Face layout, with a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({char: i for i, char in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=256, n_positions=128, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3)
    GPT2Model(config).save_pretrained(folder)


def main() -> int:
    from streamlit.testing.v1 import AppTest

    failed = False
    with tempfile.TemporaryDirectory() as root:
        os.environ["ATTNVIZ_MODELS"] = root
        tiny_model(Path(root) / "tiny")
        for page in sorted((ROOT / "pages").glob("*.py")):
            app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
            app.switch_page(f"pages/{page.name}").run()
            problems = [str(box.value) for box in [*app.exception, *app.error]]
            failed = failed or bool(problems)
            print(f"{page.stem}: {'; '.join(problems) or 'ok'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
