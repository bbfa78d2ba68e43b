"""Where Lambda benchmarks cannot run, that is said in a sentence, and nothing is started."""

from __future__ import annotations

import pytest

OURS = {
    "test_x.py": """
        def test_ours(lambda_benchmark, memory_mb):
            lambda_benchmark(handler="svm", memory_mb=memory_mb)

        def test_other():
            pass
    """
}


def nothing_was_started(project) -> bool:
    return not (project.root / ".lambda-ml").exists()


def test_xdist_is_refused_for_our_tests_only(example) -> None:
    project = example(OURS)
    got = project.run_pytest("-n", "2", "--lambda-memory", "512")
    assert got.outcomes["passed"] == 1
    assert got.outcomes["error"] == 1
    assert got.has("cannot run under pytest-xdist", "-n 0")
    assert "Traceback" not in got.text
    assert nothing_was_started(project)


def test_without_pytest_benchmark_our_tests_are_skipped(example) -> None:
    project = example(OURS)
    got = project.run_pytest("-p", "no:benchmark", "-rs", "--lambda-memory", "512")
    assert got.outcomes == {"passed": 1, "skipped": 1}
    assert got.has("needs pytest-benchmark, which is switched off (-p no:benchmark)")
    assert nothing_was_started(project)


def test_benchmark_skip_skips_ours_too(example) -> None:
    project = example(OURS)
    got = project.run_pytest("--benchmark-skip", "--lambda-memory", "512")
    assert got.outcomes == {"passed": 1, "skipped": 1}
    assert nothing_was_started(project)


def test_codspeed_is_refused(example) -> None:
    """The option is all that is needed of it: it replaces the fixture that we record with."""
    conftest = """
        def pytest_addoption(parser):
            parser.addoption("--codspeed", action="store_true")
    """
    project = example({**OURS, "conftest.py": conftest})
    got = project.run_pytest("--codspeed")
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has("ERROR: --codspeed replaces")
    assert nothing_was_started(project)
    assert project.run_pytest("--codspeed", "-k", "other").outcomes["passed"] == 1


def test_collecting_starts_nothing(example) -> None:
    project = example(OURS)
    for option in ("--collect-only", "--setup-plan"):
        assert project.run_pytest(option).returncode == 0
    assert nothing_was_started(project)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--lambda-image-builder=buildah", "buildah is not on the PATH; install it"),
        ("--lambda-base-image=python:3.13", "base image 'python:3.13' is not HOST/NAME:TAG"),
    ],
)
def test_images_that_could_not_be_built_are_refused_before_anything(example, option, said) -> None:
    project = example(OURS)
    project.environ["PATH"] = str(project.root)
    got = project.run_pytest(option, "--aws-region", "eu-west-1", "--lambda-memory", "512")
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has(option.partition("=")[0], said)
    assert nothing_was_started(project)


@pytest.mark.parametrize("option", ["--lambda-dir", "--lambda-cache-dir", "--lambda-report"])
def test_what_cannot_be_written_is_said_before_anything_is_measured(example, option) -> None:
    project = example(OURS | {"file": ""})
    got = project.run_pytest("--lambda-memory", "512", f"{option}=file/below/it")
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has(option, "is a file, so there can be no folder")
    assert "Traceback" not in got.text
    listed = project.run_pytest("--collect-only", "-q", f"{option}=file/below/it")
    assert (listed.returncode, bool(listed.ids)) == (0, True), "a list needs no place"


@pytest.mark.parametrize(
    "option", ["--aws-profile=me", "--lambda-role=arn:aws:iam::1:role/r", "--lambda-bucket=b"]
)
def test_what_only_aws_has_is_refused_here(example, option) -> None:
    got = example(OURS).run_pytest("--lambda-memory", "512", option)
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has(option.partition("=")[0], "add --aws-region to run on AWS")


def test_an_option_that_a_test_overrules_is_named(example) -> None:
    """And names are printed as they are, whatever they would mean to what prints them."""
    project = example(
        {
            "[red]x/handler.py": "def initialize(): pass\ndef process(batch): return batch\n",
            "[red]x/requirements.txt": "",
            "test_fixed.py": """
                def test_fixed(lambda_benchmark):
                    lambda_benchmark(handler="[red]x", memory_mb=512, invocations=5)
            """,
        }
    )
    got = project.run_pytest("--lambda-memory", "1024")
    assert got.outcomes == {"passed": 1}, got.text
    assert got.has("--lambda-memory 1024 has no say in test_fixed.py::test_fixed: memory_mb is 512")
    assert got.has("[red]x,")
