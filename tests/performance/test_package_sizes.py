"""The sizes of real packages, by kind of dependencies and architecture: `make package-sizes`.

Downloads some hundred megabytes from the package index that pip and uv are configured for, hence
only when asked for. A zip must keep within Lambda's limit; torch is measured as a layer of an
image, for Lambda's default Python and for this machine's: the index may have a CPU build for one of
them only, and what it has not is in the table too. Before that, every handler's requirements are
resolved for arm64 without being downloaded: `-k arm64_wheels` does that alone.
"""

from __future__ import annotations

import os
import subprocess
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pytest_lambda_ml.artifact import (
    Target,
    build_package,
    dependencies,
    find_handler,
    host_target,
    sizes,
)
from pytest_lambda_ml.artifact.byte_code import add_byte_code
from pytest_lambda_ml.artifact.dependencies import find_uv, install_dependencies
from pytest_lambda_ml.artifact.image import make_layer
from pytest_lambda_ml.artifact.requirements import read_requirements
from pytest_lambda_ml.artifact.resolution import pins
from pytest_lambda_ml.errors import ArtifactError

pytestmark = pytest.mark.skipif(
    "PACKAGE_SIZES" not in os.environ, reason="downloads much: make package-sizes"
)
ARCHITECTURES = ("x86_64", "arm64")
HANDLERS = Path(__file__).parents[2] / "handlers"
ZIPS = {
    "standard library": "",
    "scikit-learn": (HANDLERS / "svm" / "requirements.txt").read_text(),
    "scikit-learn, pandas": "scikit-learn\npandas\n",
    "ONNX Runtime": "onnxruntime\nnumpy\n",
    "ONNX Runtime, tokenizers": "onnxruntime\nnumpy\ntokenizers\n",
    "CTranslate2, tokenizers": "ctranslate2>=4.5\ntokenizers>=0.21\n",
}
REQUIREMENTS = sorted({path.read_text() for path in HANDLERS.glob("**/requirements.txt")} - {""})
TORCH = "torch, transformers (layer)"
LAYERS = [
    (TORCH, "x86_64", (HANDLERS / "tiny-llama-v0" / "requirements.txt").read_text()),
    (TORCH, "arm64", (HANDLERS / "tiny-llama-v0" / "requirements.txt").read_text()),
    # On PyPI, a build for arm64 without CUDA: what the row above needs an index of its own for.
    ("torch 2.9.1, transformers (layer)", "arm64", "torch==2.9.1\ntransformers>=4.50\n"),
]
MB = 1_000_000


@dataclass
class Row:
    kind: str
    target: Target
    text: str

    def __str__(self) -> str:
        where = f"{self.target.architecture}, {self.target.runtime}"
        return f"| {self.kind} | {where} | {self.text} |"


@pytest.fixture(scope="module")
def rows():
    rows: list[Row] = []
    yield rows
    head = "| requirements | for | unzipped MB | of it byte code | compressed MB | built in s | "
    print(f"\n\n{head}largest, without byte code (MB) |\n|---|---|---|---|---|---|---|")
    print("\n".join(map(str, rows)))


@pytest.fixture
def handler(tmp_path):
    def handler(requirements: str):
        path = tmp_path / "mine"
        path.mkdir(exist_ok=True)
        (path / "handler.py").touch()
        (path / "requirements.txt").write_text(requirements)
        return find_handler(path, engine="reference", search=[])

    return handler


def measured(
    unzipped: int, compiled: str, compressed: int, started: float, weights: dict[str, int]
) -> str:
    largest = sorted(weights.items(), key=lambda item: -item[1])[:3]
    names = ", ".join(f"{name} {size / MB:.0f}" for name, size in largest) or "–"
    seconds = time.perf_counter() - started
    return f"{unzipped / MB:.1f} | {compiled} | {compressed / MB:.1f} | {seconds:.0f} | {names}"


def byte_code_text(compiled: Iterable[int], notes: tuple[str, ...]) -> str:
    """Its size, and which packages' is left out."""
    left_out = [note.split(" was left out")[0].removeprefix("byte code of ") for note in notes]
    return f"{sum(compiled) / MB:.1f}" + "".join(f" (not of {names})" for names in left_out)


