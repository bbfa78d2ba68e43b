"""TinyLlama-1.1B-Chat answering questions by CTranslate2, as the reference asks and samples."""

import json
from functools import cache
from pathlib import Path

from cpu_share import whole_vcpus
from generation import TextGenerator
from prompt import hold

ROOT = Path(__file__).parent
QUESTION_TOKENS = range(46, 58)  # with template and margin, prompts are of 60 to 80 tokens
NEW_TOKENS = 256
SAMPLING = {"sampling_temperature": 0.7, "sampling_topk": 50, "sampling_topp": 0.95}


@cache
def initialize() -> TextGenerator:
    """Load tokenizer and model; weights are in the precision in which export.py stored them."""
    template()
    return TextGenerator(ROOT / "model", threads=whole_vcpus(), new_tokens=NEW_TOKENS, **SAMPLING)


@cache
def template() -> list[str]:
    """What the model's chat template puts before and after a question."""
    return json.loads((ROOT / "prompt.json").read_text(encoding="utf-8"))


def process(batch: list[str]) -> list[str]:
    """What the model answers to each question."""
    return initialize().write(batch, prompt)


def prompt(question: str) -> list[str]:
    """The prompt's tokens; a short question is repeated, a long one is cut."""
    tokenizer = initialize().tokenizer
    content = hold(question, tokenizer, QUESTION_TOKENS)
    return tokenizer.encode(content.join(template())).tokens


def figures() -> dict[str, float]:
    """What the invocation record says beside the times."""
    return initialize().figures
