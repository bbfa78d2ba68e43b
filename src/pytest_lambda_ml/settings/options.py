"""Every option in one table: flag, ini key, environment variable, parser, default, help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pytest_lambda_ml.settings.legal import (
    ARCHITECTURES,
    BATCH_SIZE,
    CONCURRENCY,
    DATASET_KINDS,
    IMAGE_BUILDERS,
    INVOCATIONS,
    LOG_FORMATS,
    MEMORY_MB,
    METRICS,
    PRESET_NAMES,
    PUBLISHERS,
    RUNTIMES,
    SUMMARIES,
    TIMEOUT_S,
    datasets,
    file,
    names,
    numbers,
    one_of,
    path,
    regions,
    seconds,
    switch,
    text,
    url,
    usd,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OPTIONS", "Option", "Source"]


class Source(StrEnum):
    """Where a value came from, strongest first."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment variable"
    INI = "ini file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table. ``title`` is the field of `Settings`, the flag and the metavar.

    A switch has no metavar: the flag alone says yes.
    """

    title: str
    parse: Callable[[str], Any]
    help: str
    ini_type: Literal["string", "linelist", "int", "float"] = "string"
    default: Any = None
    repeatable: bool = False

    @property
    def name(self) -> str:
        """The field of `Settings`."""
        return self.title.split()[0]

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return self.title.split()[1]

    @property
    def metavar(self) -> str | None:
        """What stands for the value in the help; ``None`` for a switch."""
        return next(iter(self.title.split()[2:]), None)

    @property
    def ini(self) -> str:
        """The key in ``[tool.pytest]`` or ``pytest.ini``."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def env(self) -> str:
        """The environment variable."""
        name = self.flag.removeprefix("--").removeprefix("lambda-")
        return "PYTEST_LAMBDA_ML_" + name.replace("-", "_").upper()

    def place(self, source: Source) -> str:
        """Where a user finds the value, as messages say it."""
        places = {Source.ENVIRONMENT: f"environment variable {self.env}"}
        return places.get(source, f"ini key {self.ini}" if source is Source.INI else self.flag)


