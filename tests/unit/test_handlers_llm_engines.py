"""The language models' engines: trained, exported and run for real, the large ones shrunk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from math import prod
from operator import mul

import pytest

from pytest_lambda_ml.artifact import build_package, check_requirements, find_handler, train
from pytest_lambda_ml.artifact.carried import carried_handlers
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.errors import UnsupportedError

try:
    check_requirements(find_handler("tiny-llama-v0", engine="fast", search=[]))
except UnsupportedError as error:
    pytest.skip(str(error), allow_module_level=True)

SHRUNK = {
    "tiny-llama-v0": {},
    "tiny-llama": {
        "hidden_size=2048": "hidden_size=128",
        "intermediate_size=5632": "intermediate_size=256",
        "num_hidden_layers=22": "num_hidden_layers=2",
        "num_attention_heads=32": "num_attention_heads=4",
        "num_key_value_heads=4": "num_key_value_heads=2",
        "NEW_TOKENS = 256": "NEW_TOKENS = 24",
    },
    "bert-base-uncased": {
        "BertConfig()": "BertConfig(num_hidden_layers=2, hidden_size=128, num_attention_heads=2)"
    },
}
RUN = """
import json, os, sys, handler
told = []
for batch in json.load(sys.stdin):
    told.append({"outputs": handler.process(batch), "figures": dict(handler.figures())})
print(json.dumps({**told[0], "batches": told, "modules": sorted(sys.modules)}), flush=True)
os._exit(0)  # CTranslate2's threads may end the interpreter with an abort, which Lambda never does
"""
QUESTIONS = (
    "Which of these is a star? (A) the sun (B) the moon (C) the earth (D) a comet",
    "A very long question about nothing at all, asked again and again. " * 20,
    "Why?",
)
MIXED = tuple(
    " ".join(("Which", "of", "these", "planets", "is", "the", "hottest", "one")[: 2 + n % 7] * n)
    for n in (1, 9, 2, 14, 3, 5, 30, 1, 7, 4, 11, 2, 60, 6, 8, 3)
)
"""Sixteen of very different lengths, as they come."""
BATCHES = {"bert-base-uncased": (QUESTIONS, MIXED[:4], MIXED, *([text] for text in MIXED))}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folders with the models, their cache, and what packages are unpacked to."""
    root = tmp_path_factory.mktemp("models")
    for name, changes in SHRUNK.items():
        shutil.copytree(carried_handlers() / name, root / name)
        for file in (root / name).rglob("*.py") if changes else ():
            text = file.read_text()
            for old, new in changes.items():
                text = text.replace(old, new)
            file.write_text(text)
        told = "".join(file.read_text() for file in (root / name).rglob("*.py"))
        assert all(new in told for new in changes.values())
    return root


