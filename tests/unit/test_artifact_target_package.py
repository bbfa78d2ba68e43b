"""Packages for Lambda itself: with dependencies, within its limits, and what lies outside."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import pytest
from wheel_shop import WheelShop

from pytest_lambda_ml.artifact import (
    ExternalArtifact,
    Package,
    Target,
    build_package,
    find_handler,
    sizes,
)
from pytest_lambda_ml.artifact.importable import HIDING
from pytest_lambda_ml.errors import ArtifactError, HandlerError

X86, ARM = Target(architecture="x86_64"), Target(architecture="arm64")
LIMIT = 1_000_000


@pytest.fixture
def shop(tmp_path, monkeypatch):
    shop = WheelShop(tmp_path / "shop")
    shop.close_all_others(monkeypatch)
    shop.add("leaf", files={"leaf/__init__.py": "", "leaf/code.so": "x" * 100_000})
    return shop


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(sizes, "ZIP_LIMIT_BYTES", LIMIT)


@pytest.fixture
def build(shop, tmp_path):
    def build(requirements="leaf\n", *, target=X86, artifacts=None, cache="cache", toml=""):
        path = tmp_path / "mine"
        path.mkdir(exist_ok=True)
        (path / "handler.py").write_text("")
        (path / "requirements.txt").write_text(requirements)
        (path / "handler.toml").write_text(toml)
        trained = tmp_path / "artifacts"
        for name, content in (artifacts or {}).items():
            (trained / name).parent.mkdir(parents=True, exist_ok=True)
            (trained / name).write_bytes(content)
        folder = find_handler(path, engine="reference", search=[])
        return build_package(
            folder, trained if artifacts else None, tmp_path / cache, target=target
        )

    return build


def entries(package):
    with zipfile.ZipFile(package.zip_path) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


def sources(names):
    """Names without byte code, which there is where this machine has the function's Python."""
    return {name for name in names if not name.endswith(".pyc")}


def test_dependencies_lie_beside_handler_and_wrapper(build):
    package = build()
    assert {"handler.py", "wrapper.py", "leaf/__init__.py", "leaf/code.so"} < entries(
        package
    ).keys()
    assert (package.kind, package.target, package.dependencies) == ("zip", X86, "package")
    assert package.unzipped_bytes == sum(entries(package).values())
    assert package.ephemeral_mb == 512


def test_without_a_target_dependencies_are_left_to_the_host(build):
    package = build(target=None)
    assert entries(package).keys() == {"handler.py", "wrapper.py", *HIDING}
    assert (package.target, package.dependencies) == (None, "host")


def test_every_build_gives_the_same_bytes(build):
    first, second = build(cache="one"), build(cache="two")
    assert first.zip_path != second.zip_path
    assert first.zip_path.read_bytes() == second.zip_path.read_bytes()


def test_empty_requirements_bring_nothing(build):
    package = build(requirements="")
    assert sources(entries(package)) == {"handler.py", "wrapper.py"}
    assert package.dependencies == "package"


@pytest.mark.usefixtures("small_limit")
def test_artifacts_that_do_not_fit_stay_outside_and_are_listed(build):
    model = b"m" * LIMIT
    package = build(artifacts={"model/large.bin": model, "small.bin": b"s"})
    (external,) = package.external_artifacts
    assert (external.name, external.size_bytes) == ("model/large.bin", LIMIT)
    assert external.path.read_bytes() == model
    inside = entries(package)
    assert "model/large.bin" not in inside
    assert {"small.bin", "fetch_artifacts.py"} < inside.keys()
    with zipfile.ZipFile(package.zip_path) as archive:
        said = json.loads(archive.read("artifacts.json"))
    assert said.keys() == {"files", "external"}
    assert sources(said["files"]) == {"handler.py", "small.bin"}
    assert said["external"] == {"model/large.bin": {"sha256": external.sha256, "size_bytes": LIMIT}}


@pytest.mark.usefixtures("small_limit")
def test_another_artifact_outside_is_another_package(build):
    first = build(artifacts={"large.bin": b"1" * LIMIT})
    second = build(artifacts={"large.bin": b"2" * LIMIT})
    assert first.sha256 != second.sha256


def test_ephemeral_storage_grows_with_what_is_fetched(tmp_path):
    artifact = ExternalArtifact(name="model", path=tmp_path, sha256="", size_bytes=700 * 2**20 - 1)
    package = Package(
        zip_path=tmp_path,
        sha256="",
        code_sha256="",
        size_bytes=0,
        weights=None,
        external_artifacts=(artifact,),
    )
    assert package.ephemeral_mb == 700 + 64
    small = replace(package, external_artifacts=(replace(artifact, size_bytes=412_000_000),))
    assert small.ephemeral_mb == 512


@pytest.mark.usefixtures("small_limit")
def test_what_is_too_large_names_the_largest_and_the_way_out(shop, build):
    shop.add("heavy", files={"heavy.py": "x" * LIMIT})
    with pytest.raises(ArtifactError) as error:
        build("heavy\nleaf\n")
    lines = str(error.value).splitlines()
    assert lines[0].startswith("mine (reference): ")
    assert lines[1].endswith("  heavy")
    assert lines[2].endswith("  leaf")
    assert 'package = "image"' in lines[-1]


@pytest.mark.usefixtures("small_limit")
def test_a_zip_that_is_asked_for_is_not_replaced_by_an_image(shop, build):
    shop.add("heavy", files={"heavy.py": "x" * LIMIT})
    with pytest.raises(ArtifactError, match="Lambda takes 1,000,000 in a zip"):
        build("heavy\n", toml='extra = "llm"\npackage = "zip"')


def test_another_kind_of_package_is_unknown(build):
    with pytest.raises(HandlerError, match="package is one of zip, image: 'tar'"):
        build(toml='package = "tar"')


def test_what_is_compiled_for_another_machine_is_refused(build):
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + b"\x3e\x00" + bytes(44)
    assert build(artifacts={"fast.so": header}).kind == "zip"
    with pytest.raises(ArtifactError, match=r"fast\.so is compiled for x86_64.*is arm64"):
        build(artifacts={"fast.so": header}, target=ARM)


@pytest.mark.parametrize("target", [X86, ARM])
def test_a_carried_engine_that_has_libraries_for_both_can_be_packaged(target, tmp_path):
    folder = find_handler("k-means", engine="fast", search=[])
    assert build_package(folder, None, tmp_path, target=target).kind == "zip"


def test_a_file_of_a_distribution_is_not_overwritten(shop, build):
    shop.add("clash", files={"handler.py": ""})
    with pytest.raises(ArtifactError, match=r"handler\.py would be in the package twice"):
        build("clash\n")
