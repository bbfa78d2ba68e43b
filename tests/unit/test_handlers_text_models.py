"""What the text models' handlers share: prompts, quality measures, threads."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.artifact.carried import carried_handlers

FOLDER = carried_handlers() / "text-models"


@pytest.fixture(scope="module", autouse=True)
def importable():
    """The folder's modules lie beside the handler in a function."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield


def shared(name):
    return importlib.import_module(name)


class Words:
    """A tokenizer of the library's kind, a word a token."""

    def encode(self, text, *, add_special_tokens):
        assert not add_special_tokens
        return Encoding(text)


class Encoding:
    def __init__(self, text):
        self.offsets, end = [], 0
        for word in text.split():
            start = text.index(word, end)
            end = start + len(word)
            self.offsets.append((start, end))

    def __len__(self):
        return len(self.offsets)


@given(st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=90))
def test_a_held_prompt_has_a_length_in_the_range_and_begins_with_the_question(words):
    question = " ".join(words)
    held = shared("prompt").hold(question, Words(), range(20, 31))
    assert 20 <= len(held.split()) <= 30
    assert held.startswith(question) or question.startswith(held)


CHECKS = {
    "continuations": [
        {"prompt": [1, 2], "new": [3, 0, 1]},
        {"prompt": [2], "new": [3, 3, 3]},
    ],
    "questions": [],
}


def logits(successor, ids):
    """A model that is sure: after each token comes its successor."""
    return np.eye(5)[[successor[token] for token in ids]]


def test_token_agreement_counts_every_prefix_of_the_reference_for_itself():
    """One wrong token does not make those after it wrong: the prefix is given, not continued."""
    successor = [1, 2, 3, 0, 0]  # after 3 comes 0, so the second text is right once
    quality = shared("greedy").measure(CHECKS, lambda ids: logits(successor, ids))
    assert quality == {"token_agreement": pytest.approx(4 / 6)}


def test_accuracy_is_told_where_answers_are_known():
    questions = [
        {"ids": [1], "letters": [2, 3], "answer": 0},
        {"ids": [1], "letters": [3, 4], "answer": 1},
    ]
    quality = shared("greedy").measure(
        {**CHECKS, "questions": questions}, lambda ids: logits([1, 2, 3, 0, 0], ids)
    )
    assert quality["arc_accuracy"] == 0.5


def test_questions_with_an_answer_key_are_found_with_their_choices(tmp_path):
    data = tmp_path / "arc.csv"
    data.write_text(
        "question,AnswerKey\n"
        "Which? (A) x (B) y (C) z,C\n"
        "Which? (A) x (B) y,1\n"
        "Which? (A) x (B) y,A\n"
    )

    def tokenizer(text, *, add_special_tokens=True):
        return type("Tokens", (), {"input_ids": [ord(letter) for letter in text]})

    found = shared("greedy").multiple_choice(data, tokenizer)
    assert [item["answer"] for item in found] == [2, 0]
    assert [item["letters"] for item in found] == [[65, 66, 67], [65, 66]]
    assert bytes(found[1]["ids"]).decode() == "Which? (A) x (B) y\nAnswer:"


def test_checks_are_read_as_they_were_written(tmp_path):
    greedy = shared("greedy")
    greedy.write_checks(tmp_path, CHECKS)
    assert greedy.read_checks(tmp_path) == CHECKS


def test_embeddings_are_compared_by_direction_and_neighbour(tmp_path):
    neighbours = shared("neighbours")
    vectors = {"a": [1.0, 0.0], "b": [0.9, 0.1], "c": [0.0, 1.0], "d": [0.1, 0.9]}

    def embed(texts):
        return np.array([vectors[text] for text in texts])

    neighbours.write_checks(tmp_path, list(vectors), embed)
    checks = neighbours.read_checks(tmp_path)
    twice = neighbours.measure(checks, lambda texts: 2 * embed(texts))
    assert twice["cosine"] == pytest.approx(1)
    assert twice["nearest_neighbour_agreement"] == 1
    vectors["b"] = [0.1, 0.9]  # now a neighbour of c and d
    other = neighbours.measure(checks, embed)
    assert other["cosine"] < 0.85
    assert other["nearest_neighbour_agreement"] < 1


@pytest.mark.parametrize(
    ("memory_mb", "cores", "threads"),
    [(128, 2, 1), (1769, 2, 1), (3537, 2, 1), (3538, 2, 2), (10240, 2, 2), (10240, 6, 5)],
)
def test_threads_are_the_whole_vcpus_of_the_memory(monkeypatch, memory_mb, cores, threads):
    cpu_share = shared("cpu_share")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(memory_mb))
    monkeypatch.setattr(cpu_share.os, "cpu_count", lambda: cores)
    assert cpu_share.whole_vcpus() == threads


@pytest.mark.parametrize("algorithm", ["tiny-llama-v0", "tiny-llama", "bert-base-uncased"])
def test_exact_and_approximate_engines_differ_in_the_weights_alone(algorithm):
    fast, exact = (carried_handlers() / algorithm / name for name in ("fast", "fast-exact"))
    for name in ("handler.py", "requirements.txt"):
        assert (fast / name).read_text() == (exact / name).read_text()
    assert '"int8_float32"' in (fast / "export.py").read_text()
    assert '"float32"' in (exact / "export.py").read_text()


def test_quality_is_written_as_results_read_it(tmp_path):
    pytest.importorskip("ctranslate2")
    pytest.importorskip("transformers")
    shared("to_ctranslate2").write_quality(tmp_path, {"cosine": 0.5})
    assert json.loads((tmp_path / "quality.json").read_text()) == {"cosine": 0.5}
