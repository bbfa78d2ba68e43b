"""TinyLlama-1.1B-Chat answering questions, by transformers' pipeline as the thesis did.

The prompt is the model's chat template around the question, sampling is what the model's authors
recommend. Every item costs the same work whatever its text: prompts are held at 60 to 80 tokens
and always 256 tokens follow. The same batch gives the same outputs.
"""

import os
from functools import cache
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # all files are here; a function may have no network

import torch
from prompt import hold
from token_clock import TokenClock
from transformers import Pipeline, logging, pipeline, set_seed

ROOT = Path(__file__).parent / "model"
QUESTION_TOKENS = range(46, 58)  # with template and margin, prompts are of 60 to 80 tokens
NEW_TOKENS = 256
SAMPLING = {"do_sample": True, "temperature": 0.7, "top_k": 50, "top_p": 0.95}
MEMORY_MB_PER_VCPU = 1769
SEED = 42


@cache
def initialize() -> Pipeline:
    """Load tokenizer and model in bfloat16, with a thread per vCPU that the memory buys."""
    # torch would start a thread for each core of the host; a function has only a share of them.
    memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB_PER_VCPU))
    torch.set_num_threads(max(1, round(memory_mb / MEMORY_MB_PER_VCPU)))
    logging.disable_progress_bar()  # it would go to the function's log
    generator = pipeline("text-generation", model=str(ROOT), device="cpu")
    generator.model.to(torch.bfloat16)
    return generator


@cache
def clock() -> TokenClock:
    """What hears of each token."""
    return TokenClock()


def process(batch: list[str]) -> list[str]:
    """What the model answers to each question."""
    clock().start()
    set_seed(SEED)
    return [answer(initialize(), question) for question in batch]


def answer(generator: Pipeline, question: str) -> str:
    """The model's turn; a short question is repeated, a long one is cut."""
    content = hold(question, generator.tokenizer.backend_tokenizer, QUESTION_TOKENS)
    prompt = generator.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    outputs = generator(
        prompt,
        min_new_tokens=NEW_TOKENS,
        max_new_tokens=NEW_TOKENS,
        return_full_text=False,
        streamer=clock(),
        **SAMPLING,
    )
    return outputs[0]["generated_text"]


def figures() -> dict[str, float | None]:
    """What the invocation record says beside the times."""
    return {**clock().figures(), "threads": torch.get_num_threads()}
