"""What a session runs on, opened once: the local endpoint, an endpoint given by URL, or AWS."""

from __future__ import annotations

import platform
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pytest_lambda_ml.artifact import (
    REFERENCE,
    Target,
    build_package,
    check_requirements,
    find_handler,
    host_target,
    outputs_here,
    train,
)
from pytest_lambda_ml.aws.pace import CALLS_PER_SECOND
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.aws.session import AwsClients, is_loopback
from pytest_lambda_ml.campaign.backend import Fargate
from pytest_lambda_ml.campaign.cpu_loop import time_cpu_loop
from pytest_lambda_ml.campaign.estimate import PlannedCell
from pytest_lambda_ml.campaign.plan import batch, plan_messages
from pytest_lambda_ml.campaign.quality import ExpectedOutputs
from pytest_lambda_ml.campaign.session import Backend, CampaignSession
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.errors import SettingError, UnsupportedError
from pytest_lambda_ml.local import ask_endpoint, start_endpoint
from pytest_lambda_ml.settings import OPTIONS
from pytest_lambda_ml.store.run_folder import create_run_folder
from pytest_lambda_ml.store.surroundings import describe_environment, describe_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_lambda_ml.artifact import HandlerFolder, Package
    from pytest_lambda_ml.datasets import Dataset
    from pytest_lambda_ml.local import EndpointInfo
    from pytest_lambda_ml.model import Architecture, Configuration
    from pytest_lambda_ml.plugin.progress import ProgressLine
    from pytest_lambda_ml.settings import Settings

__all__ = [
    "LOCAL_REGION",
    "DryRunBackend",
    "LambdaBackend",
    "open_clients",
    "open_lambda_backend",
]

LOCAL_REGION = "us-east-1"
"""The region whose prices local results are given in: the one with the most complete price list."""

SAMPLED_MESSAGES = 20
"""The messages of one cell differ little in size."""


@contextmanager
def open_lambda_backend(settings: Settings, progress: ProgressLine) -> Iterator[LambdaBackend]:
    """A `LambdaBackend` that leaves nothing behind."""
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
                about={"environment": describe_environment(), "git": describe_git(Path.cwd())},
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
    here = _host_architecture()
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
    return _lambda_target(settings)


def _lambda_target(settings: Settings) -> Target:
    target = Target(architecture=settings.architecture or "x86_64")
    if settings.runtime is None:
        return target
    return replace(target, python_version=settings.runtime.removeprefix("python"))


def _host_architecture() -> Architecture:
    return "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"


class Preparation:
    """What comes before deployment: handlers, data sets, packages.

    ``target`` is what packages are built for, ``None`` where functions use this interpreter's
    distributions.
    """

    def __init__(self, settings: Settings, progress: ProgressLine, target: Target | None) -> None:
        self.settings = settings
        self.progress = progress
        self.target = target
        self.architecture = target.architecture if target else _host_architecture()
        self._datasets: dict[str, Dataset] = {}

    def handler(self, handler: str | Path, engine: str, search: Sequence[Path]) -> HandlerFolder:
        """The handler folder, checked to be trainable here, and runnable where it runs here.

        Raises HandlerError when it is not found, UnsupportedError when it needs what is not
        installed.
        """
        folder = find_handler(handler, engine=engine, search=search)
        if folder.large and not (self.settings.full or self.settings.aws_regions):
            raise UnsupportedError(
                f"{folder.name} has {folder.large}: add --lambda-full to measure it on this machine"
            )
        trained_here = folder.derived or (folder.path / "train.py").is_file()
        if self.target is None or trained_here:
            check_requirements(folder)
        return folder

    def dataset(self, kind: str) -> Dataset:
        """The data set of this kind, loaded once per session."""
        if kind not in self._datasets:
            source = self.settings.datasets.get(kind)
            self._datasets[kind] = load_dataset(kind, source, self.settings.cache_dir)
        return self._datasets[kind]

    def planned_cell(
        self, configuration: Configuration, invocations: int, kind: str
    ) -> PlannedCell:
        """A cell as it is to be measured with data of this kind: in its region, or the only one."""
        messages = plan_messages(
            self.dataset(kind).items,
            run_id="0" * 8,
            batch_size=configuration.batch_size,
            invocations=min(invocations, SAMPLED_MESSAGES),
        )
        return PlannedCell(
            configuration=configuration,
            region=configuration.region or self.settings.aws_region or LOCAL_REGION,
            invocations=invocations,
            message_bytes=sum(message.size_bytes for message in messages) // len(messages),
        )

    def package(self, folder: HandlerFolder, dataset: Dataset) -> Package:
        """The handler, trained on this data and packaged; both come from the cache if they can."""
        subject = f"{folder.name} ({folder.engine})"
        try:
            self.progress.say(subject, "training and packaging")
            artifacts = train(folder, dataset, self.settings.cache_dir)
            return build_package(
                folder,
                artifacts,
                self.settings.cache_dir,
                target=self.target,
                base_image=self.settings.base_image,
                image_builder=self.settings.image_builder,
            )
        finally:
            self.progress.clear()

    def expected_outputs(
        self, folder: HandlerFolder, dataset: Dataset, *, batch_size: int, invocations: int
    ) -> tuple[ExpectedOutputs, ...]:
        """What this engine and the reference give here for each batch.

        Empty where handler.toml promises nothing of the engine's outputs.
        """
        if folder.agreement_floor is None and folder.difference_ceiling is None:
            return ()
        cache_dir = self.settings.cache_dir
        reference = find_handler(folder.root, engine=REFERENCE, search=[])
        batches = [tuple(batch(dataset.items, i, batch_size)) for i in range(invocations)]
        distinct = list(dict.fromkeys(batches))
        try:
            self.progress.say(f"{folder.name} ({folder.engine})", "comparing with the reference")
            engine, expected = (
                outputs_here(each, train(each, dataset, cache_dir), distinct, cache_dir)
                for each in (folder, reference)
            )
        finally:
            self.progress.clear()
        pairs = dict(zip(distinct, map(ExpectedOutputs, engine, expected), strict=True))
        return tuple(pairs[each] for each in batches)


class LambdaBackend(Preparation):
    """One session's way to Lambda: what `lambda_backend` gives.

    ``campaign`` deploys and measures; ``settings`` are the resolved options.
    """

    def __init__(
        self, settings: Settings, campaign: CampaignSession, progress: ProgressLine
    ) -> None:
        super().__init__(settings, progress, _target(settings, campaign.backend))
        self.campaign = campaign


class DryRunBackend(Preparation):
    """What `lambda_backend` gives in a dry run: it keeps what would be measured, in ``planned``."""

    def __init__(self, settings: Settings, progress: ProgressLine) -> None:
        remote = settings.aws_regions and settings.aws_endpoint_url is None
        target = _lambda_target(settings) if remote else None
        super().__init__(settings, progress, target)
        self.planned: list[PlannedCell] = []

    def plan(self, configuration: Configuration, invocations: int, kind: str) -> NoReturn:
        """Note down a cell with data of this kind, and skip its test."""
        self.planned.append(self.planned_cell(configuration, invocations, kind))
        raise pytest.skip.Exception("dry run: not measured")

    @property
    def campaign(self) -> CampaignSession:
        """Skips the test: what it does with a campaign is not known before it does it."""
        raise pytest.skip.Exception("dry run: nothing is deployed")
