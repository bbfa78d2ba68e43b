"""What a campaign costs is said before it starts, and capped while it runs."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

FILES = {
    "emotions.csv": "Emotion,Text\n" + "".join(f"joy,message number {n}\n" for n in range(25)),
    "pytest.ini": "[pytest]\nlambda_dataset = emotion=emotions.csv\nlambda_timeout = 20\n",
    "conftest.py": "",
    "echo/handler.py": """
        def initialize():
            pass

        def process(batch):
            return [text.upper() for text in batch]
    """,
    "echo/requirements.txt": "",
    "slow/handler.py": """
        import time

        def initialize():
            pass

        def process(batch):
            time.sleep(0.6)
            return batch
    """,
    "slow/requirements.txt": "",
    "test_slow.py": """
        import pytest

        @pytest.mark.lambda_matrix(
            algorithm=["slow"], memory_mb=[1024], concurrency=[2], batch_size=[10], invocations=15
        )
        def test_slow(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
            lambda_benchmark(
                handler=algorithm, engine=engine, memory_mb=memory_mb, concurrency=concurrency,
                batch_size=batch_size,
            )
    """,
    "test_echo.py": """
        import pytest

        @pytest.mark.lambda_matrix(
            algorithm=["echo"], memory_mb=[512, 1024], concurrency=[2], batch_size=[10],
            invocations=15,
        )
        def test_echo(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
            lambda_benchmark(
                handler=algorithm, engine=engine, memory_mb=memory_mb, concurrency=concurrency,
                batch_size=batch_size,
            )
    """,
    "test_other.py": """
        def test_fixed(lambda_benchmark):
            lambda_benchmark(handler="echo", memory_mb=4096, invocations=3)

        def test_by_hand(lambda_backend):
            lambda_backend.campaign.deploy()

        def test_own(deploy_function):
            from pytest_lambda_ml.model import Configuration

            cell = Configuration(algorithm="echo", memory_mb=512, concurrency=1, batch_size=1)
            deploy_function("echo", cell)

        def test_plain():
            pass
    """,
}


@pytest.fixture
def project(example):
    return example(FILES)


@pytest.fixture(scope="module")
def measured(module_example):
    """A project in which one of two cells was measured."""
    project = module_example(FILES)
    got = project.run_pytest("test_echo.py", "-k", "512")
    assert got.returncode == 0, got.text
    return project


def test_a_dry_run_deploys_nothing_and_prices_every_cell(project) -> None:
    """Not even with a region and no credentials: it talks to nobody."""
    tests = ("test_echo.py", "test_other.py")
    got = project.run_pytest(*tests, "--lambda-dry-run", "--aws-region", "eu-west-1")
    assert got.returncode == 0, got.text
    assert got.outcomes == {"skipped": 5, "passed": 1}
    assert not (project.root / ".lambda-ml").exists()
    assert got.has("dry run, nothing was deployed")
    assert got.has("3 cells, 33 invocations")
    assert got.has("0 of 3 cells were measured before")
    assert got.has("eu-west-1, list prices of")
    assert got.has("3 functions, one at a time; reserved concurrency 4 at most, 8 in sum")
    assert got.has("memory up to 4,096 MB (new accounts have 3,008 MB)")
    row = next(line for line in got.text.splitlines() if line.startswith("echo-reference-1024"))
    assert re.search(r"15 +\$0\.0000\d+ to \$0\.005\d* .*1 ms to timeout", row), row


def test_what_was_measured_before_is_expected_again(measured) -> None:
    got = measured.run_pytest("test_echo.py", "--lambda-dry-run", "--lambda-budget", "0.004")
    assert got.returncode == 0, got.text
    (run,) = measured.runs()
    rows = {line.split()[0]: line for line in got.text.splitlines() if line.startswith("echo-")}
    assert f"local run {run['run_id']}" in rows["echo-reference-512-2-10"]
    assert "1 ms to timeout" in rows["echo-reference-1024-2-10"]
    low, high = (
        Decimal(usd) for usd in re.findall(r"\$(0[.0-9]*)", rows["echo-reference-512-2-10"])
    )
    cost = Decimal(run["cells"][0]["cost_usd_total"])
    assert low <= cost * Decimal("1.02")
    assert cost * Decimal("0.98") <= high
    assert got.has("1 of 2 cells were measured before")
    assert got.has("The budget of $0.004 lies within: publishing may stop before the end.")


def test_a_budget_below_the_expected_cost_is_refused_naming_both(measured) -> None:
    got = measured.run_pytest("test_echo.py", "-k", "512", "--lambda-budget", "0.000001")
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has("--lambda-budget: the 1 selected cells are expected to cost $0.0000")
    assert got.has("and the budget is $0.000001; nothing was started")
    assert len(measured.runs()) == 1


def test_what_was_measured_decides_not_the_low_end_of_its_interval(measured) -> None:
    """A budget that only the most favourable outcome keeps within is refused."""
    arguments = ("test_echo.py", "-k", "512")
    dry = measured.run_pytest(*arguments, "--lambda-dry-run")
    low, high = (Decimal(usd) for usd in re.findall(r"\$(0[.0-9]*)", first_row(dry.text)))
    below, above = low + (high - low) / 4, low + (high - low) * 3 / 4
    for budget, starts in ((below, False), (above, True)):
        got = measured.run_pytest(*arguments, "--lambda-dry-run", f"--lambda-budget={budget}")
        assert got.has("the run would not start") is not starts
    refused = measured.run_pytest(*arguments, f"--lambda-budget={below}")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no stored run" not in refused.text


def first_row(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("echo-"))


def test_publishing_stops_at_the_budget_and_what_came_is_kept(project) -> None:
    """Room for one message at the timeout (20 s at 1 GB is $0.000333), and for a few that came."""
    arguments = ("--lambda-budget", "0.00037", "--lambda-memory", "1024", "--benchmark-autosave")
    got = project.run_pytest("test_slow.py", *arguments)
    assert got.outcomes == {"failed": 1}, got.text
    assert got.has("stopped by the budget of $0.00037 (--lambda-budget)")
    assert got.has("is partial: the budget was spent", "Partial run stored in")
    (run,) = project.runs()
    assert run["partial"] is True
    (cell,) = run["cells"]
    outcomes = cell["outcomes"]
    assert cell["partial"] is True
    assert 1 <= outcomes["published"] == outcomes["succeeded"] < 15
    assert Decimal("0.00001") < Decimal(cell["cost_usd_total"]) <= Decimal("0.00037")
    assert project.saved() == [], "a partial run is never a baseline"


def test_reports_make_room_for_more(project) -> None:
    """The same budget is enough for all, where invocations are quick."""
    arguments = ("--lambda-budget", "0.0009", "--lambda-memory", "1024")
    got = project.run_pytest("test_echo.py", *arguments)
    assert got.outcomes == {"passed": 1}, got.text
    assert got.has("budget $0.0009, expected $0.0000", "Of 1 of the 1 cells no stored run says")
    assert got.has("only the cap while publishing holds them to the budget")
    (run,) = project.runs()
    assert run["cells"][0]["outcomes"]["succeeded"] == 15
    assert run["partial"] is False


def test_once_the_budget_is_spent_the_rest_is_skipped(project) -> None:
    arguments = ("--lambda-budget", "0.0002", "--lambda-memory", "1024,2048")
    got = project.run_pytest("test_echo.py", *arguments, "-rs")
    assert got.outcomes == {"failed": 1, "skipped": 1}, got.text
    assert got.has("the budget of $0.0002 is spent")
    (run,) = project.runs()
    (cell,) = run["cells"]
    assert cell["partial"] is True
    assert cell["outcomes"]["published"] == 0
    total = sum(Decimal(each["cost_usd_total"]) for each in run["cells"])
    assert total <= Decimal("0.0002")
