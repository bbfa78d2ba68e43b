"""The deployment package: what is in it, and that the same content gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pytest_lambda_ml.artifact import build_package, find_handler
from pytest_lambda_ml.artifact.carried import wrapper_path
from pytest_lambda_ml.artifact.importable import HIDING
from pytest_lambda_ml.errors import ArtifactError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "mine"
    for name in ("handler.py", "requirements.txt", "train.py", "README.md", "words/stop.txt"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(f"# {name}\n")
    for name in ("__pycache__/handler.pyc", ".git/config", "fast/handler.py"):
        (path / name).parent.mkdir()
        (path / name).touch()
    return find_handler(path, engine="reference", search=[])


@pytest.fixture
def artifacts(tmp_path):
    path = tmp_path / "artifacts"
    (path / "model").mkdir(parents=True)
    (path / "model" / "small.json").write_text("{}" * 1000)
    (path / "model.bin").write_bytes(bytes(2_000_000))
    return path


def test_wrapper_handler_and_artifacts_lie_side_by_side(folder, artifacts, tmp_path):
    package = build_package(folder, artifacts, tmp_path / "cache")
    with zipfile.ZipFile(package.zip_path) as archive:
        assert archive.namelist() == [
            "handler.py",
            "model.bin",
            "model/small.json",
            *HIDING,
            "words/stop.txt",
            "wrapper.py",
        ]
        assert archive.read("handler.py") == b"# handler.py\n"
        assert archive.read("wrapper.py") == wrapper_path().read_bytes()


def test_the_package_knows_its_digests_and_size(folder, artifacts, tmp_path):
    package = build_package(folder, artifacts, tmp_path / "cache")
    content = package.zip_path.read_bytes()
    digest = hashlib.sha256(content)
    assert package.sha256 == digest.hexdigest()
    assert package.code_sha256 == base64.b64encode(digest.digest()).decode()
    assert package.size_bytes == len(content)


def test_the_same_content_gives_the_same_bytes_wherever_it_lies(folder, artifacts, tmp_path):
    first = build_package(folder, artifacts, tmp_path / "cache")
    copy = tmp_path / "elsewhere" / "mine"
    shutil.copytree(folder.path, copy)
    for path in copy.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (10**9, 10**9))
    moved = find_handler(copy, engine="reference", search=[])
    second = build_package(moved, artifacts, tmp_path / "other-cache")
    assert second.zip_path.read_bytes() == first.zip_path.read_bytes()
    assert second.zip_path.name == first.zip_path.name


def test_other_content_gives_another_package(folder, artifacts, tmp_path):
    first = build_package(folder, artifacts, tmp_path / "cache")
    (artifacts / "model.bin").write_bytes(b"\1" + bytes(1_999_999))
    second = build_package(folder, artifacts, tmp_path / "cache")
    assert first.sha256 != second.sha256
    assert first.zip_path != second.zip_path


def test_the_same_content_is_zipped_once(folder, artifacts, tmp_path):
    first = build_package(folder, artifacts, tmp_path / "cache")
    written = first.zip_path.stat().st_mtime_ns
    assert build_package(folder, artifacts, tmp_path / "cache") == first
    assert first.zip_path.stat().st_mtime_ns == written
    assert list(first.zip_path.parent.iterdir()) == [first.zip_path]


def test_large_files_are_stored_and_small_ones_deflated(folder, artifacts, tmp_path):
    package = build_package(folder, artifacts, tmp_path / "cache")
    with zipfile.ZipFile(package.zip_path) as archive:
        assert archive.getinfo("model.bin").compress_type == zipfile.ZIP_STORED
        assert archive.getinfo("model/small.json").compress_type == zipfile.ZIP_DEFLATED
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == 0o100644


def test_a_large_model_is_never_in_memory_as_a_whole(folder, artifacts, tmp_path):
    with (artifacts / "huge.bin").open("wb") as file:
        file.truncate(250_000_000)
    script = (
        "import sys; from pathlib import Path\n"
        "from pytest_lambda_ml.artifact import build_package, find_handler\n"
        "folder = find_handler(sys.argv[1], engine='reference', search=[])\n"
        "build_package(folder, Path(sys.argv[2]), Path(sys.argv[3])).zip_path.unlink()\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(status.partition('VmHWM:')[2].split()[0])\n"
    )
    command = [sys.executable, "-c", script, folder.path, artifacts, tmp_path / "cache"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 120_000  # kB of resident memory at its highest


def test_files_of_the_same_name_are_refused(folder, artifacts, tmp_path):
    (artifacts / "handler.py").touch()
    (folder.path / "wrapper.py").touch()
    with pytest.raises(ArtifactError, match=r"handler\.py, wrapper\.py would be .* twice"):
        build_package(folder, artifacts, tmp_path / "cache")


def test_weights_are_told_by_train_py_or_by_handler_toml(folder, artifacts, tmp_path):
    assert build_package(folder, None, tmp_path / "cache").weights is None
    (artifacts / "weights.txt").write_text("random-init\n")
    assert build_package(folder, artifacts, tmp_path / "cache").weights == "random-init"
    (folder.path / "handler.toml").write_text('weights = "pretrained"')
    told = find_handler(folder.path, engine="reference", search=[])
    package = build_package(told, None, tmp_path / "cache")
    assert package.weights == "pretrained"
    with zipfile.ZipFile(package.zip_path) as archive:
        assert archive.read("weights.txt") == b"pretrained\n"


def test_an_installed_wheel_carries_handlers_and_words(tmp_path):
    """Built and installed for real: nothing of the source tree is needed afterwards."""
    run = {"capture_output": True, "text": True, "check": True, "cwd": tmp_path}
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT]
    subprocess.run(build, **run)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "__pycache__" in name]
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", site]
    subprocess.run([*install, wheel], **run)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from pytest_lambda_ml.artifact import build_package, find_handler\n"
        "folder = find_handler('handlers/svm', engine='reference', search=[])\n"
        "assert folder.path.is_relative_to(sys.argv[1]), folder.path\n"
        "from pytest_lambda_ml.datasets import load_dataset\n"
        "assert load_dataset('emotion', None, Path(sys.argv[2])).items\n"
        "print(build_package(folder, None, Path(sys.argv[2])).zip_path)\n"
    )
    # -S: the editable installation of the source tree does not interfere.
    packages = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    result = subprocess.run(
        [sys.executable, "-S", "-c", script, site, tmp_path / "cache"],
        env={**os.environ, "PYTHONPATH": packages},
        **run,
    )
    with zipfile.ZipFile(result.stdout.strip()) as archive:
        assert archive.namelist() == ["handler.py", *HIDING, "wrapper.py"]
