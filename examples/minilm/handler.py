"""Sentence embeddings by all-MiniLM-L6-v2, by transformers as its authors describe."""

from functools import cache
from pathlib import Path

import torch
from cpu_share import whole_vcpus
from torch.nn.functional import normalize
from transformers import AutoModel, AutoTokenizer, logging

ROOT = Path(__file__).parent / "model"


@cache
def initialize():
    """Load tokenizer and model; runs once per execution environment."""
    torch.set_num_threads(whole_vcpus())
    logging.disable_progress_bar()
    return AutoTokenizer.from_pretrained(ROOT), AutoModel.from_pretrained(ROOT).eval()


def process(batch):
    """The embedding of each text: 384 numbers, of length 1."""
    tokenizer, model = initialize()
    inputs = tokenizer(batch, padding=True, truncation=True, max_length=512, return_tensors="pt")
    mask = inputs["attention_mask"].unsqueeze(-1)
    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state
    return normalize((hidden * mask).sum(dim=1) / mask.sum(dim=1)).tolist()
