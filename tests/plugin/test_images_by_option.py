"""Runtime, base image and builder: from the options into the package that is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.plugin import preparation
from pytest_lambda_ml.plugin.dry_run_backend import DryRunBackend
from pytest_lambda_ml.settings import resolve


class Silent:
    """A progress line that says nothing."""

    def say(self, *_: object) -> None:
        """Nothing."""

    clear = say


@pytest.fixture
def built(monkeypatch, tmp_path):
    """What `build_package` is asked for, given these options on the command line."""

    def built(**options: str):
        asked = {}
        monkeypatch.setattr(preparation, "train", lambda *_, **__: None)

        def build(*_: object, **named: object) -> Package:
            asked.update(named)
            return Package(zip_path=None, sha256="", code_sha256="", size_bytes=0, weights=None)

        monkeypatch.setattr(preparation, "build_package", build)
        options = {"aws_region": "eu-west-1", **options}
        settings = resolve(command_line=options, environ={}, ini={}, rootdir=tmp_path)
        prepared = DryRunBackend(settings, Silent())
        folder = preparation.find_handler("k-means", engine="reference", search=[Path()])
        prepared.package(folder, None)
        return asked

    return built


def test_todays_defaults(built):
    asked = built()
    assert asked["target"].runtime == "python3.13"
    assert asked["target"].architecture == "x86_64"
    assert (asked["base_image"], asked["image_builder"]) == (None, "layers")


def test_every_option_arrives(built):
    asked = built(
        runtime="python3.12", architecture="arm64", base_image="a.b/c:d", image_builder="docker"
    )
    assert (asked["target"].runtime, asked["target"].architecture) == ("python3.12", "arm64")
    assert (asked["base_image"], asked["image_builder"]) == ("a.b/c:d", "docker")
