"""What a session runs on, opened once: the local endpoint, an endpoint given by URL, or AWS."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.artifact import Target, host_target
from pytest_lambda_ml.aws.pace import CALLS_PER_SECOND
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.aws.session import AwsClients, is_loopback
from pytest_lambda_ml.campaign.backend import Fargate
from pytest_lambda_ml.campaign.cpu_loop import time_cpu_loop
from pytest_lambda_ml.campaign.session import Backend, CampaignSession
from pytest_lambda_ml.errors import SettingError
from pytest_lambda_ml.local import ask_endpoint, start_endpoint
from pytest_lambda_ml.plugin.existing import read_payloads
from pytest_lambda_ml.plugin.preparation import LOCAL_REGION, Preparation, host_architecture
from pytest_lambda_ml.settings import OPTIONS
from pytest_lambda_ml.store.run_folder import create_run_folder
from pytest_lambda_ml.store.surroundings import describe_environment, describe_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_lambda_ml.aws.existing import ExistingFunction
    from pytest_lambda_ml.campaign.payloads import Payloads
    from pytest_lambda_ml.local import EndpointInfo
    from pytest_lambda_ml.plugin.progress import ProgressLine
    from pytest_lambda_ml.settings import Settings

__all__ = [
    "LambdaBackend",
    "lambda_target",
    "open_clients",
    "open_lambda_backend",
]


@contextmanager
def open_lambda_backend(
    settings: Settings, progress: ProgressLine, tests: Sequence[str] = ()
) -> Iterator[LambdaBackend]:
    """A `LambdaBackend` that leaves nothing behind; ``tests`` says which pytest was to run."""
    with ExitStack() as stack:
        backend, *elsewhere = _backends(settings, stack)
        run = create_run_folder(settings.run_root, datetime.now(UTC))
        campaign = stack.enter_context(
            CampaignSession(
                backend=backend,
                run_dir=run.path,
                run_id=run.run_id,
                log_grace_s=settings.log_grace_s,
                options=_as_json(settings),
                on_progress=progress,
                about={
                    "tests": list(tests),
                    "environment": describe_environment(),
                    "git": describe_git(Path.cwd()),
                },
                time_cpu_loop=time_cpu_loop,
                elsewhere=elsewhere,
                budget_usd=settings.budget_usd,
            )
        )
        yield LambdaBackend(settings, campaign, progress)


def open_clients(settings: Settings) -> list[AwsClients]:
    """The clients for what the settings name: one for each region, or one for a URL."""
    url, profile = settings.aws_endpoint_url, settings.aws_profile
    if not settings.aws_regions:
        return [AwsClients(LOCAL_REGION, url, dummy_credentials=True)]
    return [
        AwsClients(
            region,
            url,
            profile,
            dummy_credentials=profile is None and url is not None and is_loopback(url),
            calls_per_second=CALLS_PER_SECOND,
        )
        for region in settings.aws_regions
    ]


def _backends(settings: Settings, stack: ExitStack) -> list[Backend]:
    """One for each region; or the one on this machine, or at a URL."""
    url = settings.aws_endpoint_url
    if not settings.aws_regions and not url:
        _only_on_aws(settings)
        info = stack.enter_context(start_endpoint()).info
        clients = AwsClients(LOCAL_REGION, info.url, dummy_credentials=True)
        # Made for this session, it has nothing that was prepared, and keeps nothing for the next.
        return [replace(_endpoint(clients, info, settings), durable=Durable(), keep=False)]
    if not url:
        return [_aws(clients, settings) for clients in open_clients(settings)]
    if found := ask_endpoint(url):
        _only_on_aws(settings)
    return [_endpoint(clients, found, settings) for clients in open_clients(settings)]


def _aws(clients: AwsClients, settings: Settings) -> Backend:
    return Backend(
        kind="aws",
        clients=clients,
        region=clients.region,
        cpu_enforced="aws",
        memory_enforced="aws",
        durable=_durable(settings),
        fargate=_fargate(settings),
        keep=settings.keep,
    )


def _endpoint(clients: AwsClients, info: EndpointInfo | None, settings: Settings) -> Backend:
    """An endpoint; with a region functions bring their dependencies, as on AWS.

    One of another make does not say what it enforces, so nothing is claimed of it.
    """
    return Backend(
        kind="local",
        clients=clients,
        region=clients.region,
        cpu_enforced=info.cpu_enforced if info else None,
        memory_enforced=info.memory_enforced if info else None,
        host_cores=info.cores if info else None,
        capacity_vcpu=info.capacity_vcpu if info else None,
        cpu_model=info.cpu_model if info else None,
        dependencies="package" if settings.aws_regions else "host",
        durable=_durable(settings),
        fargate=_fargate(settings),
        keep=settings.keep,
    )


def _fargate(settings: Settings) -> Fargate | None:
    """Raises SettingError when what the task needs has not been named."""
    if settings.publisher == "local":
        return None
    if settings.budget_usd is not None:
        raise SettingError(
            f"{settings.place('budget_usd')}: a Fargate task publishes all messages at once, which "
            "no budget can stop; use --lambda-publisher local"
        )
    if settings.bucket is None or settings.repository is None:
        raise SettingError(
            f"{settings.place('publisher')}: fargate also needs --lambda-bucket and "
            "--lambda-repository of its base (`terraform output` in infra/ prints them)"
        )
    return Fargate(settings.cluster, settings.cache_dir)


def _durable(settings: Settings) -> Durable:
    return Durable(settings.role, settings.bucket, settings.repository)


def _only_on_aws(settings: Settings) -> None:
    """Raise SettingError for what functions on this machine cannot have."""
    if settings.publisher == "fargate":
        raise SettingError(f"{settings.place('publisher')}: only AWS itself has Fargate")
    if settings.snap_start:
        raise SettingError(f"{settings.place('snap_start')}: only AWS itself has SnapStart")
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if settings.given("runtime") and settings.runtime != python:
        raise SettingError(
            f"{settings.place('runtime')}: functions on this machine run on {python}, which runs "
            f"pytest; {settings.runtime} is to be had on AWS only"
        )
    here = host_architecture()
    if settings.architecture not in {None, here}:
        raise SettingError(
            f"{settings.place('architecture')}: functions on this machine run on {here}; "
            f"{settings.architecture} is to be had on AWS only"
        )


def _as_json(settings: Settings) -> dict[str, Any]:
    """What the run file says of the options: each value, and where it came from."""
    options = {}
    for option in OPTIONS:
        value = getattr(settings, option.name)
        if option.name == "datasets":
            value = dict(value)
        elif value is not None and not isinstance(value, str | int | float | tuple):
            value = str(value)
        options[option.name] = {"value": value, "source": settings.source(option.name).value}
    return options


def _target(settings: Settings, backend: Backend) -> Target | None:
    """What packages are built for: Lambda's machines, or this one where its endpoint runs them."""
    if backend.dependencies == "host":
        return None
    if backend.host_cores:
        return host_target()
    return lambda_target(settings)


def lambda_target(settings: Settings) -> Target:
    """Lambda's own machines, as the options ask for them."""
    target = Target(architecture=settings.architecture or "x86_64")
    if settings.runtime is None:
        return target
    return replace(target, python_version=settings.runtime.removeprefix("python"))


class LambdaBackend(Preparation):
    """One session's way to Lambda: what `lambda_backend` gives.

    ``campaign`` deploys and measures; ``settings`` are the resolved options.
    """

    def __init__(
        self, settings: Settings, campaign: CampaignSession, progress: ProgressLine
    ) -> None:
        super().__init__(settings, progress, _target(settings, campaign.backend))
        self.campaign = campaign

    def look_up(
        self, function: str, region: str | None, memory_mb: int | None
    ) -> tuple[ExistingFunction, tuple[str, ...]]:
        """See `CampaignSession.look_up`; nothing has to be assumed."""
        del memory_mb
        return self.campaign.look_up(function, region), ()

    def payloads(self, payload: object, search: Sequence[Path]) -> tuple[Payloads, tuple[str, ...]]:
        """See `read_payloads`."""
        return read_payloads(payload, search, lambda: self.campaign.backend.clients), ()
