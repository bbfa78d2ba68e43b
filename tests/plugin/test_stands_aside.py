"""A project that has the plugin installed and does not use it must not notice."""

from __future__ import annotations

import json

OTHER = """
    def test_other(benchmark):
        benchmark(sum, [1, 2])

    def test_plain():
        pass
"""

HEAVY = ("boto3", "botocore", "moto", "pandas", "sklearn", "numpy", "pyarrow", "rich", "click")

IMPORTS = f"""
    import sys

    def test_imports():
        loaded = sorted(set(sys.modules) & set({HEAVY!r}))
        assert not loaded, loaded
        ours = sorted(name for name in sys.modules if name.startswith("pytest_lambda_ml."))
        rooms = {{name.split(".")[1] for name in ours}}
        assert rooms <= {{"plugin", "settings", "errors", "model"}}, ours
"""


def test_nothing_heavy_is_imported(example) -> None:
    """Modules are counted, not time: a count does not depend on the machine."""
    got = example({"test_x.py": IMPORTS}).run_pytest(
        "-p", "no:benchmark", "-p", "no:hypothesispytest"
    )
    assert got.outcomes == {"passed": 1}


def test_its_output_and_saved_runs_are_as_without_us(example) -> None:
    project = example({"test_x.py": OTHER})
    got = project.run_pytest("--benchmark-save=x", "--benchmark-compare")
    assert got.outcomes["passed"] == 2
    assert "AWS Lambda" not in got.text
    assert "lambda-ml:" not in got.text
    assert got.has("OPS")  # pytest-benchmark's own columns
    [run] = project.saved()
    assert "cpu" in run["machine_info"]
    assert "lambda_backend" not in run["machine_info"]
    assert not (project.root / ".lambda-ml").exists()


def test_it_may_use_xdist(example) -> None:
    got = example({"test_x.py": OTHER}).run_pytest("-n", "2", "-o", "addopts=")
    assert got.outcomes["passed"] == 2


def test_it_may_switch_pytest_benchmark_off(example) -> None:
    got = example({"test_x.py": "def test_plain(): pass"}).run_pytest("-p", "no:benchmark")
    assert got.outcomes == {"passed": 1}


def test_an_interrupt_does_not_keep_its_runs_from_being_saved(example) -> None:
    source = OTHER + "\n    def test_z():\n        raise KeyboardInterrupt\n"
    project = example({"test_x.py": source})
    project.run_pytest("--benchmark-save=x", "--benchmark-json=x.json")
    assert len(project.saved()) == 1
    assert "partial" not in json.loads((project.root / "x.json").read_text())


def test_the_one_line_in_conftest_leaves_its_comparison_as_it_was(example) -> None:
    project = example({"test_x.py": OTHER})
    project.run_pytest("--benchmark-save=x")
    without = project.run("pytest-benchmark", "compare", "--sort=name")
    (project.root / "conftest.py").write_text(
        "from pytest_lambda_ml.plugin.compare import pytest_benchmark_group_stats\n"
    )
    assert project.run("pytest-benchmark", "compare", "--sort=name").text == without.text
    assert project.run_pytest("--benchmark-compare").outcomes["passed"] == 2
