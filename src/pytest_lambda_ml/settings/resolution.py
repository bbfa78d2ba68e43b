"""What the options came to, and where each value came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pytest_lambda_ml.errors import SettingError
from pytest_lambda_ml.settings.options import OPTIONS, Option, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from pytest_lambda_ml.model import Architecture

__all__ = ["Settings", "resolve"]

Metric = Literal["billed", "duration", "init"]
PresetName = Literal["quick", "thesis"]
LogFormat = Literal["text", "json"]
Publisher = Literal["local", "fargate"]
ImageBuilder = Literal["layers", "docker", "buildah"]


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
    runtime: str | None = None
    base_image: str | None = None
    image_builder: ImageBuilder = "layers"
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
