"""Every option in one table: flag, ini key, environment variable, parser, default, help.

The table resolves to a frozen `Settings` that knows where each value came from. A value comes from
the command line, else the environment, else the ini file, else the default. Only variables named
``PYTEST_LAMBDA_ML_…`` are read: ``AWS_REGION`` in a shell must not make a test run cost money.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pytest_lambda_ml.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lambda_ml.model import Architecture

__all__ = [
    "ARCHITECTURES",
    "DATASET_KINDS",
    "LOG_FORMATS",
    "METRICS",
    "OPTIONS",
    "PRESET_NAMES",
    "PUBLISHERS",
    "Limits",
    "Option",
    "Settings",
    "Source",
    "resolve",
]

DATASET_KINDS = ("emotion", "questions")
METRICS = ("billed", "duration", "init")
SUMMARIES = ("wide", "short", "none")
PRESET_NAMES = ("quick", "thesis")
PUBLISHERS = ("local", "fargate")
ARCHITECTURES = ("x86_64", "arm64")
LOG_FORMATS = ("text", "json")

Metric = Literal["billed", "duration", "init"]
PresetName = Literal["quick", "thesis"]
LogFormat = Literal["text", "json"]
Publisher = Literal["local", "fargate"]


class Source(StrEnum):
    """Where a value came from, strongest first."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment variable"
    INI = "ini file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Limits:
    """The whole numbers that are legal for one quantity, both ends included."""

    low: int
    high: int | None
    unit: str

    def __str__(self) -> str:
        unit = f" of {self.unit}" if self.unit else ""
        upto = "or more" if self.high is None else f"to {self.high}"
        return f"a whole number{unit}, {self.low} {upto}"

    def allow(self, value: int) -> bool:
        """Whether ``value`` lies within."""
        return self.low <= value and (self.high is None or value <= self.high)

    def parse(self, text: str) -> int:
        """The number in ``text``; ValueError says what is legal."""
        try:
            value = int(text.strip())
        except ValueError:
            raise ValueError(str(self)) from None
        if not self.allow(value):
            raise ValueError(str(self))
        return value


MEMORY_MB = Limits(128, 10240, "MB")
CONCURRENCY = Limits(1, None, "")
BATCH_SIZE = Limits(1, None, "")
INVOCATIONS = Limits(1, None, "")
TIMEOUT_S = Limits(1, 900, "seconds")
EPHEMERAL_MB = Limits(512, 10240, "MB")