@pytest.fixture(scope="module")
def answer(site, tmp_path_factory):
    """What an engine makes of the questions, in a process of its own; each is asked once."""
    answered = {}
    cache = tmp_path_factory.getbasetemp() / "trained"  # other modules train the same

    def ask(name, engine):
        if (name, engine) in answered:
            return answered[name, engine]
        folder = find_handler(site / name, engine=engine, search=[])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_HUB_OFFLINE", "1")
            artifacts = train(folder, load_dataset("questions", None, cache), cache)
        package = build_package(folder, artifacts, cache)
        root = site / f"{name}-{engine}"
        with zipfile.ZipFile(package.zip_path) as archive:
            archive.extractall(root)
        done = subprocess.run(
            [sys.executable, "-B", "-c", RUN],
            cwd=root,
            input=json.dumps(BATCHES.get(name, (QUESTIONS,))),
            env={"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        quality = json.loads((root / "quality.json").read_text()) if engine != "reference" else {}
        told = {"weights": package.weights, "quality": quality, "root": root}
        answered[name, engine] = {**json.loads(done.stdout.splitlines()[-1]), **told}
        return answered[name, engine]

    return ask


@pytest.mark.parametrize("name", ["tiny-llama-v0", "tiny-llama"])
@pytest.mark.parametrize("engine", ["fast", "fast-exact"])
def test_a_language_model_does_the_work_of_the_reference_without_torch(answer, name, engine):
    got, reference = answer(name, engine), answer(name, "reference")
    assert not {"torch", "transformers"} & set(got["modules"])
    for told in ("prompt_tokens", "new_tokens", "threads"):
        assert got["figures"][told] == reference["figures"][told]
    assert 60 * 3 <= got["figures"]["prompt_tokens"] <= 80 * 3
    assert got["figures"]["new_tokens"] == 3 * (256 if name == "tiny-llama-v0" else 24)
    assert got["figures"]["time_to_first_token_ms"] > 0
    assert len(set(got["outputs"])) == 3
    assert all(len(text) > 50 for text in got["outputs"])
    assert got["weights"] == reference["weights"] == "random-init"


@pytest.mark.parametrize("name", ["tiny-llama-v0", "tiny-llama"])
def test_the_exact_engine_continues_as_transformers_does_in_float32(answer, name):
    """Greedily, token by token: checked here by CTranslate2 itself, not by the export's measure."""
    import ctranslate2
    from tokenizers import Tokenizer

    reference, exact = answer(name, "reference"), answer(name, "fast-exact")
    checks = json.loads((reference["root"] / "greedy.json").read_text())["continuations"]
    model = exact["root"] / "model"
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    generator = ctranslate2.Generator(str(model), inter_threads=1, intra_threads=1)
    for check in checks[:5]:
        tokens = len(check["new"])
        [result] = generator.generate_batch(
            [[tokenizer.id_to_token(number) for number in check["prompt"]]],
            min_length=tokens,
            max_length=tokens,
            include_prompt_in_result=False,
        )
        assert result.sequences_ids[0] == check["new"]
    assert exact["quality"] == {"token_agreement": 1.0}
    assert 0.3 < answer(name, "fast")["quality"]["token_agreement"] <= 1


def test_the_chat_model_is_asked_by_its_template(answer):
    prompt = json.loads((answer("tiny-llama", "fast")["root"] / "prompt.json").read_text())
    assert prompt == ["<|user|>\n", "</s>\n<|assistant|>\n"]


@pytest.mark.parametrize(("engine", "tolerance"), [("fast", 0.2), ("fast-exact", 2e-4)])
def test_bert_embeds_as_the_reference_does_without_torch(answer, engine, tolerance):
    got, reference = answer("bert-base-uncased", engine), answer("bert-base-uncased", "reference")
    assert not {"torch", "transformers"} & set(got["modules"])
    for embedding, expected in zip(got["outputs"], reference["outputs"], strict=True):
        assert len(embedding) == 128
        assert embedding == pytest.approx(expected, abs=tolerance)
    assert got["outputs"] != reference["outputs"]
    assert got["figures"]["prompt_tokens"] == reference["figures"]["prompt_tokens"]
    assert got["figures"]["padding_buckets"] == 3
    assert got["quality"]["cosine"] > (0.99 if engine == "fast" else 0.999999)


@pytest.mark.parametrize(("number", "batch_size"), [(1, 4), (2, 16)])
@pytest.mark.parametrize("engine", ["fast", "fast-exact"])
def test_bert_in_padding_buckets_agrees_with_the_reference(answer, engine, number, batch_size):
    """Each question by itself: a mean would hide one that its bucket's padding spoils."""
    folder = find_handler("bert-base-uncased", engine=engine, search=[])
    floor = folder.quality_floors["cosine"] if engine == "fast" else 0.999999
    got, reference = answer("bert-base-uncased", engine), answer("bert-base-uncased", "reference")
    told, expected = got["batches"][number], reference["batches"][number]
    assert len(told["outputs"]) == batch_size
    assert min(map(cosine, told["outputs"], expected["outputs"])) >= floor
    assert told["figures"]["prompt_tokens"] == expected["figures"]["prompt_tokens"]
    lengths = {
        -(-each["figures"]["prompt_tokens"] // 16) for each in got["batches"][3:][:batch_size]
    }
    assert told["figures"]["padding_buckets"] == len(lengths) > 1
    alone = [each["outputs"][0] for each in got["batches"][3:]][:batch_size]
    assert min(map(cosine, told["outputs"], alone)) >= floor, "whatever stands beside it"


def cosine(one, other):
    dot, squares = sum(map(mul, one, other)), (sum(map(mul, each, each)) for each in (one, other))
    return dot / prod(squares) ** 0.5


def test_the_models_are_of_the_published_shapes():
    """Counted without making them."""
    count = (
        "import json, runpy, sys, torch, transformers\n"
        "for name, kind in json.loads(sys.argv[1]):\n"
        "    configuration = runpy.run_path(f'{name}/train.py')['CONFIGURATION']\n"
        "    with torch.device('meta'):\n"
        "        model = getattr(transformers, kind)(configuration)\n"
        "    print(sum(parameter.numel() for parameter in model.parameters()))\n"
    )
    kinds = [("tiny-llama", "LlamaForCausalLM"), ("bert-base-uncased", "BertModel")]
    done = subprocess.run(
        [sys.executable, "-B", "-c", count, json.dumps(kinds)],
        cwd=carried_handlers(),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(carried_handlers() / "text-models")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert list(map(int, done.stdout.split())) == [1_100_048_384, 109_482_240]
