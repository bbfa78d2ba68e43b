"""A campaign whose messages a publisher task publishes: its program for real, beside the endpoint.

No ECS runs here: a stand-in for its API starts the task's program as a process of its own, with
the variables that the call gives it and with no more of this package than its image holds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from campaign_site import Site, configuration

from pytest_lambda_ml.artifact.image import BaseImage
from pytest_lambda_ml.aws import publisher_image
from pytest_lambda_ml.aws.publisher_image import MODULE, publisher_files
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.campaign.backend import Fargate
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.errors import DeploymentError, PublishError
from pytest_lambda_ml.local import Endpoint, start_endpoint

BUCKET, REPOSITORY = "durable-base", "durable-base"
QUESTIONS = "question\nWhy is the sky blue?\nIs water wet?\nWhat is heat?\n"

NO_BASE = BaseImage(
    manifest_media_type="application/vnd.oci.image.manifest.v1+json",
    config={"rootfs": {"type": "layers", "diff_ids": []}},
    layers=(),
)


class Ecs:
    """The ECS API of an account whose one task definition runs the publisher."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.image = folder / "image"
        for name, path in publisher_files().items():
            target = self.image / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        self.definition: dict[str, Any] = {
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/base:1",
            "family": "base",
            "containerDefinitions": [{"name": "publisher", "image": "python"}],
        }
        self.done: list[subprocess.CompletedProcess[str]] = []
        events = site.clients.client("ecs").meta.events
        for operation in ("DescribeClusters", "DescribeTaskDefinition", "RegisterTaskDefinition"):
            events.register(f"before-call.ecs.{operation}", self._answer)
        for operation in ("RunTask", "DescribeTasks"):
            events.register(f"before-call.ecs.{operation}", self._answer)

    def _answer(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        asked = json.loads(params["body"])
        answer: dict[str, Any] = getattr(self, model.name)(asked)
        return _Fine(), answer

    def DescribeClusters(self, _: Any) -> dict[str, Any]:  # noqa: N802 - the API's name
        tags = {"pytest-lambda-ml:subnets": "subnet-1", "pytest-lambda-ml:security-group": "sg-1"}
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        return {"clusters": [{"status": "ACTIVE", "tags": pairs}]}

    def DescribeTaskDefinition(self, _: Any) -> dict[str, Any]:  # noqa: N802 - the API's name
        return {"taskDefinition": self.definition}

    def RegisterTaskDefinition(self, asked: Any) -> dict[str, Any]:  # noqa: N802 - the API's name
        self.definition = {**self.definition, **asked}
        return {"taskDefinition": self.definition}

    def RunTask(self, asked: Any) -> dict[str, Any]:  # noqa: N802 - the API's name
        [override] = asked["overrides"]["containerOverrides"]
        given = {each["name"]: each["value"] for each in override["environment"]}
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.site.endpoint.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
        self.done.append(
            subprocess.run(
                [sys.executable, "-m", MODULE],
                cwd=self.image,
                env={**environment, **given, "PYTHONPATH": str(self.image)},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        )
        return {"tasks": [{"taskArn": "arn:aws:ecs:us-east-1:123456789012:task/base/1"}]}

    def DescribeTasks(self, _: Any) -> dict[str, Any]:  # noqa: N802 - the API's name
        return {"tasks": [{"lastStatus": "STOPPED", "containers": []}]}


class _Fine:
    status_code = 200


@pytest.fixture(scope="module")
def own_endpoint() -> Iterator[Endpoint]:
    with start_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def site(own_endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An account with a durable bucket and repository."""
    site = Site(own_endpoint, tmp_path)
    site.clients.s3.create_bucket(Bucket=BUCKET)
    site.clients.ecr.create_repository(repositoryName=REPOSITORY)
    monkeypatch.setattr(publisher_image, "read_base_image", lambda *_: NO_BASE)
    yield site
    assert site.left() == [], "whatever happened, nothing is left"
    listed = site.clients.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())
    assert {entry["Key"].split("/")[0] for entry in listed} <= {"packages", "datasets"}
    for entry in listed:
        site.clients.s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    site.clients.s3.delete_bucket(Bucket=BUCKET)
    site.clients.ecr.delete_repository(repositoryName=REPOSITORY, force=True)


def base_of(site: Site) -> dict[str, Any]:
    return {
        "durable": Durable(bucket=BUCKET, repository=REPOSITORY),
        "fargate": Fargate("base", site.folder / "cache"),
    }


def questions(site: Site) -> Any:
    path = site.folder / "questions.csv"
    path.write_text(QUESTIONS, encoding="utf-8")
    return load_dataset("questions", str(path), site.folder)


def test_a_task_publishes_what_this_machine_would_have(site: Site) -> None:
    ecs = Ecs(site, site.folder)
    with site.campaign(**base_of(site)) as campaign:
        for batch_size in (1, 2):
            cell = configuration(batch_size=batch_size)
            function = campaign.deploy(site.package(), cell, messages=12)
            result = campaign.measure(function, questions(site), invocations=12)
            campaign.remove(function)
            assert result.outcomes.succeeded == result.outcomes.published == 12
            assert {each.record.batch_size for each in result.invocations} == {batch_size}
    assert [each.returncode for each in ecs.done] == [0, 0]
    assert "published 12 of 12 to arn:aws:sns:" in ecs.done[0].stdout
    image = ecs.definition["containerDefinitions"][0]["image"]
    assert f"{REPOSITORY}@sha256:" in image, "addressed by its digest"
    pushed = site.clients.ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"]
    assert [each["imageDigest"] for each in pushed] == [image.partition("@")[2]]


def test_a_publisher_of_another_version_publishes_nothing(site: Site) -> None:
    ecs = Ecs(site, site.folder)
    planner = ecs.image / "pytest_lambda_ml" / "campaign" / "plan.py"
    text = planner.read_text(encoding="utf-8").replace("start = index * size", "start = index")
    planner.write_text(text, encoding="utf-8")
    with site.campaign(**base_of(site)) as campaign:
        function = campaign.deploy(site.package(), configuration(batch_size=2), messages=3)
        with pytest.raises(PublishError, match="is of another version of pytest-lambda-ml"):
            campaign.measure(function, questions(site), invocations=3)
    assert ecs.done[0].returncode == 1


def test_without_the_bucket_of_the_base_nothing_is_published(site: Site) -> None:
    ecs = Ecs(site, site.folder)
    with site.campaign(fargate=Fargate("base", site.folder / "cache")) as campaign:
        function = campaign.deploy(site.package(), configuration(), messages=3)
        with pytest.raises(DeploymentError, match="--lambda-bucket, --lambda-repository"):
            campaign.measure(function, questions(site), invocations=3)
    assert ecs.done == []


def test_its_image_is_of_this_package_alone_and_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_image, "read_base_image", lambda *_: NO_BASE)
    first, second = (publisher_image.publisher_image(tmp_path / name) for name in "ab")
    assert first.digest == second.digest
    [layer] = first.layers
    with tarfile.open(layer.fetch()) as archive:
        names = {name.removeprefix("opt/publisher/") for name in archive.getnames()}
    assert f"{MODULE.replace('.', '/')}.py" in names
    assert {name.partition("/")[0] for name in names} == {"pytest_lambda_ml"}
    run = json.loads(first.config)["config"]
    assert (run["Entrypoint"], run["WorkingDir"]) == (["python", "-m", MODULE], "/opt/publisher")