def _split(text: str, legal: str) -> tuple[str, ...]:
    """The parts of a comma-separated list, duplicates removed, order kept."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ValueError(legal)
    return tuple(dict.fromkeys(parts))


def _numbers(limits: Limits) -> Callable[[str], tuple[int, ...]]:
    legal = f"{limits}; several are separated by commas"

    def parse(text: str) -> tuple[int, ...]:
        try:
            return tuple(dict.fromkeys(limits.parse(part) for part in _split(text, legal)))
        except ValueError:
            raise ValueError(legal) from None

    return parse


def _names(text: str) -> tuple[str, ...]:
    return _split(text, "one or more names, separated by commas")


def _regions(text: str) -> str:
    return ",".join(_split(text, "the name of an AWS region, such as eu-west-1, or several"))


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip() not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text.strip()

    return parse


_SWITCH = {"yes": True, "true": True, "on": True, "1": True}
_SWITCH |= {"no": False, "false": False, "off": False, "0": False}


def _switch(text: str) -> bool:
    """A yes or a no, as environments and ini files spell it."""
    try:
        return _SWITCH[text.strip().lower()]
    except KeyError:
        raise ValueError("yes or no") from None


def _text(what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not text.strip():
            raise ValueError(what)
        return text.strip()

    return parse


def _url(text: str) -> str:
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("a URL such as http://127.0.0.1:5000")
    return text.strip()


def _usd(text: str) -> Decimal:
    legal = "an amount in US dollars above 0, such as 2.50"
    try:
        value = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise ValueError(legal) from None
    if not value.is_finite() or value <= 0:
        raise ValueError(legal)
    return value


def _seconds(text: str) -> float:
    legal = "a number of seconds, 0 or more"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(legal) from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(legal)
    return value


def _path(text: str) -> Path:
    if not text.strip():
        raise ValueError("the path of a folder")
    return Path(text.strip()).expanduser()


def _file(text: str) -> Path:
    if not text.strip() or Path(text.strip()).is_dir():
        raise ValueError("the path of a file")
    return Path(text.strip()).expanduser()


def _datasets(text: str) -> Mapping[str, str]:
    legal = "KIND=PATH, where KIND is one of " + ", ".join(DATASET_KINDS)
    entries: dict[str, str] = {}
    for entry in _split(text, legal):
        kind, _, path = (part.strip() for part in entry.partition("="))
        if kind not in DATASET_KINDS or not path:
            raise ValueError(legal)
        entries[kind] = path
    return MappingProxyType(entries)


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
        _regions,
        "Run on AWS in this region, or the grid in each of several; without it all runs on the "
        "local endpoint and costs nothing",
    ),
    Option(
        "aws_profile --aws-profile NAME",
        _text("the name of a profile in your AWS configuration"),
        "AWS profile with the credentials",
    ),
    Option(
        "aws_endpoint_url --aws-endpoint-url URL",
        _url,
        "Talk to this endpoint, such as one started by `pytest-lambda-ml local`",
    ),
    Option(
        "role --lambda-role NAME|ARN",
        _text("the name or the ARN of an IAM role"),
        "Execution role of the functions; given, it is used as it is and never deleted",
    ),
    Option(
        "bucket --lambda-bucket NAME",
        _text("the name of an S3 bucket"),
        "Bucket for packages and large messages; given, it is never deleted, nor are its packages",
    ),
    Option(
        "repository --lambda-repository NAME",
        _text("the name of an ECR repository"),
        "Repository for images; given, it is never deleted, nor are its images",
    ),
    Option(
        "keep --lambda-keep",
        _switch,
        "Leave functions, and what they need, for the next run with this option: it changes what "
        "differs and deploys nothing twice; after 7 days `pytest-lambda-ml purge --expired` "
        "deletes them",
        default=False,
    ),
    Option(
        "publisher --lambda-publisher local|fargate",
        _one_of(PUBLISHERS),
        "Who publishes: this machine, or a Fargate task next to the topics, of the base that "
        "infra/ describes (default: local)",
        default="local",
    ),
    Option(
        "cluster --lambda-cluster NAME",
        _text("the name of an ECS cluster"),
        "ECS cluster of the base, for --lambda-publisher fargate (default: pytest-lambda-ml)",
        default="pytest-lambda-ml",
    ),
    Option(
        "architecture --lambda-architecture x86_64|arm64",
        _one_of(ARCHITECTURES),
        "Processor architecture of the functions (default: x86_64)",
    ),
    Option(
        "snap_start --lambda-snap-start",
        _switch,
        "Invoke a published version that starts from a snapshot (SnapStart)",
        default=False,
    ),
    Option(
        "log_format --lambda-log-format text|json",
        _one_of(LOG_FORMATS),
        "Format in which Lambda logs (default: text)",
        default="text",
    ),
    Option(
        "memory_mb --lambda-memory MB,…",
        _numbers(MEMORY_MB),
        "Memory sizes to measure, in MB",
        "linelist",
    ),
    Option(
        "concurrency --lambda-concurrency N,…",
        _numbers(CONCURRENCY),
        "Reserved concurrencies to measure",
        "linelist",
    ),
    Option(
        "batch_size --lambda-batch-size N,…",
        _numbers(BATCH_SIZE),
        "Numbers of items in one message to measure",
        "linelist",
    ),
    Option(
        "algorithms --lambda-algorithm NAME,…",
        _names,
        "Only these of the algorithms that the tests offer",
        "linelist",
    ),
    Option(
        "engines --lambda-engine NAME,…",
        _names,
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
        _one_of(METRICS),
        "What pytest-benchmark's statistics are of: billed duration or duration of the warm "
        "invocations, or init duration of the cold ones (default: billed)",
        default="billed",
    ),
    Option(
        "datasets --lambda-dataset KIND=PATH",
        _datasets,
        f"CSV file instead of the bundled data; KIND is {' or '.join(DATASET_KINDS)}; repeatable",
        "linelist",
        default=MappingProxyType({}),
        repeatable=True,
    ),
    Option(
        "preset --lambda-preset quick|thesis",
        _one_of(PRESET_NAMES),
        "Grids of the named experiments (default: quick)",
        default="quick",
    ),
    Option(
        "full --lambda-full",
        _switch,
        "Measure the largest models on this machine, too: they need gigabytes and minutes",
        default=False,
    ),
    Option(
        "dry_run --lambda-dry-run",
        _switch,
        "Deploy nothing: say what the selected cells would cost, how long they would take, and "
        "which quotas they would touch",
        default=False,
    ),
    Option(
        "budget_usd --lambda-budget USD",
        _usd,
        "Do not start what is expected to cost more, and publish no message that could pass it",
    ),
    Option(
        "baseline --lambda-compare RUN",
        _text("a run id or the beginning of one, the path of a run's folder, latest, latest~1, …"),
        "Compare this run with a stored one: a run id, a path, or latest",
    ),
    Option(
        "fail_on --lambda-fail-on METRIC:PERCENT%",
        _names,
        "Fail where a metric has grown by more than this since the run given to --lambda-compare; "
        "METRIC is cost, billed, mean, p50, p95, init or memory; repeatable",
        "linelist",
        repeatable=True,
    ),
    Option(
        "summary --lambda-summary wide|short|none",
        _one_of(SUMMARIES),
        "The summary in the terminal: all columns whatever the width, a line for each algorithm, "
        "or nothing (default: tables as wide as the terminal)",
    ),
    Option(
        "report --lambda-report FILE.html",
        _file,
        "Write a self-contained HTML report of this run to the file",
    ),
    Option(
        "log_grace_s --lambda-log-grace S",
        _seconds,
        "Seconds to wait for log lines beyond the deadline (default: 60 on AWS, 2 locally)",
        "float",
    ),
    Option(
        "run_root --lambda-dir DIR",
        _path,
        "Folder of the stored runs (default: .lambda-ml in rootdir)",
    ),
    Option(
        "cache_dir --lambda-cache-dir DIR",
        _path,
        "Folder of trained models and built packages (default: the user's cache folder)",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the options came to. ``None`` means: not set, so what stands below decides.

    ``aws_region`` is as given: several regions are separated by commas.
    """

    aws_region: str | None = None
    aws_profile: str | None = None
    aws_endpoint_url: str | None = None
    role: str | None = None
    bucket: str | None = None
    repository: str | None = None
    keep: bool = False
    publisher: Publisher = "local"
    cluster: str = "pytest-lambda-ml"
    architecture: Architecture | None = None
    snap_start: bool = False
    log_format: LogFormat = "text"
    memory_mb: tuple[int, ...] | None = None
    concurrency: tuple[int, ...] | None = None
    batch_size: tuple[int, ...] | None = None
    algorithms: tuple[str, ...] | None = None
    engines: tuple[str, ...] | None = None
    invocations: int | None = None
    timeout_s: int | None = None
    metric: Metric = "billed"
    datasets: Mapping[str, str] = field(default_factory=dict)
    preset: PresetName = "quick"
    full: bool = False
    dry_run: bool = False
    budget_usd: Decimal | None = None
    baseline: str | None = None
    fail_on: tuple[str, ...] | None = None
    summary: Literal["wide", "short", "none"] | None = None
    report: Path | None = None
    log_grace_s: float | None = None
    run_root: Path
    cache_dir: Path
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def aws_regions(self) -> tuple[str, ...]:
        """The regions to run in; none is the local endpoint, or the one given by URL."""
        return tuple(self.aws_region.split(",")) if self.aws_region else ()

    def source(self, name: str) -> Source:
        """Where the value of the field ``name`` came from."""
        return self.sources.get(name, Source.DEFAULT)

    def place(self, name: str) -> str:
        """The option, variable or ini key that set the field ``name``, for messages."""
        option = next(option for option in OPTIONS if option.name == name)
        return option.place(self.source(name))

    def given(self, name: str) -> bool:
        """Whether the field ``name`` was set on the command line."""
        return self.source(name) is Source.COMMAND_LINE


