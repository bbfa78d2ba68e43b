"""The boto3 clients of one session, for AWS or for an AWS-shaped endpoint."""

from __future__ import annotations

import os
import time
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config

from pytest_lambda_ml.aws.pace import CALLS_PER_SECOND, CallWindow, Pace
from pytest_lambda_ml.aws.retry import Patience
from pytest_lambda_ml.aws.translation import backend_errors

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SERVICES", "AwsClients", "is_loopback"]

SERVICES = ("lambda", "sns", "sqs", "logs", "s3", "iam", "sts", "ecr")

USER_AGENT = "pytest-lambda-ml"
MAX_ATTEMPTS = 8
"""Enough for the control plane's throttling (about 15 requests a second for a whole account)."""
MAX_ATTEMPTS_ENDPOINT = 2
"""An endpoint given by URL does not throttle; when it is gone, that is said at once."""
CONNECTIONS = 20
"""S3 uploads take ten at a time; every other client is used by one thread."""
DUMMY_KEY = "local"
ANSWER_GRACE_S = 30.0
"""A synchronous request waits for an environment, which starts, before it runs."""

# Each entry: (configuration name, environment variables, default, converter), as botocore has it.
_NO_USER_CONFIGURATION = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class AwsClients:
    """One client per service, made when it is first asked for; use from one thread.

    ``endpoint_url`` points every service at one endpoint. With ``dummy_credentials`` no profile,
    environment variable or metadata service is asked for credentials. ``profile`` names a profile
    of the user's AWS configuration. All clients together make at most ``calls_per_second`` calls
    of the control plane (``None``: 12 on AWS, no limit at an endpoint), and repeat what is refused
    for a while only; ``now`` and ``sleep`` are theirs to wait with. Raises `BackendError` when the
    profile does not exist.
    """

    def __init__(
        self,
        region: str,
        endpoint_url: str | None = None,
        profile: str | None = None,
        *,
        dummy_credentials: bool = False,
        calls_per_second: int | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.region = region
        self.endpoint_url = endpoint_url
        with backend_errors("AWS session"):
            self._session = _session(region, profile, dummy_credentials=dummy_credentials)
        self._config = _config(endpoint_url)
        self._patience = Patience(sleep)
        self._pace: Pace | None = None
        if endpoint_url is None or calls_per_second is not None:
            window = CallWindow(calls_per_second or CALLS_PER_SECOND, now=now, sleep=sleep)
            self._pace = Pace(window)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of a service, as boto3 calls it."""
        if service not in self._clients:
            with backend_errors(f"a client for {service}"):
                made = self._session.client(
                    service, endpoint_url=self.endpoint_url, config=self._config
                )
            made.meta.events.register("needs-retry", self._patience)
            if self._pace is not None:
                made.meta.events.register("before-send", self._pace.of(service))
            self._clients[service] = made
        return self._clients[service]

    def impatient(self) -> Any:
        """A Lambda client that repeats what AWS or the network failed at, and nothing else."""
        if "impatient" not in self._clients:
            with backend_errors("a client for lambda"):
                made = self._session.client(
                    "lambda", endpoint_url=self.endpoint_url, config=self._config
                )
            if self._pace is not None:
                made.meta.events.register("before-send", self._pace.of("lambda"))
            self._clients["impatient"] = made
        return self._clients["impatient"]

    def waiting(self, timeout_s: float, in_flight: int) -> Any:
        """A Lambda client for synchronous invocations, as many as ``in_flight`` at a time.

        It waits for an answer as long as a function may take, and repeats nothing by itself: an
        invocation whose answer was lost may have run.
        """
        own = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            read_timeout=timeout_s + ANSWER_GRACE_S,
            max_pool_connections=in_flight,
        )
        with backend_errors("a client for lambda"):
            return self._session.client(
                "lambda", endpoint_url=self.endpoint_url, config=self._config.merge(own)
            )

    lambda_ = property(lambda self: self.client("lambda"))
    sns = property(lambda self: self.client("sns"))
    sqs = property(lambda self: self.client("sqs"))
    logs = property(lambda self: self.client("logs"))
    s3 = property(lambda self: self.client("s3"))
    iam = property(lambda self: self.client("iam"))
    sts = property(lambda self: self.client("sts"))
    ecr = property(lambda self: self.client("ecr"))

    @cached_property
    def identity(self) -> tuple[str, str]:
        """The partition (``"aws"``, ``"aws-cn"``, …) and the account of the credentials."""
        with backend_errors("who the credentials belong to (sts:GetCallerIdentity)"):
            answer = self.sts.get_caller_identity()
        return answer["Arn"].split(":")[1], answer["Account"]

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this region and account, known before it exists."""
        partition, account = self.identity
        return f"arn:{partition}:{service}:{self.region}:{account}:{resource}"


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine: nobody there asks who the caller is."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# boto3's clients get their methods at run time: neither they nor their maker have a useful type.
def _session(region: str, profile: str | None, *, dummy_credentials: bool) -> Any:
    if not dummy_credentials:
        return boto3.Session(region_name=region, profile_name=profile)
    core = botocore.session.Session(session_vars=_NO_USER_CONFIGURATION)
    core.set_credentials(DUMMY_KEY, DUMMY_KEY)
    return boto3.Session(region_name=region, botocore_session=core)


def _config(endpoint_url: str | None) -> Config:
    common: dict[str, Any] = {
        "user_agent_extra": USER_AGENT,
        "max_pool_connections": CONNECTIONS,
        "connect_timeout": 10,
    }
    if endpoint_url is None:
        return Config(retries={"mode": "adaptive", "total_max_attempts": MAX_ATTEMPTS}, **common)
    return Config(
        retries={"mode": "adaptive", "total_max_attempts": MAX_ATTEMPTS_ENDPOINT},
        s3={"addressing_style": "path"},  # bucket.127.0.0.1 is no host name
        proxies={},  # a proxy of the user's does not know this machine's loopback
        **common,
    )
