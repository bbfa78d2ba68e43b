"""Write bert-base-uncased to a folder ``model``: the published weights, or random ones.

weights.txt says which of the two it is; neighbours.npz is what engines are measured against.
"""

import argparse
from pathlib import Path

import pandas as pd
import torch
from neighbours import write_checks
from published import load, word_piece_tokenizer
from transformers import BertConfig, BertModel

REPOSITORY = "google-bert/bert-base-uncased"
REVISION = "86b5e0934494bd15c9632b12f734a8a67f723594"
CONFIGURATION = BertConfig()  # its defaults are those of bert-base-uncased
MAX_TOKENS = 512


def main(data: Path, out: Path) -> None:
    """Write the folder ``model``, weights.txt and neighbours.npz."""
    table = pd.read_csv(data, usecols=["question"], dtype=str, keep_default_na=False)
    questions = table["question"].tolist()

    def random_model() -> tuple[object, object]:
        tokenizer = word_piece_tokenizer(questions, CONFIGURATION.vocab_size)
        return BertModel(CONFIGURATION), tokenizer

    model, tokenizer, weights = load(REPOSITORY, REVISION, BertModel, otherwise=random_model)
    model = model.float().eval()
    # The only kind of positions that BERT ever had, which CTranslate2 wants to read nevertheless.
    model.config.position_embedding_type = "absolute"
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    (out / "weights.txt").write_text(weights + "\n", encoding="utf-8")

    def embed(texts: list[str]) -> object:
        inputs = tokenizer(
            texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1)
        return ((hidden * mask).sum(dim=1) / mask.sum(dim=1)).numpy()

    write_checks(out, questions, embed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