OPTIONS: tuple[Option, ...] = (
    Option(
        "aws_region --aws-region REGION,…",
        regions,
        "Run on AWS in this region, or the grid in each of several; without it all runs on the "
        "local endpoint and costs nothing",
    ),
    Option(
        "aws_profile --aws-profile NAME",
        text("the name of a profile in your AWS configuration"),
        "AWS profile with the credentials",
    ),
    Option(
        "aws_endpoint_url --aws-endpoint-url URL",
        url,
        "Talk to this endpoint, such as one started by `pytest-lambda-ml local`",
    ),
    Option(
        "role --lambda-role NAME|ARN",
        text("the name or the ARN of an IAM role"),
        "Execution role of the functions; given, it is used as it is and never deleted",
    ),
    Option(
        "bucket --lambda-bucket NAME",
        text("the name of an S3 bucket"),
        "Bucket for packages and large messages; given, it is never deleted, nor are its packages",
    ),
    Option(
        "repository --lambda-repository NAME",
        text("the name of an ECR repository"),
        "Repository for images; given, it is never deleted, nor are its images",
    ),
    Option(
        "keep --lambda-keep",
        switch,
        "Leave functions, and what they need, for the next run with this option: it changes what "
        "differs and deploys nothing twice; after 7 days `pytest-lambda-ml purge --expired` "
        "deletes them",
        default=False,
    ),
    Option(
        "publisher --lambda-publisher local|fargate",
        one_of(PUBLISHERS),
        "Who publishes: this machine, or a Fargate task next to the topics, of the base that "
        "infra/ describes (default: local)",
        default="local",
    ),
    Option(
        "cluster --lambda-cluster NAME",
        text("the name of an ECS cluster"),
        "ECS cluster of the base, for --lambda-publisher fargate (default: pytest-lambda-ml)",
        default="pytest-lambda-ml",
    ),
    Option(
        "architecture --lambda-architecture x86_64|arm64",
        one_of(ARCHITECTURES),
        "Processor architecture of the functions (default: x86_64)",
    ),
    Option(
        "runtime --lambda-runtime python3.N",
        one_of(RUNTIMES),
        "Lambda runtime of the functions, python3.11 to python3.14 (default: python3.13)",
    ),
    Option(
        "base_image --lambda-base-image IMAGE",
        text("the address of an image, HOST/NAME:TAG or HOST/NAME@sha256:DIGEST"),
        "Image that images are built on, with the Python of the runtime in it (default: AWS's)",
    ),
    Option(
        "image_builder --lambda-image-builder layers|docker|buildah",
        one_of(IMAGE_BUILDERS),
        "What builds images: layers are appended without any tool, or docker or buildah builds "
        "(default: layers)",
        default="layers",
    ),
    Option(
        "snap_start --lambda-snap-start",
        switch,
        "Invoke a published version that starts from a snapshot (SnapStart)",
        default=False,
    ),
    Option(
        "log_format --lambda-log-format text|json",
        one_of(LOG_FORMATS),
        "Format in which Lambda logs (default: text)",
        default="text",
    ),
    Option(
        "memory_mb --lambda-memory MB,…",
        numbers(MEMORY_MB),
        "Memory sizes to measure, in MB",
        "linelist",
    ),
    Option(
        "concurrency --lambda-concurrency N,…",
        numbers(CONCURRENCY),
        "Reserved concurrencies to measure",
        "linelist",
    ),
    Option(
        "batch_size --lambda-batch-size N,…",
        numbers(BATCH_SIZE),
        "Numbers of items in one message to measure",
        "linelist",
    ),
    Option(
        "algorithms --lambda-algorithm NAME,…",
        names,
        "Only these of the algorithms that the tests offer",
        "linelist",
    ),
    Option(
        "engines --lambda-engine NAME,…",
        names,
        "Only these of the engines that the tests offer",
        "linelist",
    ),
    Option(
        "invocations --lambda-invocations N",
        INVOCATIONS.parse,
        "Messages to publish to each function",
        "int",
    ),
    Option(
        "timeout_s --lambda-timeout S",
        TIMEOUT_S.parse,
        "Function timeout in seconds (default: what the handler asks for, else 60)",
        "int",
    ),
    Option(
        "metric --lambda-metric billed|duration|init",
        one_of(METRICS),
        "What pytest-benchmark's statistics are of: billed duration or duration of the warm "
        "invocations, or init duration of the cold ones (default: billed)",
        default="billed",
    ),
    Option(
        "datasets --lambda-dataset KIND=PATH",
        datasets,
        f"CSV file instead of the bundled data; KIND is {' or '.join(DATASET_KINDS)}; repeatable",
        "linelist",
        default=MappingProxyType({}),
        repeatable=True,
    ),
    Option(
        "preset --lambda-preset quick|thesis",
        one_of(PRESET_NAMES),
        "Grids of the named experiments (default: quick)",
        default="quick",
    ),
    Option(
        "full --lambda-full",
        switch,
        "Measure the largest models on this machine, too: they need gigabytes and minutes",
        default=False,
    ),
    Option(
        "dry_run --lambda-dry-run",
        switch,
        "Deploy nothing: say what the selected cells would cost, how long they would take, and "
        "which quotas they would touch",
        default=False,
    ),
    Option(
        "budget_usd --lambda-budget USD",
        usd,
        "Do not start what is expected to cost more, and publish no message that could pass it",
    ),
    Option(
        "baseline --lambda-compare RUN",
        text("a run id or the beginning of one, the path of a run's folder, latest, latest~1, …"),
        "Compare this run with a stored one: a run id, a path, or latest",
    ),
    Option(
        "fail_on --lambda-fail-on METRIC:PERCENT%",
        names,
        "Fail where a metric has grown by more than this since the run given to --lambda-compare; "
        "METRIC is cost, billed, mean, p50, p95, init or memory; repeatable",
        "linelist",
        repeatable=True,
    ),
    Option(
        "summary --lambda-summary wide|short|none",
        one_of(SUMMARIES),
        "The summary in the terminal: all columns whatever the width, a line for each algorithm, "
        "or nothing (default: tables as wide as the terminal)",
    ),
    Option(
        "report --lambda-report FILE.html",
        file,
        "Write a self-contained HTML report of this run to the file",
    ),
    Option(
        "log_grace_s --lambda-log-grace S",
        seconds,
        "Seconds to wait for log lines beyond the deadline (default: 60 on AWS, 2 locally)",
        "float",
    ),
    Option(
        "run_root --lambda-dir DIR",
        path,
        "Folder of the stored runs (default: .lambda-ml in rootdir)",
    ),
    Option(
        "cache_dir --lambda-cache-dir DIR",
        path,
        "Folder of trained models and built packages (default: the user's cache folder)",
    ),
)
