"""What is made of stored trainings: a figure and a section, and nothing per item."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from run_cells import PRICES, cell, run

from pytest_lambda_ml.analysis.compare import compare_runs
from pytest_lambda_ml.analysis.figures import figures_of_run
from pytest_lambda_ml.analysis.figures_files import inline_svg
from pytest_lambda_ml.analysis.figures_training import training_frame
from pytest_lambda_ml.analysis.load import RunCell, load_run
from pytest_lambda_ml.analysis.recommend_samples import samples_of_run
from pytest_lambda_ml.analysis.report import render_report
from pytest_lambda_ml.campaign.training_result import Training
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.store.run_file import write_run_file

NAME = "logistic-regression-training"


def trained(functions: int, critical_path_ms: float) -> RunCell:
    """A cell that trained over so many functions."""
    plain = cell(np.full(20, 50.0), algorithm=NAME, concurrency=functions, batch_size=1)
    cost = dataclasses.replace(plain.figures.cost_total, s3_usd=Decimal("0.0004321"))
    training = Training(
        functions=functions,
        accuracy_by_round=(0.61, 0.6543) if functions > 1 else (0.66,),
        accuracy_single_machine=0.66,
        makespan_ms=9_000.0,
        critical_path_ms=critical_path_ms,
        shard_rows=(1_200,) * functions,
    )
    figures = dataclasses.replace(plain.figures, cost_total=cost)
    return dataclasses.replace(plain, training=training, figures=figures)


@pytest.fixture(scope="module")
def whole():
    items = cell(np.full(20, 12.0), algorithm="svm")
    return run("20260101T000000Z-00000001", items, trained(1, 8_000.0), trained(4, 3_200.0))


def test_the_frame_has_accuracy_time_and_itemised_cost_by_the_number_of_functions(whole):
    frame = training_frame(whole.cells)
    assert set(frame["panel"]) == {"accuracy", "time", "cost"}
    values = {(row.what, row.functions): row.value for row in frame.itertuples()}
    assert values["functions", 4] == 0.6543
    assert values["one average", 4] == 0.61
    assert values["critical path", 1] == 8.0
    assert values["S3 requests", 4] == pytest.approx(0.0004321)
    assert ("SNS", 4) not in values, "what cost nothing is no bar"


def test_figures_and_report_show_a_training_and_recommend_nothing_of_it(whole):
    figures = {figure.name: figure for figure in figures_of_run(whole, (), PRICES)}
    of_it = [name for name in figures if NAME in name]
    assert of_it == [f"training-{NAME}"]
    drawn = inline_svg(figures[of_it[0]])
    assert all(word in drawn for word in ("accuracy", "critical path", "GB-seconds", "functions"))
    assert {samples.configuration.algorithm for samples in samples_of_run(whole)} == {"svm"}
    page = render_report(whole)
    section = page[page.index(f"{NAME}: training over functions") :]
    section = section[: section.index("</section>")]
    assert all(text in section for text in ("0.6543", "-0.0057", "1,200", "3,200", "2.50"))
    assert "1,000 items" not in section


def test_trainings_are_not_compared_item_by_item_and_named(whole):
    compared = compare_runs(whole, dataclasses.replace(whole, run_id="20260102T000000Z-00000002"))
    assert {row.cell_id.split("-")[0] for row in compared.rows} == {"svm"}
    assert not (*compared.new, *compared.vanished)
    assert any("trainings are not compared" in note and NAME in note for note in compared.notes)


def test_a_stored_training_is_read_back_and_an_older_run_has_none(tmp_path: Path):
    cells = [trained(4, 3_200.0), cell(np.full(20, 12.0))]
    stored = [
        {
            "configuration": each.configuration,
            "outcomes": each.outcomes,
            "figures": each.figures,
            "provenance": each.provenance,
            "training": each.training,
        }
        for each in cells
    ]
    del stored[1]["training"]  # as before there were any
    folder = tmp_path / "runs" / "20260101T000000Z-00000001"
    folder.mkdir(parents=True)
    write_run_file(folder, {"run_id": "00000001", "created_at": 1.0, "cells": stored})
    write_no_invocations(folder)
    read = load_run(folder, tmp_path)
    assert read.cells[0].training == cells[0].training
    assert read.cells[0].figures.cost_total.s3_usd == Decimal("0.0004321")
    assert read.cells[1].training is None
    wide = CliRunner(env={"COLUMNS": "140"})
    told = wide.invoke(cli, ["recommend", str(folder), "--dir", str(tmp_path)])
    assert f"Nothing is recommended of trainings: {NAME}-reference-512-4-1" in told.output


def write_no_invocations(folder: Path) -> None:
    """A table without rows: what was invoked is not what is asked here."""
    import pyarrow.parquet as pq

    from pytest_lambda_ml.store.invocations import INVOCATIONS_FILE, invocations_schema

    pq.write_table(invocations_schema().empty_table(), folder / INVOCATIONS_FILE)
