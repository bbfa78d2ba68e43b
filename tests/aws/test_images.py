"""Images without Docker: built on a base image from a registry, pushed to ECR, run by Lambda."""

from __future__ import annotations

import json
import sys
import tarfile
from itertools import count

import pytest
from image_registry import DOCKER, OCI, ImageRegistry, sha256

from pytest_lambda_ml.artifact import Target, build_package, find_handler, host_target
from pytest_lambda_ml.artifact.image import MANIFEST_TYPES
from pytest_lambda_ml.artifact.registry import read_base_image
from pytest_lambda_ml.aws.images import image_tag, push_image
from pytest_lambda_ml.errors import ArtifactError, DeploymentError

X86, ARM = Target(architecture="x86_64"), Target(architecture="arm64")
REPOSITORIES = count()


@pytest.fixture(params=[DOCKER, OCI], ids=["docker", "oci"])
def any_registry(request):
    registry = ImageRegistry(request.param)
    yield registry
    registry.close()


@pytest.fixture
def registry():
    registry = ImageRegistry()
    yield registry
    registry.close()


@pytest.fixture
def build(tmp_path):
    """Build a handler as an image; other code makes another image."""

    def build(registry, *, target=X86, code="", cache="cache"):
        path = tmp_path / "mine"
        path.mkdir(exist_ok=True)
        (path / "handler.py").write_text(code)
        (path / "requirements.txt").write_text("")
        (path / "handler.toml").write_text('package = "image"')
        folder = find_handler(path, engine="reference", search=[])
        base = registry.reference
        return build_package(folder, None, tmp_path / cache, target=target, base_image=base)

    return build


@pytest.fixture
def repository(clients):
    name = f"images-{next(REPOSITORIES)}"
    clients.ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    return name


@pytest.fixture
def calls(clients):
    """The operations that ECR is asked for."""
    asked = []
    clients.ecr.meta.events.register(
        "provide-client-params.ecr.*", lambda model, **_: asked.append(model.name)
    )
    return asked


def test_a_layer_is_appended_to_the_base_image(any_registry, build):
    package = build(any_registry)
    image = package.image
    base = read_base_image(any_registry.reference, X86, package.image.layers[-1].fetch().parent)
    config, manifest = json.loads(image.config), json.loads(image.manifest)
    assert manifest["mediaType"] == image.manifest_media_type == base.manifest_media_type
    assert manifest["config"]["mediaType"] == MANIFEST_TYPES[base.manifest_media_type][0]
    assert manifest["config"]["digest"] == sha256(image.config)
    assert manifest["layers"][-1]["mediaType"] == MANIFEST_TYPES[base.manifest_media_type][1]
    assert [layer["digest"] for layer in manifest["layers"]] == [x.digest for x in image.layers]
    assert len(image.layers) == len(config["rootfs"]["diff_ids"]) == len(config["history"]) == 3
    assert config["config"]["Cmd"] == ["wrapper.lambda_handler"]
    assert config["config"]["Entrypoint"] == ["/lambda-entrypoint.sh"]
    with tarfile.open(image.layers[-1].fetch()) as archive:
        files = {member.name for member in archive if member.isfile()}
    sources = {name for name in files if not name.endswith(".pyc")}  # as far as there is a Python
    assert sources == {"var/task/handler.py", "var/task/wrapper.py"}


def test_the_package_is_addressed_by_the_manifests_digest(registry, build):
    package = build(registry)
    assert (package.kind, package.zip_path) == ("image", None)
    assert f"sha256:{package.sha256}" == package.image.digest == sha256(package.image.manifest)
    assert package.code_sha256 == package.sha256


def test_every_rebuild_has_the_same_digest(registry, build):
    assert build(registry, cache="one").sha256 == build(registry, cache="two").sha256
    assert build(registry).sha256 != build(registry, code="# other").sha256


def test_each_architecture_has_its_own_base(registry, build):
    configs = {
        target.architecture: json.loads(build(registry, target=target).image.config)
        for target in (X86, ARM)
    }
    assert configs["x86_64"]["architecture"] == "amd64"
    assert configs["arm64"]["architecture"] == "arm64"


def test_layers_of_the_base_are_not_downloaded_to_build(registry, build):
    build(registry)
    layers = [blob for blob, content in registry.blobs.items() if content.startswith(b"\x1f\x8b")]
    assert layers
    assert not [path for path in registry.requests if path.rpartition("/")[2] in layers]


def test_a_function_is_created_from_a_pushed_image(
    registry, build, repository, clients, monkeypatch
):
    monkeypatch.setenv("MOTO_LAMBDA_STUB_ECR", "false")  # the image must be there
    package = build(registry)
    uri = push_image(clients, repository, package.image)
    assert uri.endswith(f"/{repository}@{package.image.digest}")
    role = clients.iam.create_role(RoleName=repository, AssumeRolePolicyDocument="{}")["Role"]
    function = clients.lambda_.create_function(
        FunctionName=repository, Role=role["Arn"], PackageType="Image", Code={"ImageUri": uri}
    )
    assert function["CodeSha256"] == package.code_sha256


