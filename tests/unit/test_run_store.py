"""A run is loaded as it was stored: whole, from its journal, by any of its names."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cell_log import failure, published, report, request_id, start, success
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.analysis.frame_figures import frame_figures
from pytest_lambda_ml.analysis.load import load_run
from pytest_lambda_ml.campaign.correlate import correlate
from pytest_lambda_ml.campaign.figures import cell_figures, count_outcomes
from pytest_lambda_ml.campaign.keep import store_run
from pytest_lambda_ml.campaign.result import CellResult
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import Configuration, Provenance
from pytest_lambda_ml.store.find_run import find_run, is_whole
from pytest_lambda_ml.store.invocations import INVOCATIONS_FILE
from pytest_lambda_ml.store.journal import JOURNAL, Journal

PRICES = load_prices()
CONFIGURATION = Configuration(algorithm="svm", memory_mb=512, concurrency=3, batch_size=10)
COUNT = 20


def measured(**configuration: object) -> CellResult:
    """A cell with cold and warm invocations, a retry, and one that nothing is known of."""
    shape = Configuration(
        **{"algorithm": "svm", "memory_mb": 512, "concurrency": 3, "batch_size": 10} | configuration  # type: ignore[arg-type]
    )
    events = [
        event
        for n in range(COUNT)
        for event in success(
            f"{n:05d}",
            request_id(n),
            stream=f"stream-{n % 3}",
            at=1_000 + 40 * n,
            cold=n < 3,
            duration_ms=9.5 + n,
            billed_duration_ms=10.0 + n,
        )
    ]
    events += [start("00003", request_id(3), stream="stream-z", at=900)]
    events += [report(request_id(3), stream="stream-z", at=950, status="timeout")]
    names = [f"{n:05d}" for n in range(COUNT + 1)]
    invocations = correlate(
        "c0ffee00", published(*names), events, [failure("00020", "r", "EventAgeExceeded")]
    )
    prices = PRICES.prices("us-east-1")
    return CellResult(
        run_id="c0ffee00",
        configuration=shape,
        outcomes=count_outcomes(len(names), invocations),
        invocations=invocations,
        figures=cell_figures(
            invocations, shape, prices, published_bytes=1000, log_bytes=1000, makespan_s=2.0
        ),
        provenance=Provenance(
            backend="local",
            region="us-east-1",
            architecture="x86_64",
            cpu_model="Test CPU",
            cpu_enforced="cgroup-v2",
            memory_enforced=None,
            price_date=PRICES.date,
            dependencies="host",
            dataset="bundled",
            weights=None,
            notes=("a note",),
        ),
    )


def store(
    root: Path, *results: CellResult, name: str = "20260101T120000Z-c0ffee00", **head
) -> Path:
    folder = root / "runs" / name
    folder.mkdir(parents=True)
    told = {
        "run_id": name.rpartition("-")[2],
        "created_at": 1767268800.0,
        "backend": "local",
        "region": "us-east-1",
        "git": {"commit": "abc", "dirty": False},
        **head,
    }
    ending = {"closed_at": 1767268860.0, "partial": False, "partial_reason": None}
    store_run(folder, told, results, PRICES, **{**ending, **head})
    return folder


def test_what_was_measured_is_what_is_loaded(tmp_path) -> None:
    results = measured(), measured(memory_mb=1024)
    store(tmp_path, *results)
    run = load_run("c0ffee00", tmp_path)
    assert (run.run_id, run.partial, run.git["commit"]) == ("c0ffee00", False, "abc")
    for cell, result in zip(run.cells, results, strict=True):
        assert cell.configuration == result.configuration
        assert cell.outcomes == result.outcomes
        assert cell.figures == result.figures
        assert cell.provenance == result.provenance
        warm = [i for i in result.invocations if i.start == "warm"]
        assert cell.warm["duration_ms"].tolist() == [i.report.duration_ms for i in warm]
        assert cell.warm["processing_ms"].tolist() == [i.record.processing_ms for i in warm]
        assert len(cell.cold) == result.figures.cold_starts


def test_there_is_a_row_for_each_report_and_each_has_its_cost(tmp_path) -> None:
    result = measured()
    folder = store(tmp_path, result)
    rows = pq.read_table(folder / INVOCATIONS_FILE).to_pylist()
    reports = [each for item in result.invocations for each in item.reports]
    assert len(rows) == len(reports) == COUNT + 1
    assert [row["counts"] for row in rows].count(False) == 1
    assert sum(row["gb_seconds_usd"] for row in rows) == pytest.approx(
        float(result.figures.cost_total.gb_seconds_usd)
    )
    assert sum(row["requests_usd"] for row in rows) == pytest.approx(
        float(result.figures.cost_total.requests_usd)
    )


def test_figures_by_columns_are_those_of_the_campaign(tmp_path) -> None:
    result = measured()
    store(tmp_path, result)
    cell = load_run("latest", tmp_path).cells[0]
    got = frame_figures(cell.invocations, cell.configuration, PRICES.prices("us-east-1"))
    for name in got.__dataclass_fields__:
        if name not in {"cost_total", "makespan_s", "environments"}:
            expected = getattr(result.figures, name)
            assert getattr(got, name) == (expected if expected is None else pytest.approx(expected))


def journal(folder: Path, result: CellResult, *, entries: int, finished: bool) -> None:
    """The journal of a run that was killed after so many invocations of a cell."""
    folder.mkdir(parents=True)
    writing = Journal(folder / JOURNAL, lambda: 1767268800.0)
    writing.write("session", run_id="c0ffee00", backend="local", region="us-east-1")
    writing.write(
        "deployed",
        cell_id=result.configuration.cell_id,
        function={"configuration": result.configuration},
    )
    names = [item.sample_id for item in result.invocations]
    writing.write("published", cell_id=result.configuration.cell_id, messages=published(*names))
    for item in result.invocations[:entries]:
        writing.write("invocation", cell_id=result.configuration.cell_id, invocation=item)
    writing.close()
    if not finished:
        with (folder / JOURNAL).open("a") as file:
            file.write('{"at": 1, "kind": "invoc')  # torn


@pytest.mark.parametrize("entries", [0, 7, COUNT + 1])
def test_a_killed_run_is_read_from_its_journal(tmp_path, entries) -> None:
    journal(
        tmp_path / "runs/20260101T120000Z-c0ffee00", measured(), entries=entries, finished=False
    )
    run = load_run("latest", tmp_path)
    assert run.partial
    assert "killed" in (run.partial_reason or "")
    cell = run.cells[0]
    assert cell.partial
    assert cell.outcomes.published == COUNT + 1
    assert cell.outcomes.succeeded == min(entries, COUNT)
    assert cell.outcomes.accounted_for
    assert len(cell.succeeded) == min(entries, COUNT)


def test_only_the_columns_asked_for_are_read(tmp_path) -> None:
    store(tmp_path, measured())
    cell = load_run("latest", tmp_path, columns=["duration_ms"]).cells[0]
    assert set(cell.invocations.columns) == {"counts", "outcome", "start", "duration_ms"}


NAMES = ["20260101T120000Z-aaaa1111", "20260102T120000Z-aaaa2222", "20260103T120000Z-bbbb3333"]


@pytest.fixture
def three_runs(tmp_path) -> Path:
    """Three runs, the second of them partial."""
    for name in NAMES:
        store(tmp_path, measured(), name=name, partial=name == NAMES[1])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("latest", 2),
        ("latest~0", 2),
        ("latest~1", 1),
        ("bbbb", 2),
        ("aaaa1111", 0),
        ("20260102", 1),
        ("20260102T120000Z-aaaa2222", 1),
    ],
)
def test_a_run_has_many_names(three_runs, name, found) -> None:
    assert find_run(name, three_runs).name == NAMES[found]


def test_a_path_names_a_run_anywhere(three_runs) -> None:
    folder = three_runs / "runs" / NAMES[0]
    for path in (folder, folder / "run.json"):
        assert find_run(str(path), three_runs / "elsewhere") == folder


def test_a_baseline_is_a_whole_run(three_runs) -> None:
    assert find_run("latest~1", three_runs, accept=is_whole).name == NAMES[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("aaaa", "aaaa begins 2 runs: 20260101T120000Z-aaaa1111, 20260102T120000Z-aaaa2222"),
        ("cccc", "no run 'cccc': legal is a run id"),
        ("latest~3", "no run latest~3: 3 runs"),
        ("", "no run ''"),
    ],
)
def test_a_name_that_means_no_one_run_says_why(three_runs, name, words) -> None:
    with pytest.raises(RunStoreError, match=words):
        find_run(name, three_runs)


@given(st.text(max_size=20))
def test_no_name_raises_anything_else(tmp_path_factory, name) -> None:
    root = tmp_path_factory.mktemp("none")
    with pytest.raises(RunStoreError):
        find_run(name, root)


def test_exports_can_be_read_back(tmp_path) -> None:
    store(tmp_path, measured())
    csv, parquet = tmp_path / "run.csv", tmp_path / "run.parquet"
    for path, form in ((csv, "csv"), (parquet, "parquet")):
        arguments = [
            "export",
            "latest",
            "--format",
            form,
            "--out",
            str(path),
            "--dir",
            str(tmp_path),
        ]
        got = CliRunner().invoke(cli, arguments)
        assert got.exit_code == 0, got.output
        assert f"{COUNT + 1} rows" in got.output
    assert pq.read_table(parquet).column("cell_id").to_pylist() == ["svm-reference-512-3-10"] * 21
    heading = csv.read_text().splitlines()[0].split(",")
    assert {"algorithm", "memory_mb", "billed_duration_ms", "cost_usd", "outcome"} <= set(heading)


def test_an_export_into_no_folder_says_why(tmp_path) -> None:
    """pandas' own error for it has no system's message."""
    store(tmp_path, measured())
    path = tmp_path / "none" / "run.csv"
    arguments = ["export", "latest", "--format", "csv", "--out", str(path), "--dir", str(tmp_path)]
    got = CliRunner().invoke(cli, arguments)
    assert got.exit_code == 1
    assert "run.csv cannot be written: Cannot save file into a non-existent" in got.output


def test_nothing_is_recommended_of_a_run_without_cells(tmp_path) -> None:
    store(tmp_path)
    got = CliRunner().invoke(cli, ["recommend", "latest", "--dir", str(tmp_path)])
    assert got.exit_code == 0, got.output
    assert "nothing to recommend: the run has no cells" in got.output


def test_a_run_of_another_version_is_refused_with_its_name(tmp_path) -> None:
    folder = store(tmp_path, measured())
    told = json.loads((folder / "run.json").read_text())
    del told["cells"][0]["figures"]
    (folder / "run.json").write_text(json.dumps(told))
    with pytest.raises(RunStoreError, match="not as this version writes it"):
        load_run("latest", tmp_path)