def resolve(
    *,
    command_line: Mapping[str, str | list[str] | None],
    environ: Mapping[str, str],
    ini: Mapping[str, object],
    rootdir: Path,
) -> Settings:
    """Resolve the table; keys of ``command_line`` are field names, of ``ini`` ini keys.

    Relative folders are relative to ``rootdir`` when they come from the ini file, else to the
    current directory. Raises SettingError naming the source, the value and what is legal.
    """
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for option in OPTIONS:
        source, raw = _raw(option, command_line, environ, ini)
        sources[option.name] = source
        values[option.name] = (
            option.default if source is Source.DEFAULT else _parse(option, source, raw)
        )
    for name in ("run_root", "cache_dir", "report"):
        if values[name] is not None:
            base = rootdir if sources[name] is Source.INI else Path.cwd()
            values[name] = base / values[name]
    values["run_root"] = values["run_root"] or rootdir / ".lambda-ml"
    values["cache_dir"] = values["cache_dir"] or _user_cache()
    if values["datasets"] and sources["datasets"] is Source.INI:
        values["datasets"] = _beside(rootdir, values["datasets"])
    return Settings(**values, sources=MappingProxyType(sources))


def _raw(
    option: Option,
    command_line: Mapping[str, str | list[str] | None],
    environ: Mapping[str, str],
    ini: Mapping[str, object],
) -> tuple[Source, object]:
    if (given := command_line.get(option.name)) is not None:
        return Source.COMMAND_LINE, given
    if option.env in environ:
        return Source.ENVIRONMENT, environ[option.env]
    if (written := ini.get(option.ini)) is not None:
        return Source.INI, written
    return Source.DEFAULT, None


def _parse(option: Option, source: Source, raw: object) -> Any:
    text = ",".join(map(str, raw)) if isinstance(raw, list | tuple) else str(raw)
    try:
        return option.parse(text)
    except ValueError as legal:
        place = option.place(source)
        raise SettingError(f"{place}: {text!r} is not legal; legal is {legal}") from None


def _beside(rootdir: Path, datasets: Mapping[str, str]) -> Mapping[str, str]:
    """Paths of an ini file are relative to it; URLs stay as they are."""
    return MappingProxyType(
        {k: v if "://" in v else str(rootdir / Path(v).expanduser()) for k, v in datasets.items()}
    )


def _user_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("pytest-lambda-ml", appauthor=False)
