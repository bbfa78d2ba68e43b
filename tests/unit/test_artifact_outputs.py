"""What a handler gives here: asked in a process of its own, and once."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from pytest_lambda_ml.artifact import find_handler, outputs_here
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.errors import ArtifactError

HANDLER = """
import numpy, os, pathlib
HERE = pathlib.Path(__file__).parent
def initialize():
    with open(os.environ["RUNS"], "a") as log: print("run", file=log)
def process(batch):
    print("noise on standard output")
    factor = float((HERE / "model.txt").read_text())
    return numpy.array([[len(text) * factor] for text in batch])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNS", str(tmp_path / "runs.txt"))
    for name, content in {"handler.py": HANDLER, "requirements.txt": ""}.items():
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_text(content)
    return find_handler(tmp_path / "mine", engine="reference", search=[])


@pytest.fixture
def artifacts(tmp_path):
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "model.txt").write_text("0.1")
    return tmp_path / "artifacts"


def test_outputs_come_whole_with_the_wrappers_digest(folder, artifacts, tmp_path):
    first, second = outputs_here(folder, artifacts, [["aaa", "b"], []], tmp_path / "cache")
    assert first.outputs == ([3 * 0.1], [0.1])
    assert second.outputs == ()
    assert len(first.digest) == 16
    assert first.digest != second.digest


def test_the_same_question_is_asked_once(folder, artifacts, tmp_path):
    for batches in ([["a"]], [["a"]], [["a"], ["b"]]):
        outputs_here(folder, artifacts, batches, tmp_path / "cache")
    assert (tmp_path / "runs.txt").read_text().count("run") == 2
    (folder.path / "handler.py").write_text(HANDLER + "# changed")
    outputs_here(folder, artifacts, [["a"]], tmp_path / "cache")
    assert (tmp_path / "runs.txt").read_text().count("run") == 3


def test_a_handler_that_cannot_run_here_says_why(folder, artifacts, tmp_path):
    (artifacts / "model.txt").write_text("no number")
    with pytest.raises(ArtifactError, match=r"mine \(reference\) cannot be run here") as error:
        outputs_here(folder, artifacts, [["a"]], tmp_path / "cache")
    assert "could not convert string to float" in str(error.value)
    assert list((tmp_path / "cache" / "outputs").iterdir()) == []


def test_a_command_trains_ahead_and_the_cache_is_that_of_the_tests(tmp_path):
    """`pytest-lambda-ml train` on data of one's own; the second time there is nothing to do."""
    rows = ["Emotion,Text", *["joy,so glad", "fear,so afraid"] * 5]
    (tmp_path / "data.csv").write_text("\n".join(rows))
    arguments = ["train", "svm", "--engine", "reference", "--engine", "fast"]
    arguments += ["--lambda-dataset", f"emotion={tmp_path / 'data.csv'}"]
    arguments += ["--lambda-cache-dir", str(tmp_path / "cache")]
    for _ in range(2):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        lines = result.output.splitlines()
        assert [line.partition(":")[0] for line in lines] == ["svm (reference)", "svm (fast)"]
    names = sorted(path.name for path in (tmp_path / "cache" / "artifacts").iterdir())
    assert [name.rsplit("-", 1)[0] for name in names] == ["svm-fast", "svm-reference"]
    model = json.loads(
        (tmp_path / "cache" / "artifacts" / names[0] / "model.json").read_text(encoding="utf-8")
    )
    assert model["classes"] == ["fear", "joy"]
