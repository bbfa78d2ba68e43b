"""TinyLLama-v0 answering questions by CTranslate2, with the reference's prompts and sampling."""

from functools import cache
from pathlib import Path

from generation import TextGenerator

ROOT = Path(__file__).parent / "model"
PROMPT_TOKENS = range(60, 81)
NEW_TOKENS = 256
SAMPLING = {"sampling_topk": 50}  # what transformers samples from unless told otherwise
THREADS = 1  # at any memory: the model is so small that a second one takes twice as long


@cache
def initialize() -> TextGenerator:
    """Load tokenizer and model; weights are in the precision in which export.py stored them."""
    generator = TextGenerator(ROOT, threads=THREADS, new_tokens=NEW_TOKENS, **SAMPLING)
    generator.tokenizer.enable_truncation(PROMPT_TOKENS[-1])
    return generator


def process(batch: list[str]) -> list[str]:
    """What the model writes after each question."""
    return initialize().write(batch, prompt)


def prompt(question: str) -> list[str]:
    """The question's tokens; a short one is repeated, a long one is cut."""
    text, encode = question, initialize().tokenizer.encode
    while len(tokens := encode(text).tokens) < PROMPT_TOKENS[0]:
        text += " " + question
    return tokens


def figures() -> dict[str, float]:
    """What the invocation record says beside the times."""
    return initialize().figures
