"""Training runs once for each content, in a clean process, and leaves nothing half done."""

from __future__ import annotations

import hashlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_lambda_ml.artifact import find_handler, train
from pytest_lambda_ml.errors import ArtifactError

COUNT_RUNS = """
import argparse, os, pathlib, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--data", type=pathlib.Path)
parser.add_argument("--out", type=pathlib.Path)
arguments = parser.parse_args()
time.sleep(0.05)
(arguments.out / "model.txt").write_text(arguments.data.read_text())
(arguments.out / "path.txt").write_text(os.environ.get("PYTHONPATH", "clean"))
(pathlib.Path(os.environ["RUNS"]) / str(os.getpid())).touch()
"""


@dataclass(frozen=True)
class Data:
    path: Path

    @property
    def sha256(self):
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("Emotion,Text\njoy,x\n")
    return Data(path)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder that gets a file for each run of train.py."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("RUNS", str(folder))
    return folder


@pytest.fixture
def make_folder(tmp_path):
    def make(script=COUNT_RUNS):
        path = tmp_path / "mine"
        path.mkdir(exist_ok=True)
        (path / "handler.py").write_text("")
        (path / "requirements.txt").write_text("pytest\n")
        if script is not None:
            (path / "train.py").write_text(script)
        return find_handler(path, engine="reference", search=[])

    return make


def test_training_runs_once_for_the_same_content(make_folder, data, runs, tmp_path):
    folder = make_folder()
    first = train(folder, data, tmp_path / "cache")
    second = train(folder, data, tmp_path / "cache")
    assert first == second
    assert (first / "model.txt").read_text() == data.path.read_text()
    assert len(list(runs.iterdir())) == 1


@pytest.mark.parametrize("changed", ["handler.py", "train.py", "requirements.txt", "data"])
def test_training_runs_again_when_anything_changed(make_folder, data, runs, tmp_path, changed):
    folder = make_folder()
    first = train(folder, data, tmp_path / "cache")
    path = data.path if changed == "data" else folder.path / changed
    path.write_text(path.read_text() + "\n# changed\n")
    assert train(folder, data, tmp_path / "cache") != first
    assert len(list(runs.iterdir())) == 2


@pytest.mark.parametrize("changed", ["train.py", "other/train.py"])
def test_an_engine_is_trained_again_when_what_it_is_made_of_changed(
    make_folder, data, runs, tmp_path, changed
):
    root = make_folder().path
    for engine in ("fast", "other"):
        shutil.copytree(root, root / engine, ignore=shutil.ignore_patterns("fast", "other"))
    folders = [find_handler(root, engine=name, search=[]) for name in ("fast", "reference")]
    first = [train(folder, data, tmp_path / "cache") for folder in folders]
    with (root / changed).open("a") as file:
        file.write("# changed\n")
    second = [train(folder, data, tmp_path / "cache") for folder in folders]
    assert first[0] != second[0]
    assert (first[1] == second[1]) == (changed != "train.py")


def test_byte_code_and_hidden_files_change_nothing(make_folder, data, runs, tmp_path):
    folder = make_folder()
    first = train(folder, data, tmp_path / "cache")
    (folder.path / "__pycache__").mkdir()
    (folder.path / "__pycache__" / "handler.pyc").touch()
    (folder.path / ".DS_Store").touch()
    assert train(folder, data, tmp_path / "cache") == first


def test_a_folder_without_train_py_has_no_artifacts(make_folder, data, tmp_path):
    assert train(make_folder(script=None), data, tmp_path / "cache") is None


def test_pythonpath_does_not_reach_training(make_folder, data, runs, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    artifacts = train(make_folder(), data, tmp_path / "cache")
    assert (artifacts / "path.txt").read_text() == "clean"


def test_a_failure_shows_the_end_of_stderr_and_how_to_run_it(make_folder, data, tmp_path):
    script = (
        "import sys\nfor n in range(100): print('line', n, file=sys.stderr)\nraise OSError('x')"
    )
    with pytest.raises(ArtifactError) as error:
        train(make_folder(script), data, tmp_path / "cache")
    message = str(error.value)
    assert "train.py ended with exit status 1" in message
    assert message.endswith("OSError: x")
    assert "line 50" not in message
    assert re.search(r"run it by hand: \S+ \S+train\.py --data \S+data\.csv --out DIR", message)
    assert list((tmp_path / "cache" / "artifacts").iterdir()) == []


def test_training_that_writes_nothing_is_an_error(make_folder, data, tmp_path):
    with pytest.raises(ArtifactError, match=r"wrote nothing to its --out folder"):
        train(make_folder("pass"), data, tmp_path / "cache")


def test_sessions_that_train_at_the_same_time_end_with_one_result(
    make_folder, data, runs, tmp_path
):
    folder = make_folder()
    with ThreadPoolExecutor(3) as pool:
        paths = list(pool.map(lambda _: train(folder, data, tmp_path / "cache"), range(3)))
    assert len(set(paths)) == 1
    assert [path.name for path in (tmp_path / "cache" / "artifacts").iterdir()] == [paths[0].name]
