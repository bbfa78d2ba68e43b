"""Settings: one table, four sources, and errors that say what is legal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.errors import SettingError
from pytest_lambda_ml.settings import OPTIONS, Settings, Source, resolve

ROOT = Path("/project")


def settings(
    command_line: dict[str, str | list[str]] | None = None,
    environ: dict[str, str] | None = None,
    ini: dict[str, object] | None = None,
) -> Settings:
    return resolve(
        command_line=command_line or {}, environ=environ or {}, ini=ini or {}, rootdir=ROOT
    )


def test_defaults_cost_nothing_and_lie_in_the_project() -> None:
    got = settings()
    assert got.aws_region is None
    assert got.preset == "quick"
    assert got.metric == "billed"
    assert got.memory_mb is None
    assert got.run_root == ROOT / ".lambda-ml"
    assert got.cache_dir.is_absolute()
    assert {got.source(option.name) for option in OPTIONS} == {Source.DEFAULT}


def test_aws_region_of_the_shell_is_not_read() -> None:
    """Only the option, its ini key and its own variable may make a run cost money."""
    got = settings(environ={"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"})
    assert got.aws_region is None
    got = settings(environ={"PYTEST_LAMBDA_ML_AWS_REGION": "eu-west-1"})
    assert got.aws_region == "eu-west-1"


@pytest.mark.parametrize(
    ("command_line", "environ", "ini", "memory_mb", "source"),
    [
        ("512", "1024", ["2048"], (512,), Source.COMMAND_LINE),
        (None, "1024", ["2048"], (1024,), Source.ENVIRONMENT),
        (None, None, ["2048"], (2048,), Source.INI),
        (None, None, None, None, Source.DEFAULT),
    ],
)
def test_stronger_sources_win(command_line, environ, ini, memory_mb, source) -> None:
    got = settings(
        {"memory_mb": command_line} if command_line else {},
        {"PYTEST_LAMBDA_ML_MEMORY": environ} if environ else {},
        {"lambda_memory": ini} if ini else {},
    )
    assert got.memory_mb == memory_mb
    assert got.source("memory_mb") is source
    assert got.given("memory_mb") is (source is Source.COMMAND_LINE)


def test_every_option_has_a_flag_an_ini_key_and_a_variable_of_its_own() -> None:
    assert len({option.flag for option in OPTIONS}) == len(OPTIONS)
    assert len({option.ini for option in OPTIONS}) == len(OPTIONS)
    assert len({option.env for option in OPTIONS}) == len(OPTIONS)
    names = {option.name: (option.flag, option.ini, option.env) for option in OPTIONS}
    assert names["batch_size"] == (
        "--lambda-batch-size",
        "lambda_batch_size",
        "PYTEST_LAMBDA_ML_BATCH_SIZE",
    )
    assert names["aws_region"] == ("--aws-region", "aws_region", "PYTEST_LAMBDA_ML_AWS_REGION")


@pytest.mark.parametrize(
    ("name", "value", "legal"),
    [
        ("memory_mb", "", "128 to 10240"),
        ("memory_mb", "127", "128 to 10240"),
        ("memory_mb", "512,10241", "128 to 10240"),
        ("memory_mb", "512,", "128 to 10240"),
        ("memory_mb", "big", "a whole number of MB"),
        ("concurrency", "0", "1 or more"),
        ("batch_size", "-1", "1 or more"),
        ("invocations", "0", "1 or more"),
        ("invocations", "1.5", "a whole number"),
        ("timeout_s", "0", "1 to 900"),
        ("timeout_s", "901", "1 to 900"),
        ("metric", "cpu", "billed, duration, init"),
        ("preset", "slow", "quick, thesis"),
        ("datasets", "pictures=x.csv", "emotion, questions"),
        ("datasets", "emotion=", "KIND=PATH"),
        ("datasets", "emotion", "KIND=PATH"),
        ("log_grace_s", "-1", "0 or more"),
        ("log_grace_s", "nan", "0 or more"),
        ("log_grace_s", "inf", "0 or more"),
        ("aws_region", " ", "eu-west-1"),
        ("aws_endpoint_url", "localhost:5000", "http://"),
        ("algorithms", "svm,,pca", "names"),
        ("run_root", "", "folder"),
        ("runtime", "python3.10", "python3.11, python3.12, python3.13, python3.14"),
        ("image_builder", "podman", "layers, docker, buildah"),
        ("base_image", " ", "HOST/NAME:TAG"),
    ],
)
def test_what_is_not_legal_is_named_with_its_source_value_and_what_is(name, value, legal) -> None:
    option = next(option for option in OPTIONS if option.name == name)
    sources = {
        option.flag: settings_of(command_line={name: value}),
        option.env: settings_of(environ={option.env: value}),
        f"ini key {option.ini}": settings_of(ini={option.ini: value}),
    }
    for place, make in sources.items():
        with pytest.raises(SettingError) as error:
            make()
        assert place in str(error.value)
        assert repr(value) in str(error.value)
        assert legal in str(error.value)


def settings_of(**sources):
    return lambda: settings(**sources)


def test_lists_lose_their_duplicates_and_keep_their_order() -> None:
    got = settings({"memory_mb": "2048, 512,2048", "algorithms": "svm,pca,svm"})
    assert got.memory_mb == (2048, 512)
    assert got.algorithms == ("svm", "pca")


@given(st.lists(st.integers(1, 5000), min_size=1))
def test_a_list_comes_back_as_its_distinct_numbers(numbers: list[int]) -> None:
    got = settings({"concurrency": ",".join(map(str, numbers))})
    assert got.concurrency == tuple(dict.fromkeys(numbers))


def test_an_ini_list_may_stand_on_several_lines() -> None:
    assert settings(ini={"lambda_memory": ["512, 1024", "2048"]}).memory_mb == (512, 1024, 2048)


def test_data_sets_and_folders_of_the_ini_file_are_relative_to_rootdir(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ini = settings(ini={"lambda_dataset": ["emotion=data/e.csv"], "lambda_dir": "runs"})
    assert ini.datasets == {"emotion": str(ROOT / "data/e.csv")}
    assert ini.run_root == ROOT / "runs"
    given_here = settings({"datasets": ["emotion=e.csv", "questions=q.csv"], "run_root": "runs"})
    assert given_here.datasets == {"emotion": "e.csv", "questions": "q.csv"}
    assert given_here.run_root == tmp_path / "runs"


def test_a_url_of_the_ini_file_stays_a_url() -> None:
    url = "https://example.org/e.csv"
    assert settings(ini={"lambda_dataset": [f"emotion={url}"]}).datasets == {"emotion": url}
