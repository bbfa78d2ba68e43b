"""What comes before deployment: handlers, data sets, packages, what cells are expected to cost."""

from __future__ import annotations

import platform
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_lambda_ml.artifact import (
    REFERENCE,
    build_package,
    check_handler,
    check_requirements,
    find_handler,
    outputs_here,
    train,
)
from pytest_lambda_ml.campaign.estimate import PlannedCell
from pytest_lambda_ml.campaign.plan import batch, plan_messages
from pytest_lambda_ml.campaign.quality import ExpectedOutputs
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.errors import UnsupportedError
from pytest_lambda_ml.plugin.forecast import Forecast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_lambda_ml.artifact import HandlerFolder, Package, Target
    from pytest_lambda_ml.datasets import Dataset
    from pytest_lambda_ml.model import Architecture, Configuration
    from pytest_lambda_ml.plugin.progress import ProgressLine
    from pytest_lambda_ml.settings import Settings

__all__ = ["LOCAL_REGION", "Preparation", "host_architecture"]

LOCAL_REGION = "us-east-1"
"""The region whose prices local results are given in: the one with the most complete price list."""

SAMPLED_MESSAGES = 20
"""The messages of one cell differ little in size."""


class Preparation:
    """What comes before deployment: handlers, data sets, packages.

    ``target`` is what packages are built for, ``None`` where functions use this interpreter's
    distributions.
    """

    def __init__(self, settings: Settings, progress: ProgressLine, target: Target | None) -> None:
        self.settings = settings
        self.progress = progress
        self.target = target
        self.architecture = target.architecture if target else host_architecture()
        self._datasets: dict[str, Dataset] = {}

    @cached_property
    def forecast(self) -> Forecast:
        """What stored runs say of cells that are yet to be measured."""
        return Forecast(self.settings)

    def region_of(self, configuration: Configuration) -> str:
        """Where a cell runs: in its region, or the only one."""
        return configuration.region or self.settings.aws_region or LOCAL_REGION

    def handler(self, handler: str | Path, engine: str, search: Sequence[Path]) -> HandlerFolder:
        """The handler folder, checked to be trainable here, and runnable where it runs here.

        Raises HandlerError when it is not found or could not be called, UnsupportedError when it
        needs what is not installed.
        """
        folder = find_handler(handler, engine=engine, search=search)
        check_handler(folder, self.target.python_version if self.target else None)
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
        """A cell as it is to be measured with data of this kind."""
        messages = plan_messages(
            self.dataset(kind).items,
            run_id="0" * 8,
            batch_size=configuration.batch_size,
            invocations=min(invocations, SAMPLED_MESSAGES),
        )
        return PlannedCell(
            configuration=configuration,
            region=self.region_of(configuration),
            invocations=invocations,
            message_bytes=sum(message.size_bytes for message in messages) // len(messages),
        )

    def package(self, folder: HandlerFolder, dataset: Dataset) -> Package:
        """The handler, trained on this data and packaged; both come from the cache if they can."""
        subject = f"{folder.name} ({folder.engine})"
        try:
            self.progress.say(subject, "training and packaging")
            artifacts = train(folder, dataset, self.settings.cache_dir)
            package = build_package(
                folder,
                artifacts,
                self.settings.cache_dir,
                target=self.target,
                base_image=self.settings.base_image,
                image_builder=self.settings.image_builder,
            )
            return replace(package, promised=folder.promised)
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


def host_architecture() -> Architecture:
    """That of this machine, in Lambda's words."""
    return "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
