"""The whole path on the real local endpoint: a handler of the project's own, start to finish."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from pytest_lambda_ml.local import start_endpoint

EMOTIONS = "Emotion,Text\n" + "".join(f"joy,message number {n}\n" for n in range(25))

ECHO = {
    "emotions.csv": EMOTIONS,
    "pytest.ini": "[pytest]\nlambda_dataset = emotion=emotions.csv\nlambda_timeout = 20\n",
    "conftest.py": "from pytest_lambda_ml.plugin.compare import pytest_benchmark_group_stats\n",
    "benchmarks/echo/handler.py": """
        def initialize():
            pass

        def process(batch):
            return [text.upper() for text in batch]
    """,
    "benchmarks/echo/requirements.txt": "",
    "benchmarks/test_echo.py": """
        import pytest

        @pytest.mark.lambda_matrix(
            algorithm=["echo"], memory_mb=[512, 1024], concurrency=[2], batch_size=[10],
            invocations=6,
        )
        def test_echo(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
            result = lambda_benchmark(
                handler=algorithm, engine=engine, memory_mb=memory_mb, concurrency=concurrency,
                batch_size=batch_size,
            )
            assert result.outcomes.succeeded == 6
    """,
}
"""The handler lies beside the test file, and needs nothing but the standard library."""

KEYS = {
    *("backend", "region", "architecture", "algorithm", "engine", "memory_mb", "concurrency"),
    *("batch_size", "published", "succeeded", "failed", "timed_out", "out_of_memory", "throttled"),
    *("missing", "cold_starts", "environments", "duration_ms_p50", "duration_ms_p95"),
    *("duration_ms_mean", "billed_ms_mean", "billed_ms_total", "init_ms_p50"),
    *("initialization_ms_p50", "processing_ms_p50", "max_memory_mb", "gb_seconds_per_1k_items"),
    *("cost_usd_per_million", "cost_usd_per_1k_items", "cost_usd_total", "makespan_s", "vcpu"),
    *("cpu_enforced", "memory_enforced", "cpu_model", "price_date", "dependencies", "dataset"),
    "weights",
}
TEXTS = {
    *("backend", "region", "architecture", "algorithm", "engine", "cpu_enforced"),
    *("memory_enforced", "cpu_model", "price_date", "dependencies", "dataset", "weights"),
}


@pytest.fixture(scope="module")
def measured(module_example):
    """The project after two saved runs, with what the runs printed."""
    project = module_example(ECHO)
    arguments = ["-W", "error", "--benchmark-save-data", "benchmarks"]
    first = project.run_pytest("--benchmark-save=first", *arguments)
    second = project.run_pytest("--benchmark-save=second", "--benchmark-compare", *arguments)
    assert first.outcomes == {"passed": 2}, first.text
    assert second.outcomes == {"passed": 2}, second.text
    return project, first, second


def test_the_saved_names_are_the_compare_keys(measured) -> None:
    project, _, _ = measured
    for run in project.saved():
        assert [bench["fullname"] for bench in run["benchmarks"]] == [
            "benchmarks/test_echo.py::test_echo[echo-reference-512-2-10]",
            "benchmarks/test_echo.py::test_echo[echo-reference-1024-2-10]",
        ]


def test_extra_info_is_complete_and_its_quantities_are_numbers(measured) -> None:
    project, _, _ = measured
    for bench in project.saved()[0]["benchmarks"]:
        extra = bench["extra_info"]
        assert extra.keys() >= KEYS
        for key in KEYS - TEXTS:
            assert isinstance(extra[key], int | float), key
        assert extra["published"] == extra["succeeded"] == 6
        assert extra["backend"] == "local"
        assert extra["dependencies"] == "host"
        assert extra["dataset"].startswith("file emotions.csv sha256:")


def test_the_statistics_are_those_of_the_warm_invocations_billed(measured) -> None:
    """Held against the run's own journal, in which every invocation stands by itself."""
    project, _, _ = measured
    [bench, _] = project.saved()[-1]["benchmarks"]
    lines = [json.loads(line) for line in project.journal().splitlines()]
    billed_s = sorted(
        line["invocation"]["report"]["billed_duration_ms"] / 1000
        for line in lines
        if "invocation" in line
        and line["cell_id"] == "echo-reference-512-2-10"
        and line["invocation"]["start"] == "warm"
    )
    assert sorted(bench["stats"]["data"]) == billed_s
    assert bench["stats"]["mean"] == pytest.approx(statistics.mean(billed_s))


def test_a_run_file_is_stored_and_not_partial(measured) -> None:
    project, first, _ = measured
    runs = project.runs()
    assert [len(run["cells"]) for run in runs] == [2, 2]
    assert not any(run["partial"] for run in runs)
    assert first.has("Run stored in", str(project.root / ".lambda-ml" / "runs"))


def test_the_summary_and_the_mean_lead(measured) -> None:
    _, first, _ = measured
    assert first.has("echo, engine reference, concurrency 2, batch 10", "would have cost $")
    header = next(line for line in first.text.splitlines() if line.startswith("Name (time in"))
    assert header.split("s)")[1].split()[:2] == ["Mean", "Median"]


def test_comparing_shows_cost_in_each_row_and_pairs_the_runs(measured) -> None:
    project, _, second = measured
    for option in ("--group-by=name", "--group-by=fullname"):
        got = project.run("pytest-benchmark", "compare", option, "--columns=mean")
        assert got.returncode == 0
        rows = [line for line in got.text.splitlines() if line.startswith("test_echo[")]
        assert len(rows) == 4
        assert all("/M" in row and "$" in row for row in rows)
        assert got.text.count(": 2 tests") == 2
    rows = [line for line in second.text.splitlines() if line.startswith("test_echo[")]
    assert len(rows) == 4
    assert all("$" in row for row in rows)


def test_equal_machines_compare_without_a_warning(measured) -> None:
    """Under -W error the second run would not have passed; and it names where functions ran."""
    project, _, second = measured
    assert "machine_info" not in second.text
    first_run, second_run = project.saved()
    assert first_run["machine_info"] == second_run["machine_info"]
    assert first_run["machine_info"]["lambda_backend"] == "local"


def test_nothing_is_left_behind(measured) -> None:
    assert not endpoints_of(measured[0].root)


def endpoints_of(root: Path) -> list[str]:
    """Processes that still work in or for the project's folder, endpoints and functions."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == root:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it ended in the meantime, or is somebody else's
            continue
    return found


ENDINGS = {
    "emotions.csv": EMOTIONS,
    "pytest.ini": "[pytest]\nlambda_dataset = emotion=emotions.csv\nlambda_timeout = 20\n",
    "raises/handler.py": """
        def initialize():
            pass

        def process(batch):
            raise ValueError("no good")
    """,
    "raises/requirements.txt": "",
    "needs/handler.py": "def initialize(): pass\ndef process(batch): return batch\n",
    "needs/requirements.txt": "a-distribution-nobody-has>=9\n",
    "echo/handler.py": "def initialize(): pass\ndef process(batch): return batch\n",
    "echo/requirements.txt": "",
    "test_x.py": """
        CELL = {"memory_mb": 512, "concurrency": 2, "batch_size": 5, "invocations": 4}

        def test_raises(lambda_benchmark):
            lambda_benchmark("raises", **CELL)

        def test_raises_and_may(lambda_benchmark):
            result = lambda_benchmark("raises", allow=["failed"], **CELL)
            assert result.outcomes.failed == 4
            assert result.figures.cost_usd_per_million is None

        def test_needs_what_is_not_there(lambda_benchmark):
            lambda_benchmark("needs", **CELL)

        def test_no_warm(lambda_benchmark):
            result = lambda_benchmark("echo", **{**CELL, "concurrency": 4})
            assert result.outcomes.succeeded == 4
            assert result.figures.warm_count == 0

        def test_wrong_allow(lambda_benchmark):
            lambda_benchmark("echo", allow=["oom"], **CELL)

        def test_wrong_number(lambda_benchmark):
            lambda_benchmark("echo", **{**CELL, "memory_mb": 64})

        def test_no_such_handler(lambda_benchmark):
            lambda_benchmark("nowhere", **CELL)

        def test_no_such_data(lambda_benchmark):
            lambda_benchmark("echo", dataset="pictures", **CELL)

        def test_twice(lambda_benchmark):
            lambda_benchmark("echo", **CELL)
            lambda_benchmark("echo", **CELL)

        def test_after_all_that(lambda_benchmark, deploy_function, lambda_backend):
            from pytest_lambda_ml.model import Configuration

            function = deploy_function(
                "echo",
                Configuration(algorithm="echo", memory_mb=512, concurrency=2, batch_size=5),
                messages=4,
            )
            data = lambda_backend.dataset("emotion")
            result = lambda_backend.campaign.measure(function, data, invocations=4)
            assert result.outcomes.succeeded == 4
            lambda_benchmark("echo", **CELL)
    """,
}


@pytest.fixture(scope="module")
def endings(module_example):
    """One session in which much goes wrong, and the campaign goes on."""
    project = module_example(ENDINGS)
    return project, project.run_pytest("-rA", "-W", "error", "--benchmark-save=x")


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("test_raises", "FAILED"),
        ("test_raises_and_may", "PASSED"),
        ("test_needs_what_is_not_there", "SKIPPED"),
        ("test_no_warm", "PASSED"),
        ("test_wrong_allow", "FAILED"),
        ("test_wrong_number", "FAILED"),
        ("test_no_such_handler", "FAILED"),
        ("test_no_such_data", "FAILED"),
        ("test_twice", "FAILED"),
        ("test_after_all_that", "PASSED"),
    ],
)
def test_each_ends_as_it_should(endings, test, outcome) -> None:
    _, got = endings
    if outcome == "SKIPPED":
        assert got.outcomes["skipped"] == 1
        assert got.has("needs a-distribution-nobody-has>=9", "pip install -r")
    else:
        assert got.has(f"{outcome} test_x.py::{test}"), got.text
    for noise in ("Traceback", "INTERNALERROR", "During handling of the above"):
        assert noise not in got.text


@pytest.mark.parametrize(
    "said",
    [
        "4 failed: sample",
        "no good",
        "'oom' is no outcome that could be allowed; legal are failed",
        "lambda_benchmark(memory_mb=64) is not legal; legal is a whole number of MB, 128 to 10240",
        "no folder with a handler.py for handler 'nowhere'",
        "unknown kind of data set 'pictures'",
        "measures one cell per test; parametrize",
        "has no success: 4 of 4 failed (no good)",
        "reference-512-4-5 has no warm invocation",
        "raise --lambda-invocations above the concurrency",
    ],
)
def test_each_says_what_is_wrong(endings, said) -> None:
    _, got = endings
    assert got.has(said), got.text


def test_only_what_was_measured_and_passed_is_recorded(endings) -> None:
    project, _ = endings
    [run] = project.saved()
    names = [bench["name"] for bench in run["benchmarks"]]
    assert names == ["test_twice", "test_after_all_that"]
    cells = [cell["configuration"]["algorithm"] for cell in project.runs()[0]["cells"]]
    assert cells == ["raises", "raises", "echo", "echo", "echo", "echo"]


def test_benchmark_disable_invokes_once_and_records_nothing(example) -> None:
    source = """
        def test_x(lambda_benchmark):
            assert lambda_benchmark("benchmarks/echo", memory_mb=512).outcomes.published == 1
    """
    project = example({**ECHO, "benchmarks/test_echo.py": source})
    got = project.run_pytest("--benchmark-disable", "-W", "error", "--benchmark-save=x")
    assert got.outcomes == {"passed": 1}, got.text
    assert project.saved() == []


def test_a_base_on_aws_is_not_looked_for_on_this_machine(example) -> None:
    """Its names stand in the ini file, whatever a session runs on."""
    source = """
        def test_x(lambda_benchmark):
            assert lambda_benchmark("benchmarks/echo", memory_mb=512).outcomes.published == 1
    """
    ini = "[pytest]\nlambda_role = base\nlambda_bucket = base\nlambda_keep = yes\n"
    project = example({**ECHO, "pytest.ini": ini, "benchmarks/test_echo.py": source})
    got = project.run_pytest("--benchmark-disable")
    assert got.outcomes == {"passed": 1}, got.text
    assert "Kept in" not in got.text


def test_data_without_the_columns_it_needs_fails_with_what_is_needed(example) -> None:
    project = example({**ECHO, "emotions.csv": "a,b\n1,2\n"})
    got = project.run_pytest("--lambda-memory", "512", "benchmarks")
    assert got.outcomes == {"failed": 1}
    assert got.has("emotions.csv has no column Text, Emotion; it has a, b")


SLEEPER = {
    **ECHO,
    "benchmarks/echo/handler.py": """
        import time

        def initialize():
            pass

        def process(batch):
            time.sleep(1)
            return batch
    """,
}


def test_ctrl_c_keeps_what_came_calls_it_partial_and_leaves_nothing(example) -> None:
    project = example(SLEEPER)
    got = project.interrupt_pytest(
        "benchmarks",
        "--benchmark-autosave",
        "--lambda-invocations=40",
        "--lambda-memory=512",
        when=lambda: '"outcome": "succeeded"' in project.journal(),
    )
    assert got.returncode == pytest.ExitCode.INTERRUPTED, got.text
    assert "INTERNALERROR" not in got.text
    [run] = project.runs()
    assert run["partial"]
    [cell] = run["cells"]
    assert cell["partial"]
    assert 0 < cell["outcomes"]["succeeded"] < 40
    assert project.saved() == []
    assert got.has("is partial: it was interrupted", "Partial run stored in")
    assert not endpoints_of(project.root)


def test_a_session_interrupted_after_a_cell_is_no_baseline_either(example) -> None:
    ctrl_c = "def test_z(): raise KeyboardInterrupt"
    project = example({**ECHO, "benchmarks/test_z.py": ctrl_c})
    got = project.run_pytest(
        "benchmarks", "--benchmark-save=x", "--benchmark-json=x.json", "--lambda-memory=512"
    )
    assert got.returncode == pytest.ExitCode.INTERRUPTED, got.text
    assert project.saved() == []
    assert got.has("interrupted, so pytest-benchmark saved nothing")
    assert json.loads((project.root / "x.json").read_text())["partial"] is True
    assert project.runs()[0]["partial"]


def test_a_second_ctrl_c_says_how_to_delete_what_is_left(example) -> None:
    """The first comes with the test, the second while the session deletes what it created."""
    conftest = """
        import pytest
        from pytest_lambda_ml.campaign.site import Site

        @pytest.fixture(autouse=True)
        def interrupted_while_deleting(lambda_backend):
            yield
            def ctrl_c(*_):
                raise KeyboardInterrupt
            Site.clear = ctrl_c
    """
    source = """
        from pytest_lambda_ml.model import Configuration

        def test_x(deploy_function):
            cell = Configuration(algorithm="echo", memory_mb=512, concurrency=1, batch_size=1)
            deploy_function("echo", cell, messages=1)
            raise KeyboardInterrupt
    """
    project = example({**ECHO, "conftest.py": conftest, "benchmarks/test_echo.py": source})
    got = project.run_pytest("benchmarks")
    assert got.has("pytest-lambda-ml purge --run")


def test_the_init_metric_records_the_cold_starts(example) -> None:
    project = example(ECHO)
    got = project.run_pytest(
        "benchmarks", "--lambda-metric=init", "--lambda-memory=512", "--benchmark-save=x"
    )
    assert got.outcomes == {"passed": 1}, got.text
    [bench] = project.saved()[0]["benchmarks"]
    assert bench["stats"]["rounds"] == bench["extra_info"]["cold_starts"]
    assert bench["stats"]["median"] * 1000 == pytest.approx(bench["extra_info"]["init_ms_p50"])
    assert bench["options"]["timer"] == "lambda_init_duration"


def test_an_endpoint_started_by_hand_serves_as_well(example) -> None:
    project = example(ECHO)
    with start_endpoint() as endpoint:
        got = project.run_pytest(
            "benchmarks", "--lambda-memory=512", f"--aws-endpoint-url={endpoint.url}"
        )
    assert got.outcomes == {"passed": 1}, got.text
    assert got.has(f"CPU share by {endpoint.info.cpu_enforced}")  # the endpoint was asked
