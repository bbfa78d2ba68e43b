"""Write TinyLLama-v0 to a folder ``model``: the published weights, or random ones of its shape.

The published weights are fetched at a pinned revision where the Hugging Face hub can be reached.
Elsewhere (or with HF_HUB_OFFLINE=1) the same architecture is initialised at random from a seed,
with a tokenizer made from the questions: inference takes the same work, its answers mean nothing.
weights.txt says which of the two it is.
"""

import argparse
import json
import os
import string
import sys
import urllib.request
from pathlib import Path

import pandas as pd
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

REPOSITORY = "Maykeye/TinyLLama-v0"
REVISION = "298338802ab94432b917bcce11382aa151aee50f"
HUB_TIMEOUT_S = 3
SPECIAL_TOKENS = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
LEARNED_TOKENS = (
    3000  # a question of 40 to 70 words then has about as many tokens as in Llama's own
)
SEED = 42
CONFIGURATION = LlamaConfig(
    vocab_size=32000,
    hidden_size=64,
    intermediate_size=256,
    num_hidden_layers=8,
    num_attention_heads=16,
    num_key_value_heads=16,
    max_position_embeddings=2048,
    rms_norm_eps=1e-6,
    tie_word_embeddings=False,
    bos_token_id=1,
    eos_token_id=2,
)


def hub_is_reachable() -> bool:
    """Whether the pinned revision can be asked for within seconds."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    url = f"{endpoint}/api/models/{REPOSITORY}/revision/{REVISION}"
    try:
        with urllib.request.urlopen(url, timeout=HUB_TIMEOUT_S):  # noqa: S310 (the hub's own API)
            return True
    except (OSError, ValueError):
        return False


def load(questions: list[str]) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, str]:
    """Model, tokenizer, and where the weights come from."""
    if hub_is_reachable():
        try:
            tokenizer = AutoTokenizer.from_pretrained(REPOSITORY, revision=REVISION)
            model = AutoModelForCausalLM.from_pretrained(REPOSITORY, revision=REVISION)
        except Exception as error:  # the hub, or a library that only this tokenizer needs
            print(f"{REPOSITORY} could not be loaded, so random-init: {error}", file=sys.stderr)
        else:
            return model, tokenizer, f"pretrained {REPOSITORY}@{REVISION[:12]}"
    torch.manual_seed(SEED)
    return LlamaForCausalLM(CONFIGURATION), make_tokenizer(questions), "random-init"


def make_tokenizer(questions: list[str]) -> PreTrainedTokenizerFast:
    """Byte pairs learned from the questions, filled up to the full vocabulary."""
    learner = Tokenizer(models.BPE(unk_token=SPECIAL_TOKENS["unk_token"]))
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    learner.train_from_iterator(
        questions,
        trainers.BpeTrainer(
            vocab_size=LEARNED_TOKENS,
            special_tokens=list(SPECIAL_TOKENS.values()),
            initial_alphabet=list(string.printable),
            show_progress=False,
        ),
    )
    # In the vocabulary itself, not as added tokens: those are slow to load by the thousand.
    state = json.loads(learner.to_str())
    vocabulary = state["model"]["vocab"]
    for token_id in range(len(vocabulary), CONFIGURATION.vocab_size):
        vocabulary[f"▁w{token_id}"] = token_id
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", CONFIGURATION.bos_token_id)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL_TOKENS)


def main(data: Path, out: Path) -> None:
    """Write the folder ``model`` and weights.txt."""
    questions = pd.read_csv(data, usecols=["question"], dtype=str, keep_default_na=False)
    model, tokenizer, weights = load(questions["question"].tolist())
    model.to(torch.bfloat16).save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    (out / "weights.txt").write_text(weights + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
