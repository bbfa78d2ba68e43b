"""Write TinyLLama-v0 to a folder ``model``: the published weights, or random ones of its shape.

weights.txt says which of the two it is; greedy.json is what engines are measured against, and
quality.json says how bfloat16, in which the model is run here, differs from float32.
"""

import argparse
import copy
import json
from pathlib import Path

import pandas as pd
import torch
from greedy import continue_greedily, measure, multiple_choice, write_checks
from published import RANDOM, byte_pair_tokenizer, load
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

REPOSITORY = "Maykeye/TinyLLama-v0"
REVISION = "298338802ab94432b917bcce11382aa151aee50f"
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
CHECKED_QUESTIONS, CHECKED_TOKENS = 20, 48


def main(data: Path, out: Path) -> None:
    """Write the folder ``model``, weights.txt, greedy.json and quality.json."""
    table = pd.read_csv(data, usecols=["question"], dtype=str, keep_default_na=False)
    questions = table["question"].tolist()

    def random_model() -> tuple[object, object]:
        tokenizer = byte_pair_tokenizer(questions, CONFIGURATION.vocab_size)
        return LlamaForCausalLM(CONFIGURATION), tokenizer

    model, tokenizer, weights = load(
        REPOSITORY, REVISION, AutoModelForCausalLM, otherwise=random_model
    )
    model = model.to(torch.bfloat16).eval()
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    (out / "weights.txt").write_text(weights + "\n", encoding="utf-8")
    prompts = [tokenizer(question).input_ids for question in questions[:CHECKED_QUESTIONS]]
    checks = {
        # bfloat16 is what is stored, so float32 of it is the same model, computed exactly.
        "continuations": continue_greedily(copy.deepcopy(model).float(), prompts, CHECKED_TOKENS),
        "questions": [] if weights == RANDOM else multiple_choice(data, tokenizer),
    }
    write_checks(out, checks)

    def logits(ids: list[int]) -> object:
        with torch.inference_mode():
            return model(torch.tensor([ids])).logits[0].float().numpy()

    quality = measure(checks, logits)
    (out / "quality.json").write_text(json.dumps(quality), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
