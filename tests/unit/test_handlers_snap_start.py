"""Every handler is ready for SnapStart: loaded when it is imported, and nothing kept that must not
be shared by the environments that are restored from one snapshot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from pytest_lambda_ml.artifact import find_handler
from pytest_lambda_ml.artifact.carried import carried_handlers, wrapper_path

HANDLERS = carried_handlers()
FOLDERS = sorted(path.parent for path in HANDLERS.glob("**/handler.py"))
LIBRARIES = (
    "boto3 ctranslate2 joblib sklearn tokenizers torch transformers word_counts "
    "sklearn.cluster sklearn.decomposition sklearn.ensemble sklearn.feature_extraction.text "
    "sklearn.linear_model sklearn.mixture sklearn.svm transformers.generation.streamers"
)
LOAD = f"""
import random, socket, sys, tempfile, uuid
from unittest.mock import MagicMock

for name in {LIBRARIES.split()}:
    sys.modules[name] = MagicMock(name=name)
sys.modules["transformers.generation.streamers"].BaseStreamer = object
sys.modules["ctranslate2"].set_random_seed = lambda seed: None  # the same in all: on purpose


def trap(module, name):
    def caught(*_, **__):
        raise SystemExit(f"{{module.__name__}}.{{name}} is called when the handler is imported")
    setattr(module, name, caught)


for module, names in (
    (uuid, ["uuid1", "uuid4"]), (socket, ["socket", "create_connection"]),
    (random, ["seed", "random", "Random"]),
    (tempfile, ["mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryDirectory"]),
    (sys.modules["boto3"], ["client", "resource", "Session"]),
):
    for name in names:
        trap(module, name)

import wrapper
print(wrapper.environment.initialized, wrapper.environment.id)
told = wrapper.handler.initialize.cache_info()
wrapper.handler.initialize()
print(told.misses, wrapper.handler.initialize.cache_info().misses)
"""

RESTORED = """
import json, os, sys, types, wrapper

context = types.SimpleNamespace(function_name="f", function_version="1", memory_limit_in_mb="512")
for number in range(2):
    if child := os.fork():  # both have what was in memory here, as from a snapshot
        os.waitpid(child, 0)
    else:
        context.aws_request_id = f"request-{number}"
        message = {"run_id": "run", "sample_id": str(number), "batch": ["a"]}
        wrapper.lambda_handler(message, context)
        os._exit(0)
"""


def run(folder: Path, code: str, initialization_type: str = "snap-start") -> list[str]:
    """What a process prints that has Lambda's variable and the folder to import from."""
    environment = {**os.environ, "AWS_LAMBDA_INITIALIZATION_TYPE": initialization_type}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: str(path.relative_to(HANDLERS)))
def test_the_model_is_loaded_before_the_first_invocation_and_nothing_else_is_kept(path, tmp_path):
    """With stand-ins for the libraries: it shows when is loaded, others show what."""
    reference = path if path.parent == HANDLERS else path.parent
    engine = "reference" if path == reference else path.name
    folder = find_handler(reference, engine=engine, search=[])
    for source in (*folder.include, reference, path):
        for file in source.glob("*.py"):
            if file.stem != "word_counts":
                shutil.copy(file, tmp_path)
    shutil.copy(wrapper_path(), tmp_path)
    (tmp_path / "stop_words.txt").write_text("the")
    (tmp_path / "prompt.json").write_text('["", ""]')
    assert run(tmp_path, LOAD) == ["True None", "1 1"]


@pytest.mark.parametrize(
    ("initialization_type", "loads"), [("snap-start", ["loaded"]), ("on-demand", ["loaded"] * 2)]
)
def test_environments_restored_from_one_snapshot_load_once_and_have_ids_of_their_own(
    tmp_path, initialization_type, loads
):
    shutil.copy(wrapper_path(), tmp_path)
    handler = """
        def initialize(): print("loaded", flush=True)
        def process(batch): return batch
    """
    (tmp_path / "handler.py").write_text(dedent(handler))
    lines = run(tmp_path, RESTORED, initialization_type)
    assert [line for line in lines if line == "loaded"] == loads
    records = [json.loads(line) for line in lines if '"pytest_lambda_ml.invocation"' in line]
    assert [record["sample_id"] for record in records] == ["0", "1"]
    assert len({record["environment_id"] for record in records}) == 2
    for record in records:
        assert record["initialization_ended_at_ms"] <= record["processing_started_at_ms"] + 1
