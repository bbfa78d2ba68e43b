"""Engines made of the reference's artifacts, with files that several handlers share."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_lambda_ml.artifact import build_package, check_requirements, find_handler, train
from pytest_lambda_ml.artifact.importable import HIDING
from pytest_lambda_ml.artifact.target import Target
from pytest_lambda_ml.errors import ArtifactError, HandlerError, UnsupportedError

ARGUMENTS = """
import argparse, pathlib
parser = argparse.ArgumentParser()
for name in ("--data", "--reference", "--out"):
    parser.add_argument(name, type=pathlib.Path)
arguments = parser.parse_args()
"""
TRAIN = f"""{ARGUMENTS}
(arguments.out / "model.txt").write_text(arguments.data.read_text().upper())
with (arguments.data.parent / "runs.txt").open("a") as log:
    print("train", file=log)
"""
EXPORT = f"""{ARGUMENTS}
import shared_code
(arguments.out / "small.txt").write_text(
    shared_code.shrink((arguments.reference / "model.txt").read_text()))
with (arguments.data.parent / "runs.txt").open("a") as log:
    print("export", file=log)
"""


@dataclass(frozen=True)
class Data:
    path: Path
    sha256: str = "the same"


@pytest.fixture
def site(tmp_path):
    """handlers/mine with an engine that exports, and handlers/shared that it includes."""
    files = {
        "mine/handler.py": "",
        "mine/requirements.txt": "",
        "mine/train.py": TRAIN,
        "mine/fast/handler.py": "",
        "mine/fast/requirements.txt": "",
        "mine/fast/export.py": EXPORT,
        "mine/fast/handler.toml": 'include = ["shared"]\nagreement_floor = 0.999\n',
        "shared/shared_code.py": "def shrink(text): return text[0]\n",
        "shared/shared_code.c": "int nothing;\n",
    }
    for name, content in files.items():
        path = tmp_path / "handlers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "handlers"


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data.csv").write_text("abc")
    return Data(tmp_path / "data.csv")


@pytest.fixture
def runs(tmp_path):
    """The scripts that have run since the last look."""

    def look():
        log = tmp_path / "runs.txt"
        names = log.read_text().split() if log.is_file() else []
        log.unlink(missing_ok=True)
        return names

    return look


def fast(site):
    return find_handler(site / "mine", engine="fast", search=[])


def test_an_export_gets_the_references_artifacts_which_are_trained_once(site, data, runs, tmp_path):
    artifacts = train(fast(site), data, tmp_path / "cache")
    assert (artifacts / "small.txt").read_text() == "A"
    assert runs() == ["train", "export"]
    train(find_handler(site / "mine", engine="reference", search=[]), data, tmp_path / "cache")
    assert train(fast(site), data, tmp_path / "cache") == artifacts
    assert runs() == []


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("mine/train.py", ["train", "export"]),
        ("mine/fast/export.py", ["export"]),
        ("shared/shared_code.py", ["export"]),
    ],
)
def test_what_has_changed_runs_again_and_nothing_else(site, data, runs, tmp_path, changed, again):
    train(fast(site), data, tmp_path / "cache")
    runs()
    with (site / changed).open("a") as file:
        file.write("# changed\n")
    train(fast(site), data, tmp_path / "cache")
    assert runs() == again


def test_an_export_that_fails_says_how_to_run_it_by_hand(site, data, tmp_path):
    (site / "shared" / "shared_code.py").write_text("def shrink(text): raise KeyError(text)")
    with pytest.raises(ArtifactError) as error:
        train(fast(site), data, tmp_path / "cache")
    assert "KeyError: 'ABC'" in str(error.value)
    assert f"PYTHONPATH={site / 'shared'} " in str(error.value)
    assert f"{site / 'mine' / 'fast' / 'export.py'} --data {data.path} --ref" in str(error.value)


def test_an_export_of_a_handler_that_is_not_trained_is_an_error(site, data, tmp_path):
    (site / "mine" / "train.py").unlink()
    with pytest.raises(ArtifactError, match=r"no artifacts to export: .*mine has no train\.py"):
        train(fast(site), data, tmp_path / "cache")


def test_an_export_needs_what_the_reference_needs(site):
    (site / "mine" / "requirements.txt").write_text("no-such-distribution>=1\n")
    with pytest.raises(UnsupportedError, match="no-such-distribution"):
        check_requirements(fast(site))


def test_included_files_are_packed_beside_the_handlers_and_sources_are_not(site, data, tmp_path):
    artifacts = train(fast(site), data, tmp_path / "cache")
    package = build_package(fast(site), artifacts, tmp_path / "cache")
    with zipfile.ZipFile(package.zip_path) as archive:
        names = archive.namelist()
    assert names == ["handler.py", "shared_code.py", *HIDING, "small.txt", "wrapper.py"]


def test_a_folder_to_include_is_looked_for_beside_the_handler_then_among_the_carried(site):
    assert fast(site).include == (site / "shared",)
    (site / "mine" / "fast" / "handler.toml").write_text('include = ["word-counts"]')
    assert [path.name for path in fast(site).include] == ["word-counts"]
    (site / "mine" / "fast" / "handler.toml").write_text('include = ["nowhere"]')
    with pytest.raises(HandlerError, match=r"includes 'nowhere'.*handlers/nowhere, "):
        fast(site)


def test_an_included_file_of_the_same_name_is_refused(site, tmp_path):
    (site / "shared" / "handler.py").write_text("")
    with pytest.raises(ArtifactError, match=r"handler\.py is also in .*shared"):
        build_package(fast(site), None, tmp_path)


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_builds_for_several_machines_go_into_the_package_of_each(architecture, tmp_path):
    """The carried engines have their loops for both, and no dependency to fetch."""
    folder = find_handler("svm", engine="fast", search=[])
    target = Target(architecture=architecture)
    package = build_package(folder, None, tmp_path, target=target)
    with zipfile.ZipFile(package.zip_path) as archive:
        names = archive.namelist()
    assert {f"word_counts-{machine}.so" for machine in ("x86_64", "aarch64")} <= set(names)
    assert package.unzipped_bytes < 100_000


def test_an_engine_promises_what_its_own_handler_toml_says(site):
    assert fast(site).agreement_floor == 0.999
    assert find_handler(site / "mine", engine="reference", search=[]).agreement_floor is None
    assert find_handler("pca", engine="fast", search=[]).difference_ceiling == 1e-6
