"""bert-base-uncased embedding questions, by transformers in float32 as the thesis ran it.

An embedding is the mean of the last layer over the question's tokens. The questions of a batch go
through the encoder together, padded to the longest.
"""

import os
from functools import cache
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # all files are here; a function may have no network

import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase, logging

ROOT = Path(__file__).parent / "model"
MAX_TOKENS = 512
MEMORY_MB_PER_VCPU = 1769


@cache
def initialize() -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Load tokenizer and model, with a thread per vCPU that the memory buys."""
    # torch would start a thread for each core of the host; a function has only a share of them.
    memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB_PER_VCPU))
    torch.set_num_threads(max(1, round(memory_mb / MEMORY_MB_PER_VCPU)))
    logging.disable_progress_bar()  # it would go to the function's log
    return AutoTokenizer.from_pretrained(ROOT), AutoModel.from_pretrained(ROOT).eval()


@cache
def last_figures() -> dict[str, int]:
    """Those of the last batch."""
    return {}


def process(batch: list[str]) -> list[list[float]]:
    """The embedding of each question: 768 numbers."""
    tokenizer, model = initialize()
    inputs = tokenizer(
        batch, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
    )
    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    last_figures().update(prompt_tokens=int(mask.sum()), threads=torch.get_num_threads())
    return ((hidden * mask).sum(dim=1) / mask.sum(dim=1)).tolist()


def figures() -> dict[str, int]:
    """What the invocation record says beside the times."""
    return last_figures()
