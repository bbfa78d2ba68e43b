"""A whole campaign on an endpoint that runs functions, with a handler that needs no libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_lambda_ml.artifact import Package, build_package, find_handler
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.session import Backend, CampaignSession
from pytest_lambda_ml.datasets import Dataset, load_dataset
from pytest_lambda_ml.model import Configuration
from pytest_lambda_ml.store.run_folder import create_run_folder

LENGTHS = """
import time

def initialize():
    return None

def process(batch):
    if "fail" in batch:
        raise ValueError("as it was told")
    if "slow" in batch:
        time.sleep(2)
    return [len(item) for item in batch]
"""


def lengths_package(folder: Path) -> Package:
    """A handler that says how long each item is, zipped with the wrapper."""
    handler = folder / "lengths"
    handler.mkdir(parents=True, exist_ok=True)
    (handler / "handler.py").write_text(LENGTHS, encoding="utf-8")
    (handler / "requirements.txt").write_text("", encoding="utf-8")
    return build_package(find_handler(handler, engine="reference", search=[]), None, folder)


def questions(folder: Path, *items: str) -> Dataset:
    path = folder / "questions.csv"
    path.write_text("\n".join(["question", *items, ""]), encoding="utf-8")
    return load_dataset("questions", str(path), folder)


def cell(**values: Any) -> Configuration:
    defaults = {"algorithm": "lengths", "memory_mb": 512, "concurrency": 2, "batch_size": 1}
    return Configuration(**{**defaults, "timeout_s": 30, **values})


@contextmanager
def campaign(clients: AwsClients, folder: Path, **backend: Any) -> Iterator[CampaignSession]:
    """A session at the clients' endpoint; ``backend`` are more fields of its `Backend`."""
    run = create_run_folder(folder / "lambda-ml", datetime.now(UTC))
    settings: dict[str, Any] = {"cpu_enforced": None, "memory_enforced": None, **backend}
    with CampaignSession(
        backend=Backend(kind="local", clients=clients, region=clients.region, **settings),
        run_dir=run.path,
        run_id=run.run_id,
    ) as session:
        yield session