def test_what_is_pushed_is_what_was_built(registry, build, repository, clients):
    image = build(registry).image
    push_image(clients, repository, image)
    (pushed,) = clients.ecr.batch_get_image(
        repositoryName=repository, imageIds=[{"imageDigest": image.digest}]
    )["images"]
    assert pushed["imageManifest"].encode() == image.manifest
    assert pushed["imageId"]["imageTag"] == image_tag(image)
    digests = [*(layer.digest for layer in image.layers), image.config_digest]
    answer = clients.ecr.batch_check_layer_availability(
        repositoryName=repository, layerDigests=digests
    )
    assert {layer["layerAvailability"] for layer in answer["layers"]} == {"AVAILABLE"}


def test_nothing_is_pushed_twice(registry, build, repository, clients, calls):
    push_image(clients, repository, build(registry).image)
    assert calls.count("UploadLayerPart") == 4  # two layers of the base, the code, the config
    calls.clear()
    registry.requests.clear()
    push_image(clients, repository, build(registry, cache="other").image)
    assert calls == ["DescribeRepositories", "DescribeImages"]
    assert not [path for path in registry.requests if path.startswith("/sha256:")][1:]  # config


def test_other_code_sends_the_code_alone(registry, build, repository, clients, calls):
    push_image(clients, repository, build(registry).image)
    calls.clear()
    uri = push_image(clients, repository, build(registry, code="# other").image)
    assert calls.count("UploadLayerPart") == 2  # the code and the config
    assert calls.count("PutImage") == 1
    images = clients.ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert uri.partition("@")[2] in {image["imageDigest"] for image in images}
    assert len(images) == 2


def test_large_layers_go_in_parts(registry, build, repository, clients):
    parts = []

    def small_parts(parsed, **_):
        parsed["partSize"] = 1000

    clients.ecr.meta.events.register("after-call.ecr.InitiateLayerUpload", small_parts)
    clients.ecr.meta.events.register(
        "provide-client-params.ecr.UploadLayerPart",
        lambda params, **_: parts.append((params["partFirstByte"], params["partLastByte"])),
    )
    noise = "".join(sha256(str(number).encode()) for number in range(200))
    package = build(registry, code=f"# {noise}")
    push_image(clients, repository, package.image)
    size = package.image.layers[-1].size_bytes
    assert size > 5000
    assert (1000, 1999) in parts
    assert (size // 1000 * 1000, size - 1) in parts


def test_a_repository_that_is_not_there_is_named(registry, build, clients):
    with pytest.raises(DeploymentError, match=r"ECR repository nowhere: RepositoryNotFound"):
        push_image(clients, "nowhere", build(registry).image)


def test_content_that_is_not_what_was_promised_is_refused(registry, build, repository, clients):
    image = build(registry).image
    registry.tamper = True
    with pytest.raises(ArtifactError, match=r"what came for sha256:\w+ has the digest sha256:"):
        push_image(clients, repository, image)
    registry.tamper = False
    push_image(clients, repository, image)  # nothing of it was kept


def test_a_base_image_for_another_machine_is_refused(registry, build):
    media_type, content = registry.manifests["3.13"]
    index = json.loads(content)
    index["manifests"] = index["manifests"][:1]
    registry.manifests["3.13"] = media_type, json.dumps(index).encode()
    with pytest.raises(ArtifactError, match=r"not there for linux/arm64, but for linux/amd64"):
        build(registry, target=ARM)


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("python:3.13", "is not HOST/NAME:TAG"),
        ("{host}/lambda/python:2.7", "manifests/2.7: HTTP 404"),
        ("{host}/lambda/python@sha256:" + "0" * 64, "HTTP 404"),
        ("127.0.0.1:9/lambda/python:3.13", "Connection refused"),
    ],
)
def test_a_base_image_that_cannot_be_read_is_named(registry, tmp_path, reference, complaint):
    reference = reference.format(host=registry.host)
    with pytest.raises(ArtifactError, match=complaint) as error:
        read_base_image(reference, X86, tmp_path)
    assert reference in str(error.value)


def test_a_registry_that_refuses_its_own_token_is_given_up(registry, tmp_path):
    registry.locked = True
    with pytest.raises(ArtifactError, match="HTTP 401"):
        read_base_image(registry.reference, X86, tmp_path)


def test_layers_have_byte_code_where_this_machine_has_the_functions_python(registry, build):
    image = build(registry, target=host_target()).image
    with tarfile.open(image.layers[-1].fetch()) as archive:
        names = archive.getnames()
    assert f"var/task/__pycache__/wrapper.{sys.implementation.cache_tag}.pyc" in names
