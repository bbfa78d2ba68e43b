"""Campaigns on AWS with a handler of the test's own that takes a few milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_lambda_ml.artifact import Package, Target, build_package, find_handler, host_target
from pytest_lambda_ml.aws.inventory import find_by_tag, find_log_groups, find_roles, still_there
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.campaign.session import Backend, CampaignSession
from pytest_lambda_ml.datasets import Dataset
from pytest_lambda_ml.model import Configuration
from pytest_lambda_ml.plugin.backend import open_clients
from pytest_lambda_ml.settings import Settings
from pytest_lambda_ml.store.run_folder import create_run_folder

# Each item of a batch says what becomes of its invocation.
OBEDIENT = """
import os
import time

def initialize():
    return None

def process(batch):
    for item in batch:
        if item == "raise":
            raise ValueError("told to")
        if item == "exit":
            os._exit(3)
        if item.startswith("sleep"):
            time.sleep(float(item.split()[1]))
        if item == "fill":
            held = []
            while True:
                held.append(bytearray(16_000_000))
    return [len(item) for item in batch]
"""


class LiveSite:
    """The account, and a folder of one test."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.clients = open_clients(settings)[0]
        self.region = self.clients.region
        self.endpoint_url = settings.aws_endpoint_url
        self.folder = folder
        self.run_ids: list[str] = []

    def package(
        self,
        *,
        architecture: Any = "x86_64",
        requirements: str = "",
        settings: str = "",
        imports: str = "",
    ) -> Package:
        """The obedient handler, for AWS's Python or, at an endpoint, for this one."""
        target = Target(architecture=architecture)
        folder = self.folder / "obedient"
        folder.mkdir(exist_ok=True)
        (folder / "handler.py").write_text(imports + OBEDIENT, encoding="utf-8")
        (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
        (folder / "handler.toml").write_text(settings, encoding="utf-8")
        found = find_handler(folder, engine="reference", search=[])
        return build_package(
            found,
            None,
            self.folder / "cache",
            target=host_target() if self.endpoint_url else target,
        )

    def dataset(self, *items: str) -> Dataset:
        return Dataset(
            kind="emotion",
            items=items,
            labels=None,
            path=self.folder / "none.csv",
            sha256="0" * 64,
            description="made for a test",
        )

    @contextmanager
    def campaign(
        self, durable: Durable | None = None, *, keep: bool = False
    ) -> Iterator[CampaignSession]:
        kind: Any = "local" if self.endpoint_url else "aws"
        enforced = None if self.endpoint_url else "aws"
        backend = Backend(
            kind=kind,
            clients=self.clients,
            region=self.region,
            cpu_enforced=enforced,
            memory_enforced=enforced,
            durable=durable or Durable(),
            keep=keep,
        )
        run = create_run_folder(self.folder / "lambda-ml", datetime.now(UTC))
        self.run_ids.append(run.run_id)
        with CampaignSession(backend=backend, run_dir=run.path, run_id=run.run_id) as session:
            yield session

    def left(self) -> list[str]:
        """What bears the tag or the name of one of the test's runs and is still there."""
        found = []
        for run_id in self.run_ids:
            for look in (find_by_tag, find_roles, find_log_groups):
                found += look(self.clients, run_id)
        return [str(each.resource) for each in still_there(self.clients, found)]


def cell(**values: Any) -> Configuration:
    """A cell of the least memory; ``values`` replace its settings."""
    defaults: dict[str, Any] = {
        "algorithm": "obedient",
        "memory_mb": 128,
        "concurrency": 2,
        "batch_size": 1,
        "timeout_s": 15,
    }
    return Configuration(**{**defaults, **values})
