"""How far a language model's engine agrees with the model in float32 (for train.py, export.py).

The model in float32 continues some questions greedily. An engine is given the same prefixes, all
of them, and the share of those is counted after which it would have chosen the same next token:
one early difference does not make all that follows different. Where weights and answers are real
ones, the share of multiple-choice questions answered rightly is counted, too.
"""

import csv
import json

import numpy as np

__all__ = ["continue_greedily", "measure", "multiple_choice", "read_checks", "write_checks"]

CHECKS = "greedy.json"
CHOICES = "ABCDE"
ANSWERED_QUESTIONS = 200


def continue_greedily(model, prompts, tokens):
    """A check for each prompt (token ids): ``prompt`` and the ``new`` ids that follow it."""
    import torch  # what reads the checks does without

    checks = []
    for prompt in prompts:
        written = model.generate(
            torch.tensor([prompt]), do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens
        )
        checks.append({"prompt": prompt, "new": written[0, len(prompt) :].tolist()})
    return checks


def multiple_choice(data, tokenizer):
    """Questions whose CSV has a column AnswerKey: ids, the ids of the letters, the right one."""
    with data.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("AnswerKey") in set(CHOICES)]
    letters = [
        tokenizer(f" {letter}", add_special_tokens=False).input_ids[-1] for letter in CHOICES
    ]
    return [
        {
            "ids": tokenizer(f"{row['question']}\nAnswer:").input_ids,
            "letters": letters[: sum(f"({letter})" in row["question"] for letter in CHOICES)],
            "answer": CHOICES.index(row["AnswerKey"]),
        }
        for row in rows[:ANSWERED_QUESTIONS]
    ]


def write_checks(out, checks):
    """Keep what every engine is measured against: ``continuations`` and ``questions``."""
    (out / CHECKS).write_text(json.dumps(checks), encoding="utf-8")


def read_checks(reference):
    """What the reference's train.py kept."""
    return json.loads((reference / CHECKS).read_text(encoding="utf-8"))


def measure(checks, logits):
    """The quality of an engine whose ``logits(ids)`` are of shape (ids, vocabulary)."""
    same = []
    for check in checks["continuations"]:
        predicted = logits(check["prompt"] + check["new"][:-1]).argmax(axis=-1)
        same += (predicted[len(check["prompt"]) - 1 :] == np.array(check["new"])).tolist()
    quality = {"token_agreement": float(np.mean(same))}
    if questions := checks["questions"]:
        right = [
            logits(item["ids"])[-1, item["letters"]].argmax() == item["answer"]
            for item in questions
        ]
        quality["arc_accuracy"] = float(np.mean(right))
    return quality
