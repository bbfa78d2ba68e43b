"""The language model's folder: trained without a network, packaged, and run for real."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import pytest

from pytest_lambda_ml.artifact import build_package, check_requirements, find_handler, train
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.errors import UnsupportedError

FOLDER = find_handler("tiny-llama-v0", engine="reference", search=[])
try:
    check_requirements(FOLDER)
except UnsupportedError as error:
    pytest.skip(str(error), allow_module_level=True)

ANSWER = """
import json, sys, handler
questions = json.load(sys.stdin)
generator = handler.initialize()
calls = []
generate = generator.model.generate
def spy(**inputs):
    ids = generate(**inputs)
    prompt = inputs["input_ids"].shape[1]
    calls.append((prompt, ids.shape[1] - prompt))
    return ids
generator.model.generate = spy
answers = handler.process(questions)
print(json.dumps({
    "parameters": sum(p.numel() for p in generator.model.parameters()),
    "dtype": str(generator.model.dtype),
    "vocabulary": len(generator.tokenizer),
    "threads": handler.torch.get_num_threads(),
    "calls": calls,
    "answers": answers,
    "again": handler.process(questions[:1]),
}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "trained"  # other modules train the same
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        artifacts = train(FOLDER, load_dataset("questions", None, cache), cache)
    return build_package(FOLDER, artifacts, cache)


@pytest.fixture(scope="module")
def answered(package, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    with zipfile.ZipFile(package.zip_path) as archive:
        archive.extractall(root)
    questions = [
        load_dataset("questions", None, root).items[0],
        "Why? (A) x (B) y (C) z",
        "A very long question about nothing at all. " * 40,
    ]
    result = subprocess.run(
        [sys.executable, "-B", "-c", ANSWER],
        cwd=root,
        input=json.dumps(questions),
        env={"PATH": "/usr/bin:/bin", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


def test_random_weights_are_labelled(package):
    assert package.weights == "random-init"


def test_the_architecture_is_that_of_the_published_model(answered):
    assert answered["parameters"] == 4_621_376
    assert answered["vocabulary"] == 32_000
    assert answered["dtype"] == "torch.bfloat16"


def test_prompts_are_held_at_60_to_80_tokens_and_256_follow(answered):
    assert len(answered["calls"]) == 4  # three questions, and the first once again
    for prompt, generated in answered["calls"]:
        assert 60 <= prompt <= 80
        assert generated == 256


def test_the_same_question_gets_the_same_answer(answered):
    assert answered["again"] == answered["answers"][:1]
    assert len(set(answered["answers"])) == 3


def test_threads_follow_the_cpu_share_and_not_the_host(answered):
    assert answered["threads"] == 1
