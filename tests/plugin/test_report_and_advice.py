"""The recommendation and the report at the end of a session, and the commands on what it stored."""

from __future__ import annotations

import json

import pytest
from test_end_to_end import ECHO


@pytest.fixture(scope="module")
def reported(module_example):
    """The project after a run with a report, and one that is short and compared with the first."""
    project = module_example(ECHO)
    first = project.run_pytest("--lambda-report", "out/first.html", "-W", "error")
    second = project.run_pytest(
        *("--lambda-report=second.html", "--lambda-compare=latest", "--lambda-summary=short")
    )
    return project, first, second


def test_the_summary_recommends_a_cell_of_each_algorithm(reported) -> None:
    _, first, second = reported
    said = [line for line in first.text.splitlines() if "recommended: " in line]
    assert len(said) == 1
    assert "MB: best with" in said[0]
    assert any(line.startswith("echo: ") for line in second.text.splitlines())


def test_the_short_summary_has_no_table_and_keeps_the_bill(reported) -> None:
    _, first, second = reported
    assert "max memory" in first.text
    assert "max memory" not in second.text
    assert second.has("would have cost $", "Run stored in")


def test_the_report_is_written_where_it_was_asked_for(reported) -> None:
    project, first, second = reported
    assert first.has("Report written to", "first.html")
    page = (project.root / "out" / "first.html").read_text(encoding="utf-8")
    assert "Performance and cost of echo" in page
    assert "Since the baseline" not in page
    compared = (project.root / "second.html").read_text(encoding="utf-8")
    assert f"Compared with run {project.runs()[0]['run_id']}" in compared
    assert second.outcomes == {"passed": 2}, second.text


def test_commands_answer_from_the_stored_run(reported) -> None:
    project, _, _ = reported
    told = project.run("pytest-lambda-ml", "recommend", "latest", "--requests-per-day", "5000")
    assert told.has("echo: ", "At 5,000 requests a day", "it is no AWS bill")
    plain = json.loads(project.run("pytest-lambda-ml", "recommend", "latest~1", "--json").text)
    assert [each["algorithm"] for each in plain] == ["echo"]
    assert len(plain[0]["candidates"]) == 2
    drawn = project.run("pytest-lambda-ml", "figures", "--only", "price", "--out", "f")
    assert drawn.text.split() == ["f/price-per-memory.svg"]
    written = project.run("pytest-lambda-ml", "report", "latest", "--baseline", "latest~1")
    assert written.text.strip().endswith("report.html")
    refused = project.run("pytest-lambda-ml", "report", "nothing-such")
    assert refused.returncode == 1
    assert refused.text.startswith("Error: no run 'nothing-such'")
    unknown = project.run("pytest-lambda-ml", "figures", "--only", "nothing-such", "--out", "f")
    assert unknown.has("no figure of this run has nothing-such in its name")


def test_no_summary_says_nothing_of_the_cells_and_the_run_stores_which_tests_were_asked_for(
    example,
) -> None:
    project = example(ECHO)
    asked = (str(project.root / "benchmarks"), "-k", "echo and not other")
    got = project.run_pytest(*asked, "--lambda-summary=none", "--lambda-memory=512")
    assert got.outcomes == {"passed": 1}
    assert "Run stored in" not in got.text
    (run,) = project.runs()
    assert run["tests"] == ["benchmarks", "-k", "echo and not other"]


def test_a_report_that_cannot_be_drawn_stops_before_anything_is_measured(example) -> None:
    project = example({**ECHO, "altair.py": "raise ImportError('not here', name='altair')\n"})
    got = project.run_pytest("--lambda-report=r.html", PYTHONPATH=str(project.root))
    assert got.returncode == 4
    assert got.has("--lambda-report: figures and reports need altair", "pytest-lambda-ml[report]")
    assert project.runs() == []


def test_a_narrow_terminal_gets_the_whole_recommendation(reported) -> None:
    project, _, _ = reported
    limit = ("--max-p95-ms", "0.001")
    asked = ("pytest-lambda-ml", "recommend", "latest")
    for columns in (60, 80):
        told = project.run(*asked, *limit, COLUMNS=str(columns))
        assert told.has("no cell keeps the limits")
        assert columns == 80 or told.has("a wider terminal also shows")
        assert "…" not in told.text
        assert " ".join(told.text.split()).count("is above 0.001 ms") == 3
        table = [line.rstrip() for line in told.text.splitlines()]
        assert max(map(len, table)) <= columns
    refused = project.run(*asked, "--weight", "0.3")
    assert refused.returncode == 2
    assert refused.has("--weight is of --objective balanced")
    assert project.run(*asked, "--objective=balanced", "--weight=0.3").has("weight of cost 0.3")
