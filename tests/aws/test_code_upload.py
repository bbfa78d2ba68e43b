"""Code and artifacts in S3: uploaded once, fetched by the function, checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from itertools import count

import pytest

from pytest_lambda_ml.artifact import Target, build_package, find_handler, sizes
from pytest_lambda_ml.aws.code import (
    ARTIFACT_PREFIX,
    artifact_variables,
    upload_artifacts,
    upload_code,
)
from pytest_lambda_ml.errors import DeploymentError

BUCKETS = count()
LIMIT = 1_000_000
HANDLER = """
from pathlib import Path

ROOT = Path(__file__).parent
SIZE = (ROOT / "model" / "large.bin").stat().st_size  # at import: everything is there

def initialize():
    pass

def process(batch):
    return [SIZE, (ROOT / "words.txt").read_text(), str(Path(__file__).resolve().parent == ROOT)]
"""
INVOKE = """
import json, types, wrapper
context = types.SimpleNamespace(aws_request_id="r", function_name="f", function_version="1",
                                memory_limit_in_mb="512")
message = {"run_id": "run", "sample_id": "0", "batch": ["x", "y", "z"]}
wrapper.lambda_handler(message, context)
import handler
print(json.dumps(handler.process([])))
"""


@pytest.fixture
def bucket(clients):
    name = f"code-{next(BUCKETS)}"
    location = {"LocationConstraint": clients.region}
    clients.s3.create_bucket(Bucket=name, CreateBucketConfiguration=location)
    return name


@pytest.fixture
def uploads(clients):
    """The keys that are put into S3."""
    keys = []
    clients.s3.meta.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: keys.append(params["Key"])
    )
    return keys


@pytest.fixture
def large_package(tmp_path, monkeypatch):
    """A package whose model has no room in a zip."""
    monkeypatch.setattr(sizes, "ZIP_LIMIT_BYTES", LIMIT)
    path, artifacts = tmp_path / "mine", tmp_path / "artifacts"
    path.mkdir()
    (path / "handler.py").write_text(HANDLER)
    (path / "requirements.txt").write_text("")
    (artifacts / "model").mkdir(parents=True)
    (artifacts / "model" / "large.bin").write_bytes(b"m" * LIMIT)
    (artifacts / "words.txt").write_text("small")
    folder = find_handler(path, engine="reference", search=[])
    target = Target(architecture="x86_64")
    return build_package(folder, artifacts, tmp_path / "cache", target=target)


@pytest.fixture
def start(clients, bucket, large_package, tmp_path):
    """Start the function's code as Lambda does, in a folder that cannot be written to."""
    root = tmp_path / "root"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with zipfile.ZipFile(large_package.zip_path) as archive:
        archive.extractall(root)
    root.chmod(0o555)

    def start(script=INVOKE):
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(temporary),
            "AWS_ENDPOINT_URL": clients.endpoint_url,
            "AWS_DEFAULT_REGION": clients.region,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            **artifact_variables(bucket, large_package),
        }
        command = [sys.executable, "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=root)

    return start


def test_code_is_uploaded_under_its_sha256_once(clients, bucket, package, uploads):
    key = upload_code(clients, bucket, package)
    assert key == f"packages/{package.sha256}.zip"
    body = clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert body == package.zip_path.read_bytes()
    assert upload_code(clients, bucket, package) == key
    assert uploads == [key]


def test_half_an_upload_does_not_count(clients, bucket, package, uploads):
    key = f"packages/{package.sha256}.zip"
    clients.s3.put_object(Bucket=bucket, Key=key, Body=b"half")
    upload_code(clients, bucket, package)
    assert clients.s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == package.size_bytes


def test_an_image_is_not_uploaded_to_s3(clients, bucket, package):
    with pytest.raises(DeploymentError, match="pushed to ECR"):
        upload_code(clients, bucket, replace(package, kind="image", zip_path=None))


def test_a_bucket_that_is_not_there_is_named(clients, package):
    with pytest.raises(DeploymentError, match=r"s3://nowhere/packages/"):
        upload_code(clients, "nowhere", package)


def test_a_package_without_artifacts_outside_needs_nothing(clients, bucket, package, uploads):
    upload_artifacts(clients, bucket, package)
    assert uploads == []
    assert artifact_variables(bucket, package) == {}


def test_artifacts_are_uploaded_under_their_sha256_once(clients, bucket, large_package, uploads):
    (artifact,) = large_package.external_artifacts
    for _ in range(2):
        upload_artifacts(clients, bucket, large_package)
    assert uploads == [f"{ARTIFACT_PREFIX}{artifact.sha256}"]


def test_the_function_finds_fetched_artifacts_beside_its_handler(
    clients, bucket, large_package, start
):
    upload_artifacts(clients, bucket, large_package)
    for fetched in (LIMIT, 0):  # a second initialisation has them already
        result = start()
        assert result.returncode == 0, result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert lines[0]["type"] == "pytest_lambda_ml.artifacts"
        assert lines[0]["fetched_bytes"] == fetched
        assert [line["type"] for line in lines[1:3]] == [
            "pytest_lambda_ml.start",
            "pytest_lambda_ml.invocation",
        ]
        assert lines[2]["error_type"] is None
        assert lines[3] == [LIMIT, "small", "True"]


def test_other_content_is_refused_and_not_kept(clients, bucket, large_package, start):
    (artifact,) = large_package.external_artifacts
    key = f"{ARTIFACT_PREFIX}{artifact.sha256}"
    clients.s3.put_object(Bucket=bucket, Key=key, Body=b"x" * LIMIT)
    for _ in range(2):
        result = start()
        assert result.returncode != 0
        assert "has the sha256 " in result.stderr
        assert f"and not {artifact.sha256}" in result.stderr


def test_too_little_ephemeral_storage_is_said(clients, bucket, large_package, start):
    upload_artifacts(clients, bucket, large_package)
    little = "import shutil, types\nshutil.disk_usage = lambda _: types.SimpleNamespace(free=9)\n"
    result = start(little + INVOKE)
    assert "give the function more ephemeral storage" in result.stderr
