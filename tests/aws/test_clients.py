"""Clients for a loopback endpoint look for nothing of the user's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.errors import BackendError

SERVICES = ("lambda_", "sns", "sqs", "logs", "s3", "iam", "sts")


def test_no_profile_proxy_or_metadata_service_is_asked(moto_url: str, tmp_path: Path) -> None:
    """In a process of its own: the server in this one must not see the broken settings."""
    broken = tmp_path / "config"
    broken.write_text("this is no [ini\n")
    unused = "http://127.0.0.1:9"
    environment = {
        **os.environ,
        "AWS_CONFIG_FILE": str(broken),
        "AWS_SHARED_CREDENTIALS_FILE": str(broken),
        "AWS_PROFILE": "does-not-exist",
        "AWS_ACCESS_KEY_ID": "USERS-OWN-KEY",
        "AWS_SECRET_ACCESS_KEY": "USERS-OWN-SECRET",
        "AWS_ENDPOINT_URL_SNS": unused,
        "HTTP_PROXY": unused,
        "http_proxy": unused,
    }
    code = (
        "from pytest_lambda_ml.aws.session import AwsClients\n"
        f"clients = AwsClients('eu-west-1', {moto_url!r}, dummy_credentials=True)\n"
        "sent = []\n"
        "clients.sns.meta.events.register(\n"
        "    'before-send.sns.ListTopics',\n"
        "    lambda request, **_: sent.append(request.headers['Authorization']))\n"
        "clients.sns.list_topics()\n"
        "print(clients.identity, sent[0].decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "('aws', '123456789012')" in done.stdout
    assert "Credential=local/" in done.stdout
    assert "USERS-OWN" not in done.stdout


def test_every_service_goes_to_the_endpoint_and_names_this_project(moto_url: str) -> None:
    clients = AwsClients("eu-west-1", moto_url, dummy_credentials=True)
    for service in SERVICES:
        meta = getattr(clients, service).meta
        assert meta.endpoint_url == moto_url
        assert meta.region_name == "eu-west-1"
        assert "pytest-lambda-ml" in meta.config.user_agent_extra
        assert meta.config.retries["mode"] == "adaptive"


def test_a_profile_that_does_not_exist_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(BackendError, match="nobody-has-this"):
        AwsClients("eu-west-1", profile="nobody-has-this")


def test_an_endpoint_that_is_gone_is_said_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        clients = AwsClients("eu-west-1", url, dummy_credentials=True)
        began = time.monotonic()
        with pytest.raises(BackendError, match="Could not connect"):
            _ = clients.identity
        assert time.monotonic() - began < 30
