"""TinyLLama-v0 answering questions, by transformers' text-generation pipeline as the thesis did.

Every item costs the same work whatever its text: prompts are held at 60 to 80 tokens and always
256 tokens follow. Sampling starts from the same seed in each invocation, so that the same batch
gives the same outputs.
"""

import os
from functools import cache
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # all files are here; a function may have no network

import torch
from token_clock import TokenClock
from transformers import Pipeline, logging, pipeline, set_seed

ROOT = Path(__file__).parent / "model"
PROMPT_TOKENS = range(60, 81)
NEW_TOKENS = 256
MEMORY_MB_PER_VCPU = 1769
SEED = 42


@cache
def initialize() -> Pipeline:
    """Load tokenizer and model in bfloat16, with a thread per vCPU that the memory buys."""
    # torch would start a thread for each core of the host. A function has only a share of them:
    # the others would spin for work and use up the share that the first thread needs.
    memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB_PER_VCPU))
    torch.set_num_threads(max(1, round(memory_mb / MEMORY_MB_PER_VCPU)))
    logging.disable_progress_bar()  # it would go to the function's log
    generator = pipeline("text-generation", model=str(ROOT), device="cpu")
    generator.model.to(torch.bfloat16)
    generator.tokenizer.model_max_length = PROMPT_TOKENS[-1]
    return generator


@cache
def clock() -> TokenClock:
    """What hears of each token."""
    return TokenClock()


def process(batch: list[str]) -> list[str]:
    """What the model writes after each question."""
    clock().start()
    set_seed(SEED)
    return [answer(initialize(), question) for question in batch]


def answer(generator: Pipeline, question: str) -> str:
    """The text that follows the question; a short one is repeated, a long one is cut."""
    prompt = question
    while len(generator.tokenizer(prompt, truncation=True).input_ids) < PROMPT_TOKENS[0]:
        prompt += " " + question
    outputs = generator(
        prompt,
        do_sample=True,
        min_new_tokens=NEW_TOKENS,
        max_new_tokens=NEW_TOKENS,
        return_full_text=False,
        truncation=True,
        streamer=clock(),
    )
    return outputs[0]["generated_text"]


def figures() -> dict[str, float | None]:
    """What the invocation record says beside the times."""
    return {**clock().figures(), "threads": torch.get_num_threads()}
