"""An AWS account kept by a moto server in this process, behind HTTP like the real one."""

from __future__ import annotations

import base64
import hashlib
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.loaders import create_loader
from moto.server import ThreadedMotoServer

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.session import AwsClients


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # not a line per request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session", autouse=True)
def service_models() -> Iterator[None]:
    """AWS's service models are read once, and not again for the clients of every test."""
    loader = create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", lambda _: loader)
        yield


@pytest.fixture
def clients(moto_url: str) -> AwsClients:
    return AwsClients("eu-west-1", moto_url, dummy_credentials=True)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A zip that is never run: moto keeps it."""
    path = tmp_path_factory.mktemp("package") / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("wrapper.py", "def lambda_handler(event, context): ...\n")
    digest = hashlib.sha256(path.read_bytes())
    return Package(
        zip_path=Path(path),
        sha256=digest.hexdigest(),
        code_sha256=base64.b64encode(digest.digest()).decode(),
        size_bytes=path.stat().st_size,
        weights=None,
    )
