"""What the user has prepared is used and stays; a second run sends nothing twice."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest
from answers import record_calls
from deploy_site import CELL, Site, requests_of

from pytest_lambda_ml.artifact import Image, Layer, Package
from pytest_lambda_ml.aws.images import image_tag
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.aws.session import AwsClients

CREATING = {"CreateBucket", "CreateRole", "CreateRepository", "PutRolePolicy", "PutBucketTagging"}


@pytest.fixture
def durable(clients: AwsClients) -> Iterator[Durable]:
    name = f"mine-{token_hex(4)}"
    location = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    clients.s3.create_bucket(Bucket=name, **location)
    trust = {"Version": "2012-10-17", "Statement": []}
    clients.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    clients.ecr.create_repository(repositoryName=name)
    return Durable(role=name, bucket=name, repository=name)


@pytest.fixture
def image_package(tmp_path: Path, package: Package) -> Package:
    """An image of one layer, as small as a registry takes it."""
    content = tmp_path / "layer.tar.gz"
    content.write_bytes(b"a layer that nobody unpacks")
    digest = f"sha256:{hashlib.sha256(content.read_bytes()).hexdigest()}"
    media_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    size = content.stat().st_size
    layer = Layer(digest=digest, size_bytes=size, media_type=media_type, fetch=lambda: content)
    config = b"{}"
    config_digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    config_type = "application/vnd.oci.image.config.v1+json"
    manifest_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": {"mediaType": config_type, "digest": config_digest, "size": len(config)},
        "layers": [{"mediaType": media_type, "digest": digest, "size": size}],
    }
    image = Image(
        manifest=json.dumps(manifest).encode(),
        manifest_media_type=manifest_type,
        config=config,
        config_media_type=config_type,
        layers=(layer,),
    )
    hexadecimal = image.digest.removeprefix("sha256:")
    return Package(
        kind="image",
        zip_path=None,
        sha256=hexadecimal,
        code_sha256=hexadecimal,
        size_bytes=size,
        weights=None,
        image=image,
    )


def test_given_role_and_bucket_are_used_and_none_is_made(
    clients: AwsClients, durable: Durable, package: Package, tmp_path: Path
) -> None:
    site = Site(clients, tmp_path, durable)
    calls = record_calls(clients)
    function = site.deploy(package)
    assert not CREATING & {operation for _, operation in calls}
    configuration = clients.lambda_.get_function_configuration(FunctionName=function.name)
    assert configuration["Role"] == f"arn:aws:iam::123456789012:role/{durable.role}"
    assert configuration["CodeSha256"] == package.code_sha256
    site.tear_down()
    assert site.left() == []
    keys = [item["Key"] for item in clients.s3.list_objects_v2(Bucket=durable.bucket)["Contents"]]
    assert keys == [f"packages/{package.sha256}.zip"]
    assert clients.iam.get_role(RoleName=durable.role)


def test_a_role_may_be_given_by_its_arn(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = clients.iam.create_role(
        RoleName=f"mine-{token_hex(4)}", Path="/team/", AssumeRolePolicyDocument=trust
    )
    arn = role["Role"]["Arn"]
    assert ":role/team/mine-" in arn
    sent = requests_of(clients, "lambda", "CreateFunction")
    Site(clients, tmp_path, Durable(role=arn)).deploy(package)
    assert [request["Role"] for request in sent] == [arn]


def test_a_second_run_uploads_and_pushes_nothing(
    clients: AwsClients,
    durable: Durable,
    package: Package,
    image_package: Package,
    tmp_path: Path,
) -> None:
    first = Site(clients, tmp_path, durable)
    calls = record_calls(clients)
    first.deploy(package)
    image_function = first.deploy(image_package)
    assert {"PutObject", "PutImage"} <= {operation for _, operation in calls}
    assert clients.lambda_.get_function(FunctionName=image_function.name)["Code"][
        "ImageUri"
    ].endswith(f"{durable.repository}@{image_package.image.digest}")
    first.tear_down()
    calls.clear()
    second = Site(clients, tmp_path, durable)
    second.deploy(package)
    second.deploy(image_package)
    sending = {"PutObject", "CreateMultipartUpload", "PutImage", "InitiateLayerUpload"}
    assert not sending & {operation for _, operation in calls}
    second.tear_down()
    images = clients.ecr.list_images(repositoryName=durable.repository)["imageIds"]
    assert [image["imageTag"] for image in images] == [image_tag(image_package.image)]


def test_without_a_repository_the_session_makes_one_and_deletes_it_with_its_images(
    clients: AwsClients, image_package: Package, tmp_path: Path
) -> None:
    site = Site(clients, tmp_path)
    site.deploy(image_package)
    assert f"plml-{site.run_id}" in site.left()
    site.tear_down()
    assert site.left() == []


def test_a_function_that_is_there_already_is_changed_only_where_it_differs(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    """As after a creation whose answer was lost. (moto forgets the log group, so that is set.)"""
    site = Site(clients, tmp_path)
    function = site.deploy(package)
    site.deployer._codes.clear()
    calls = record_calls(clients)
    changed = requests_of(clients, "lambda", "UpdateFunctionConfiguration")
    again = site.deploy(package, name=function.name)
    assert again == function
    operations = {operation for _, operation in calls}
    assert not {"UpdateFunctionCode", "PutObject", "CreateBucket", "CreateRole"} & operations
    assert [set(request) for request in changed] == [{"FunctionName", "LoggingConfig"}]


def test_other_code_and_memory_are_brought_to_a_function_that_is_there(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    site = Site(clients, tmp_path)
    function = site.deploy(package)
    other_zip = tmp_path / "other.zip"
    with zipfile.ZipFile(other_zip, "w") as archive:
        archive.writestr("wrapper.py", "another = 1\n")
    digest = hashlib.sha256(other_zip.read_bytes())
    other = replace(
        package,
        zip_path=other_zip,
        sha256=digest.hexdigest(),
        code_sha256=base64.b64encode(digest.digest()).decode(),
        size_bytes=other_zip.stat().st_size,
    )
    site.deploy(other, replace(CELL, memory_mb=2048), name=function.name)
    found = clients.lambda_.get_function_configuration(FunctionName=function.name)
    assert (found["CodeSha256"], found["MemorySize"]) == (other.code_sha256, 2048)
