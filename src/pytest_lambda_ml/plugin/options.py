"""The table of `settings` as pytest options and ini keys, resolved once per session."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lambda_ml.errors import ArtifactError, BackendError, PriceError, SettingError
from pytest_lambda_ml.settings import OPTIONS, Settings, resolve

if TYPE_CHECKING:
    from pytest_lambda_ml.settings import Option

__all__ = ["SETTINGS", "check_access", "check_outside", "pytest_addoption", "pytest_configure"]

SETTINGS = pytest.StashKey[Settings]()

ON_AWS_ONLY = ("aws_profile", "role", "bucket", "repository")
"""Options that a session on this machine has no use for."""

MARKER = (
    "lambda_matrix(experiment, algorithm, engine, memory_mb, concurrency, batch_size, "
    "invocations, timeout_s, ephemeral_mb): the cells that a Lambda benchmark measures"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer every row of the table; values are parsed in `pytest_configure`, all in one way."""
    group = parser.getgroup("lambda-ml", "machine-learning inference on AWS Lambda")
    for option in OPTIONS:
        group.addoption(
            option.flag,
            dest=_dest(option),
            default=None,
            help=f"{option.help} [ini: {option.ini}, environment: {option.env}]",
            **_action(option),
        )
        parser.addini(option.ini, option.help, type=option.ini_type, default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Resolve the settings before anything else happens."""
    config.addinivalue_line("markers", MARKER)
    try:
        config.stash[SETTINGS] = resolve(
            command_line={option.name: config.getoption(_dest(option)) for option in OPTIONS},
            environ=os.environ,
            ini={option.ini: _ini(config, option) for option in OPTIONS},
            rootdir=config.rootpath,
        )
    except SettingError as error:
        raise pytest.UsageError(str(error)) from None
    settings = config.stash[SETTINGS]
    if settings.baseline or settings.fail_on:
        from pytest_lambda_ml.plugin import gate

        config.pluginmanager.register(gate, "lambda-ml-gate")


def check_outside(settings: Settings, *, listing: bool = False) -> None:
    """Check what needs a look at files: done once it is known that a test will use them.

    ``listing`` is set where tests are only listed, so that nothing is going to be written.
    Raises UsageError naming the option, the value and what is legal.
    """
    from pytest_lambda_ml.plugin.report import check_report

    check_report(settings)
    if not listing:
        _check_folders(settings)
    _check_used(settings)
    _check_images(settings)
    for kind, path in settings.datasets.items():
        if "://" not in path and not Path(path).expanduser().is_file():
            raise pytest.UsageError(
                f"{settings.place('datasets')}: {kind}={path}: there is no file {path}"
            )
    if settings.aws_region:
        from pytest_lambda_ml.measure.pricing import load_prices

        try:
            for region in settings.aws_regions:
                load_prices().prices(region)
        except PriceError as error:
            raise pytest.UsageError(f"{settings.place('aws_region')}: {error}") from None


def _check_folders(settings: Settings) -> None:
    """What is written at the end of an hour has to have a place at its start."""
    folders = {"cache_dir": settings.cache_dir}
    if not settings.dry_run:
        folders["run_root"] = settings.run_root
    if settings.report is not None:
        folders["report"] = settings.report.resolve().parent
    for name, folder in folders.items():
        there = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110 # False where it may not be looked for
        if not there.is_dir():
            why = f"{there} is a file, so there can be no folder {folder}"
        elif not os.access(there, os.W_OK | os.X_OK):
            why = f"nothing can be written into the folder {there}"
        else:
            continue
        raise pytest.UsageError(f"{settings.place(name)}: {why}; name another, or mend that one")


def _check_used(settings: Settings) -> None:
    """What was asked for in this very command would be passed over without a region or a URL."""
    if settings.aws_regions or settings.aws_endpoint_url:
        return
    for name in ON_AWS_ONLY:
        if settings.given(name):
            raise pytest.UsageError(
                f"{settings.place(name)}: this session runs on this machine, which has no use for "
                "it; add --aws-region to run on AWS, or leave it out"
            )


def _check_images(settings: Settings) -> None:
    """Images are built for AWS only: what builds them is looked for then."""
    if not settings.aws_regions:
        return
    from pytest_lambda_ml.artifact.container_tool import check_tool
    from pytest_lambda_ml.artifact.registry import Reference

    name = "base_image"
    try:
        if settings.base_image is not None:
            Reference.parse(settings.base_image)
        name = "image_builder"
        if settings.image_builder != "layers" and not settings.dry_run:
            check_tool(settings.image_builder)
    except ArtifactError as error:
        raise pytest.UsageError(f"{settings.place(name)}: {error}") from None


def check_access(settings: Settings) -> None:
    """Check that calls will get through to what is named, once it is known that tests will run.

    Raises UsageError, one sentence for all tests, which would all fail of it.
    """
    if settings.dry_run or not (settings.aws_regions or settings.aws_endpoint_url):
        return
    from pytest_lambda_ml.aws.preflight import check_access as check
    from pytest_lambda_ml.plugin.backend import open_clients

    try:
        for clients in open_clients(settings):
            check(clients, settings.aws_profile)
    except BackendError as error:
        raise pytest.UsageError(str(error)) from None


def _action(option: Option) -> dict[str, Any]:
    if option.metavar is None:
        return {"action": "store_const", "const": "yes"}
    return {"action": "append" if option.repeatable else "store", "metavar": option.metavar}


def _dest(option: Option) -> str:
    return f"lambda_ml_{option.name}"


def _ini(config: pytest.Config, option: Option) -> object:
    """The ini value; what pytest cannot read as the key's type is a setting error like others."""
    try:
        return config.getini(option.ini)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise SettingError(f"ini key {option.ini}: {error}; {option.help}") from None
