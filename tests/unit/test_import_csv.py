"""The CSV of the thesis' tool: what it looks like, and back and forth."""

from __future__ import annotations

import csv
import io

import pytest
from click.testing import CliRunner

from pytest_lambda_ml.analysis.import_csv import THESIS_COLUMNS, is_thesis_csv, read_thesis_csv
from pytest_lambda_ml.analysis.load import load_run
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.errors import RunStoreError

HEADING = (
    "messageId,lambdaName,functionName,functionInstanceId,batchSize,isColdStart,"
    "initializationStart,initializationEnd,processingStart,processingEnd,initializationTime,"
    "processingTime,lambdaDuration,lambdaBilledDuration,lambdaMemorySize,lambdaMaxMemoryUsed,"
    "cpuCount"
)
"""As the tool names its columns, in its order."""

COLD = (
    "m{0},svm-lambda-{1},svm,i{2},100,True,1700000000.1,1700000000.6,1700000000.6,1700000000.7,"
    "0.5,0.1,612.5,613,{1},190,2"
)
WARM = (
    "m{0},svm-lambda-{1},svm,i{2},100,False,NA,NA,1700000001.1,1700000001.2,"
    "NA,0.1,103.2,104,{1},190,2"
)


def write(tmp_path, *lines: str):
    path = tmp_path / "thesis.csv"
    path.write_text("\n".join([HEADING, *lines]) + "\n", encoding="utf-8")
    return path


def test_the_columns_are_the_tools_and_in_its_order() -> None:
    assert ",".join(THESIS_COLUMNS) == HEADING


def test_its_files_become_cells_by_algorithm_memory_and_batch(tmp_path) -> None:
    lines = [
        (COLD if n < 3 else WARM).format(f"{memory}-{n}", memory, n % 3)
        for memory in (256, 512)
        for n in range(12)
    ]
    path, root = write(tmp_path, *lines), tmp_path / ".lambda-ml"
    got = CliRunner().invoke(cli, ["import", str(path), "--dir", str(root)])
    assert got.exit_code == 0, got.output
    run = load_run("latest", root)
    assert run.imported_from == ("thesis.csv",)
    assert [item.cell_id for item in run.cells] == [
        "svm-reference-256-3-100",
        "svm-reference-512-3-100",
    ]
    figures = run.cells[0].figures
    assert (figures.warm_count, figures.cold_starts, figures.environments) == (9, 3, 3)
    assert figures.billed_ms_mean == 104.0
    assert figures.processing_ms_p50 == pytest.approx(100.0)  # the tool's seconds
    assert figures.initialization_ms_p50 == pytest.approx(500.0)
    assert "guessed" in run.cells[0].provenance.notes[0]


def test_a_line_without_a_report_is_missing_and_has_no_cost(tmp_path) -> None:
    lost = "m99,svm-lambda-256,svm,NA,100,NA,NA,NA,NA,NA,NA,NA,NA,NA,256,NA,NA"
    path = write(tmp_path, *[WARM.format(n, 256, 0) for n in range(5)], lost)
    root = tmp_path / ".lambda-ml"
    assert CliRunner().invoke(cli, ["import", str(path), "--dir", str(root)]).exit_code == 0
    only = load_run("latest", root).cells[0]
    assert (only.outcomes.succeeded, only.outcomes.missing) == (5, 1)
    assert len(only.invocations) == 5


def test_an_export_has_its_form_and_comes_back_as_it_was(tmp_path) -> None:
    path = write(tmp_path, *[(COLD if n < 2 else WARM).format(n, 512, n % 2) for n in range(8)])
    root = ["--dir", str(tmp_path / ".lambda-ml")]
    CliRunner().invoke(cli, ["import", str(path), *root])
    exported = CliRunner().invoke(
        cli, ["export", "latest", "--format", "thesis-csv", "--out", "-", *root]
    )
    rows = list(csv.DictReader(io.StringIO(exported.output)))
    assert list(rows[0]) == HEADING.split(",")
    assert [row["isColdStart"] for row in rows] == ["True"] * 2 + ["False"] * 6
    assert rows[-1]["initializationTime"] == "NA"
    assert rows[-1]["lambdaMemorySize"] == "512"
    again = tmp_path / "again.csv"
    again.write_text(exported.output)
    CliRunner().invoke(cli, ["import", str(again), *root])
    first, second = (load_run(name, tmp_path / ".lambda-ml") for name in ("latest~1", "latest"))
    assert [item.figures for item in first.cells] == [item.figures for item in second.cells]
    assert [item.configuration for item in first.cells] == [
        item.configuration for item in second.cells
    ]


def test_what_is_no_number_is_refused_with_the_file(tmp_path) -> None:
    with pytest.raises(RunStoreError, match=r"thesis\.csv is no CSV file of the thesis' tool"):
        read_thesis_csv(write(tmp_path, WARM.format(1, 256, 0).replace("103.2", "fast")))


def test_a_heading_with_nothing_beneath_it_is_no_run(tmp_path) -> None:
    root = tmp_path / ".lambda-ml"
    got = CliRunner().invoke(cli, ["import", str(write(tmp_path)), "--dir", str(root)])
    assert got.exit_code == 1
    assert "thesis.csv has no line beneath its header" in str(got.exception)
    assert not list(root.glob("runs/*"))


def test_cells_without_a_name_are_called_unknown(tmp_path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("lambdaBilledDuration,lambdaMemorySize\n" + "10,128\n" * 6)
    root = tmp_path / ".lambda-ml"
    got = CliRunner().invoke(cli, ["import", str(path), "--dir", str(root), "--concurrency", "7"])
    assert got.exit_code == 0, got.output
    assert load_run("latest", root).cells[0].cell_id == "unknown-reference-128-7-1"


@pytest.mark.parametrize(
    ("heading", "lacking"),
    [
        (HEADING.replace("lambdaMemorySize", "memory"), "the column lambdaMemorySize; it has mess"),
        ("batch_size,memory_mb", "the columns lambdaBilledDuration, lambdaMemorySize; it has ba"),
    ],
)
def test_a_csv_with_other_columns_is_refused_with_those_it_lacks(
    tmp_path, heading, lacking
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"{heading}\n1,2\n", encoding="utf-8")
    got = CliRunner().invoke(cli, ["import", str(path), "--dir", str(tmp_path)])
    assert got.exit_code == 1
    assert isinstance(got.exception, RunStoreError)
    said = str(got.exception)
    assert f"mine.csv lacks {lacking}" in said
    assert "accepted are the CSV of the thesis' tool" in said


def test_a_log_that_is_called_csv_is_read_as_a_log(tmp_path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("2024-01-01,REPORT RequestId: 1\n", encoding="utf-8")
    assert not is_thesis_csv(path)