def resolved(requirements: str, target: Target, folder: Path) -> subprocess.CompletedProcess[str]:
    """What uv would install of wheels for the target, in the versions that are installed here."""
    path = folder / "requirements.txt"
    path.write_text(requirements)
    pinned = pins(read_requirements(path), target.marker_environment)
    versions = folder / "versions.txt"  # a build like 2.9+cpu is on another index than the rest
    versions.write_text("".join(f"{pin.partition('+')[0]}\n" for pin in pinned))
    command = [find_uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--only-binary", ":all:", "--python-version", target.python_version]
    command += ["--python-platform", target.uv_platform, "-c", str(versions), str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.skipif(not find_uv(), reason="uv is not installed")
@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=lambda text: " ".join(text.split()))
def test_every_handler_has_arm64_wheels(requirements, tmp_path):
    """Of its requirements and all that they need, for Lambda's default runtime."""
    found = resolved(requirements, Target(architecture="arm64"), tmp_path)
    if found.returncode:
        elsewhere = resolved(requirements, Target(architecture="x86_64"), tmp_path)
        if elsewhere.returncode:
            pytest.skip(f"this index has no wheels for either architecture: {found.stderr[-500:]}")
        pytest.fail(f"{requirements}\n{found.stderr[-2000:]}", pytrace=False)
    names = {line.partition("==")[0] for line in found.stdout.splitlines()}
    assert {requirement.name for requirement in map(Requirement, requirements.split())} <= names


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", ZIPS)
def test_a_zip_fits(kind, architecture, handler, rows, tmp_path):
    target, folder = Target(architecture=architecture), handler(ZIPS[kind])
    started = time.perf_counter()
    package = build_package(folder, None, tmp_path, target=target)
    weights = install_dependencies(folder, target, tmp_path).distributions
    with zipfile.ZipFile(package.zip_path) as archive:
        sizes_here = [x.file_size for x in archive.infolist() if x.filename.endswith(".pyc")]
    compiled = byte_code_text(sizes_here, package.notes)
    text = measured(package.unzipped_bytes, compiled, package.size_bytes, started, weights)
    rows.append(Row(kind, target, text))
    assert package.kind == "zip"
    assert package.unzipped_bytes <= sizes.ZIP_LIMIT_BYTES


@pytest.mark.parametrize(("kind", "architecture", "requirements"), LAYERS)
def test_torch_is_a_layer_of_an_image(kind, architecture, requirements, handler, rows, tmp_path):
    folder = handler(requirements)
    host = host_target()
    targets = [Target(architecture=architecture)]
    targets += [host] if host.architecture == architecture else []
    reason, measured_any = "", False
    for target in targets:
        started = time.perf_counter()
        try:
            installed = install_dependencies(folder, target, tmp_path)
        except ArtifactError as error:
            reason = str(error)
            rows.append(Row(kind, target, "not to be had from this index | | | | "))
            continue
        byte_code = add_byte_code({}, installed, target, sizes.IMAGE_LIMIT_BYTES, tmp_path)
        entries = {**installed.entries, **byte_code.brought}
        unzipped = sum(entry.size_bytes for entry in entries.values())
        layer = make_layer(entries, "/var/task", f"{target} {byte_code.key}", tmp_path)
        compiled = byte_code_text(
            (entry.size_bytes for entry in byte_code.brought.values()), byte_code.notes
        )
        compressed = layer.path.stat().st_size
        text = measured(unzipped, compiled, compressed, started, installed.distributions)
        rows.append(Row(kind, target, text))
        assert sizes.ZIP_LIMIT_BYTES < unzipped < sizes.IMAGE_LIMIT_BYTES
        measured_any = True
    if not measured_any:
        pytest.skip(reason)


@pytest.mark.skipif(not find_uv(), reason="uv is not installed")
def test_pip_and_uv_give_the_same_bytes_of_scikit_learn(handler, tmp_path, monkeypatch):
    folder, target = handler(ZIPS["scikit-learn"]), Target(architecture="arm64")
    by_uv = build_package(folder, None, tmp_path / "uv", target=target)
    monkeypatch.setattr(dependencies, "find_uv", lambda: None)
    by_pip = build_package(folder, None, tmp_path / "pip", target=target)
    assert by_uv.sha256 == by_pip.sha256
