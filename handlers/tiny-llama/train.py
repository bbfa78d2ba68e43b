"""Write TinyLlama-1.1B-Chat to a folder ``model``: the published weights, or random ones.

weights.txt says which of the two it is; prompt.json has what the chat template puts around a
question; greedy.json is what engines are measured against, and quality.json says how bfloat16, in
which the model is run here, differs from float32.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
import torch
from greedy import continue_greedily, measure, multiple_choice, write_checks
from published import RANDOM, byte_pair_tokenizer, load
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

REPOSITORY = "TinyLlama/TinyLlama-1.1B-Chat-v1.0"
REVISION = "fe8a4ea1ffedaf415f4da2f062534de366a451e6"
CONFIGURATION = LlamaConfig(
    vocab_size=32000,
    hidden_size=2048,
    intermediate_size=5632,
    num_hidden_layers=22,
    num_attention_heads=32,
    num_key_value_heads=4,
    max_position_embeddings=2048,
    rms_norm_eps=1e-5,
    tie_word_embeddings=False,
    bos_token_id=1,
    eos_token_id=2,
)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
QUESTION = "QUESTION"
LARGEST_FILE = "500MB"  # files are read one by one, so this much less memory is needed at once
CHECKED_QUESTIONS, CHECKED_TOKENS = 4, 16  # a second in float32 for each token


def main(data: Path, out: Path) -> None:
    """Write the folder ``model``, prompt.json, weights.txt, greedy.json and quality.json."""
    table = pd.read_csv(data, usecols=["question"], dtype=str, keep_default_na=False)
    questions = table["question"].tolist()

    def random_model() -> tuple[object, object]:
        tokenizer = byte_pair_tokenizer(questions, CONFIGURATION.vocab_size)
        tokenizer.chat_template = CHAT_TEMPLATE
        torch.set_default_dtype(torch.bfloat16)  # in float32 it would need twice the memory
        model = LlamaForCausalLM(CONFIGURATION)
        torch.set_default_dtype(torch.float32)
        return model, tokenizer

    model, tokenizer, weights = load(
        REPOSITORY, REVISION, AutoModelForCausalLM, otherwise=random_model
    )
    model = model.to(torch.bfloat16).eval()
    model.save_pretrained(out / "model", max_shard_size=LARGEST_FILE)
    tokenizer.save_pretrained(out / "model")
    (out / "weights.txt").write_text(weights + "\n", encoding="utf-8")
    chat = [{"role": "user", "content": QUESTION}]
    before_and_after = tokenizer.apply_chat_template(
        chat, tokenize=False, add_generation_prompt=True
    ).split(QUESTION)
    (out / "prompt.json").write_text(json.dumps(before_and_after), encoding="utf-8")

    def logits(ids: list[int]) -> object:
        with torch.inference_mode():
            return model(torch.tensor([ids])).logits[0].float().numpy()

    prompts = [
        tokenizer(question.join(before_and_after)).input_ids
        for question in questions[:CHECKED_QUESTIONS]
    ]
    model.float()  # bfloat16 is what is stored, so this is the same model, computed exactly
    checks = {
        "continuations": continue_greedily(model, prompts, CHECKED_TOKENS),
        "questions": [] if weights == RANDOM else multiple_choice(data, tokenizer),
    }
    write_checks(out, checks)
    model.to(torch.bfloat16)
    (out / "quality.json").write_text(json.dumps(measure(checks, logits)), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
