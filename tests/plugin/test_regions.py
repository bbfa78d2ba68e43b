"""The grid in several regions: ids, rows and prices say which; nothing is left in any."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from pytest_lambda_ml.local import start_endpoint

REGIONS = ("us-east-1", "eu-north-1")

PROJECT = {
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
    "test_echo.py": """
        import pytest

        @pytest.mark.lambda_matrix(
            algorithm=["echo"], memory_mb=[512], concurrency=[2], batch_size=[10], invocations=4
        )
        def test_echo(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
            lambda_benchmark(
                handler=algorithm, engine=engine, memory_mb=memory_mb, concurrency=concurrency,
                batch_size=batch_size,
            )

        def test_fixed(lambda_benchmark):
            lambda_benchmark(handler="echo", memory_mb=512, concurrency=1, invocations=2)
    """,
}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with start_endpoint() as endpoint:
        yield endpoint.url


@pytest.fixture
def project(example):
    return example(PROJECT)


def run(project, url: str, *regions: str, extra: tuple[str, ...] = ()):
    arguments = ("--aws-region", ",".join(regions), "--aws-endpoint-url", url, *extra)
    return project.run_pytest(*arguments, **CREDENTIALS)


def test_ids_end_in_the_region_only_where_there_are_several(project) -> None:
    collect = ("--collect-only", "-q")
    assert run(project, "http://127.0.0.1:9", "eu-north-1", extra=collect).ids == [
        "test_echo.py::test_echo[echo-reference-512-2-10]",
        "test_echo.py::test_fixed",
    ]
    assert run(project, "http://127.0.0.1:9", *REGIONS, extra=collect).ids == [
        "test_echo.py::test_echo[echo-reference-512-2-10-us-east-1]",
        "test_echo.py::test_echo[echo-reference-512-2-10-eu-north-1]",
        "test_echo.py::test_fixed[us-east-1]",
        "test_echo.py::test_fixed[eu-north-1]",
    ]


def test_an_unknown_region_among_several_is_refused_by_name(project) -> None:
    got = run(project, "http://127.0.0.1:9", "us-east-1", "mars-north-1")
    assert got.returncode == pytest.ExitCode.USAGE_ERROR
    assert got.has("no prices for region 'mars-north-1'")


def test_each_region_gets_the_grid_and_one_run_holds_all(project, url: str) -> None:
    got = run(project, url, *REGIONS, extra=("--benchmark-autosave",))
    assert got.returncode == 0, got.text
    assert got.outcomes == {"passed": 4}
    (stored,) = project.runs()
    assert stored["region"] == ",".join(REGIONS)
    cells = {cell["cell_id"]: cell for cell in stored["cells"]}
    assert set(cells) == {
        f"echo-reference-512-{values}-{region}"
        for values in ("2-10", "1-100")
        for region in REGIONS
    }
    for cell_id, cell in cells.items():
        assert cell_id.endswith(cell["provenance"]["region"])
        assert cell["configuration"]["region"] == cell["provenance"]["region"]
    (saved,) = project.saved()
    assert [row["extra_info"]["region"] for row in saved["benchmarks"]] == [*REGIONS, *REGIONS]
    rows = [line.split() for line in got.text.splitlines() if line.strip().startswith("512 ")]
    assert sorted(region for row in rows for region in REGIONS if region in row) == sorted(
        REGIONS * 2
    )
    assert got.has("us-east-1 $0", "eu-north-1 $0")

    assert_nothing_left(project, url)


def assert_nothing_left(project, url: str) -> None:
    (folder,) = project.root.glob(".lambda-ml/runs/*")
    assert {path.name for path in folder.glob("ledger*")} == {
        f"ledger-{region}.jsonl" for region in REGIONS
    }
    for region in REGIONS:
        session = boto3.Session("x", "x", region_name=region)
        functions = session.client("lambda", endpoint_url=url).list_functions()["Functions"]
        logs = session.client("logs", endpoint_url=url)
        groups = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/plml")["logGroups"]
        assert functions == groups == []
