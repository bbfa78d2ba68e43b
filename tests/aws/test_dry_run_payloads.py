"""Payloads that lie in S3, in a dry run: asked for where it is known where, and else left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from answers import fail_once

from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.plugin import dry_run_backend
from pytest_lambda_ml.plugin.dry_run_backend import DryRunBackend
from pytest_lambda_ml.settings import resolve

UNREAD = "payloads in S3 could not be read: their size is left out"


class Silent:
    """A progress line that says nothing."""

    def say(self, *_: object) -> None:
        """Nothing."""

    clear = say


@pytest.fixture
def notes(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """What a dry run with these options notes on a payload that lies in S3."""

    def notes(**options: str) -> tuple[str, ...]:
        settings = resolve(command_line=options, environ={}, ini={}, rootdir=tmp_path)
        return DryRunBackend(settings, Silent()).payloads("s3://bucket/key.json", [])[1]

    return notes


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets S3 answer the next call with this error."""

    def refused(code: str) -> None:
        clients = AwsClients("eu-west-1", "http://127.0.0.1:9", dummy_credentials=True)
        fail_once(clients, "s3", "GetObject", (403, code, "not you"))
        monkeypatch.setattr(dry_run_backend, "open_clients", lambda _: [clients])

    return refused


def test_without_region_and_url_nobody_is_asked(
    notes: Callable[..., tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(_: object) -> None:
        pytest.fail("dummy keys were about to be sent to AWS")

    monkeypatch.setattr(dry_run_backend, "open_clients", ask)
    assert notes() == (UNREAD,)


@pytest.mark.parametrize(
    "code", ["AccessDenied", "InvalidAccessKeyId", "InvalidToken", "ExpiredToken"]
)
def test_who_is_not_let_in_knows_no_size(
    notes: Callable[..., tuple[str, ...]], refused: Callable[[str], None], code: str
) -> None:
    refused(code)
    assert notes(aws_region="eu-west-1") == (UNREAD,)


def test_what_is_not_there_is_an_error(
    notes: Callable[..., tuple[str, ...]], refused: Callable[[str], None]
) -> None:
    refused("NoSuchKey")
    with pytest.raises(BackendError, match=r"s3://bucket/key\.json"):
        notes(aws_region="eu-west-1")
