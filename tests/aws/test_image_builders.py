"""Images by docker or buildah: what the tool is asked for, and what comes of what it saves."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess

import pytest
from container_stand_in import ToolStandIn

from pytest_lambda_ml.artifact import Target, build_package, find_handler, host_target
from pytest_lambda_ml.aws.images import push_image
from pytest_lambda_ml.errors import ArtifactError

X86, ARM = Target(architecture="x86_64"), Target(architecture="arm64")
BASE = "registry.example/python:3.13"
TOOLS = ("docker", "buildah")


@pytest.fixture(params=TOOLS)
def tool(request, tmp_path, monkeypatch):
    tool = ToolStandIn(request.param, tmp_path / "tool")
    monkeypatch.setenv("PATH", tool.path)
    return tool


@pytest.fixture
def build(tmp_path):
    def build(builder, *, target=X86, code="", base=BASE):
        path = tmp_path / "mine"
        path.mkdir(exist_ok=True)
        (path / "handler.py").write_text(code)
        (path / "requirements.txt").write_text("")
        (path / "handler.toml").write_text('package = "image"')
        return build_package(
            find_handler(path, engine="reference", search=[]),
            None,
            tmp_path / "cache",
            target=target,
            base_image=base,
            image_builder=builder,
        )

    return build


def test_the_tool_builds_saves_and_forgets(tool, build):
    build(tool.name, target=ARM)
    built, saved, removed = tool.calls()
    tag = built[built.index("--tag") + 1]
    assert built[:3] == ["build", "--platform", "linux/arm64"]
    if tool.name == "docker":
        assert (saved[0], saved[-1]) == ("save", tag)
        assert removed == ["image", "rm", tag]
    else:
        assert built[built.index("--format") + 1] == "docker"
        assert saved[:2] == ["push", tag]
        assert removed == ["rmi", tag]


def test_the_dockerfile_puts_the_code_on_the_base_image(tool, build):
    build(tool.name, code="# mine")
    assert (tool.context / "Dockerfile").read_text().splitlines() == [
        f"FROM {BASE}",
        "COPY code/ ${LAMBDA_TASK_ROOT:-/var/task}/",
        'CMD ["wrapper.lambda_handler"]',
    ]
    assert (tool.context / "code" / "handler.py").read_text() == "# mine"
    assert (tool.context / "code" / "wrapper.py").is_file()


def test_what_was_saved_is_the_image_and_its_digest_the_packages(tool, build):
    package = build(tool.name)
    image = package.image
    manifest = json.loads(image.manifest)
    assert package.code_sha256 == image.digest.removeprefix("sha256:")
    assert [layer["digest"] for layer in manifest["layers"]] == [x.digest for x in image.layers]
    assert [gzip.decompress(x.fetch().read_bytes()) for x in image.layers] == tool.layers
    assert json.loads(image.config)["architecture"] == "amd64"


def test_it_is_pushed_like_any_other(tool, build, clients):
    clients.ecr.create_repository(repositoryName=f"by-{tool.name}")
    image = build(tool.name).image
    uri = push_image(clients, f"by-{tool.name}", image)
    assert uri.endswith(f"/by-{tool.name}@{image.digest}")
    (pushed,) = clients.ecr.describe_images(repositoryName=f"by-{tool.name}")["imageDetails"]
    assert pushed["imageDigest"] == image.digest


def test_the_same_content_is_built_once_other_content_or_base_anew(tool, build):
    first = build(tool.name)
    assert build(tool.name).sha256 == first.sha256
    assert len(tool.calls()) == 3
    build(tool.name, code="# other")
    assert len(tool.calls()) == 6
    build(tool.name, base="registry.example/other:1")
    assert len(tool.calls()) == 9


def test_a_tool_that_fails_is_quoted(tool, build):
    tool.fail("no space left on device")
    with pytest.raises(ArtifactError, match=f"{tool.name} build failed with exit code 3\nno space"):
        build(tool.name)


def test_an_image_for_another_machine_is_refused(tool, build):
    tool.save_as("amd64", "s390x")
    with pytest.raises(ArtifactError, match="an image for s390x, and the function is for amd64"):
        build(tool.name)


def test_layers_that_are_not_those_of_the_configuration_are_refused(tool, build):
    tool.save_as("amd64", "amd64", diff_ids=["sha256:" + "0" * 64] * 2)
    with pytest.raises(ArtifactError, match="not those that it names"):
        build(tool.name)


def test_a_tool_that_is_not_there_is_named(build, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArtifactError, match="buildah is not on the PATH"):
        build("buildah")


@pytest.mark.parametrize("name", TOOLS)
def test_the_real_tool_builds_from_a_base_made_of_nothing(name, build):
    """Without the network: only that the tool takes the instructions and gives such an archive."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed here")
    found = subprocess.run([path, "info"], check=False, capture_output=True, text=True)
    if found.returncode:
        pytest.skip(f"{name} cannot be used here: {found.stderr.strip().splitlines()[-1:]}")
    package = build(name, target=host_target(), base="scratch")
    assert json.loads(package.image.config)["config"]["Cmd"] == ["wrapper.lambda_handler"]
