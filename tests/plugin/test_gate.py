"""``--lambda-compare`` and ``--lambda-fail-on``: a regression fails the session, noise does not."""

from __future__ import annotations

import json
import shutil

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pytest_lambda_ml.analysis.load import load_run
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.model import InvocationRecord, Report
from pytest_lambda_ml.store.journal import read_journal

BUSY = {
    "pytest.ini": "[pytest]\nlambda_timeout = 20\n",
    "emotions.csv": "Emotion,Text\n" + "".join(f"joy,message {n}\n" for n in range(25)),
    "benchmarks/busy/handler.py": """
        import pathlib, time

        SPIN_MS = float(pathlib.Path(__file__).with_name("spin_ms.txt").read_text())

        def initialize():
            pass

        def process(batch):
            end = time.perf_counter() + SPIN_MS / 1000
            while time.perf_counter() < end:
                pass
            return [text.upper() for text in batch]
    """,
    "benchmarks/busy/spin_ms.txt": "60",
    "benchmarks/busy/requirements.txt": "",
    "benchmarks/test_busy.py": """
        import pytest

        @pytest.mark.lambda_matrix(
            algorithm=["busy"], memory_mb=[1769], concurrency=[2], batch_size=[10], invocations=32,
        )
        def test_busy(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size):
            lambda_benchmark(
                handler=algorithm, engine=engine, memory_mb=memory_mb, concurrency=concurrency,
                batch_size=batch_size,
            )
    """,
}
ARGUMENTS = ("--lambda-dataset", "emotion=emotions.csv", "benchmarks")


def compare(project, *arguments: str):
    """``pytest-lambda-ml compare`` on the project's runs."""
    where = ["--dir", str(project.root / ".lambda-ml")]
    return CliRunner().invoke(cli, ["compare", *arguments, *where])


@pytest.fixture(scope="module")
def project(module_example):
    """A project with one stored run, whose functions spin for 60 ms."""
    made = module_example(BUSY)
    first = made.run_pytest(*ARGUMENTS)
    assert first.returncode == 0, first.text
    return made


def test_a_regression_is_exit_code_1_without_a_traceback(project, tmp_path) -> None:
    slower = project.root / "benchmarks/busy/spin_ms.txt"
    slower.write_text("120")
    summary = tmp_path / "summary.md"
    run = project.run_pytest(
        *ARGUMENTS,
        "--lambda-compare=latest",
        "--lambda-fail-on=billed:50%",
        "--lambda-fail-on=memory:50%",
        GITHUB_STEP_SUMMARY=str(summary),
    )
    slower.write_text("60")
    assert run.outcomes == {"passed": 1}
    assert run.has("comparison with the baseline", "busy-reference-1769-2-10")
    assert "Traceback" not in run.text
    written = summary.read_text(encoding="utf-8")
    assert written.startswith("### Lambda benchmarks: ")
    assert "| busy-reference-1769-2-10 | billed:50% |" in written
    # On a machine whose speed moved meanwhile nothing may be concluded, and that is said.
    if "own speed moved" not in run.text:
        assert run.returncode == 1
        assert run.has("FAILED: 1 regression against the baseline")
        assert "❌ regressed" in written
    assert run.has("unchanged")


def test_without_a_limit_nothing_fails_and_the_command_says_the_same(project) -> None:
    """The run before is compared with the first one, now by the command."""
    stored = [path.name for path in sorted(project.root.glob(".lambda-ml/runs/*"))]
    assert len(stored) >= 1
    base = stored[0].rpartition("-")[2]
    shown = compare(project, base, "latest")
    assert shown.exit_code == 0, shown.output
    assert f"against {base}" in shown.output
    gated = compare(project, base, base, "--fail-on", "cost:5%")
    assert gated.exit_code == 0, gated.output


def test_a_gate_that_has_nothing_to_compare_does_not_pass(project, tmp_path) -> None:
    """Neither in the session nor in the command: somebody would rely on it."""
    first = next(iter(sorted(project.root.glob(".lambda-ml/runs/*"))))
    elsewhere = ["--lambda-dir", str(tmp_path), "--lambda-memory=2000", "--lambda-invocations=4"]
    gate = [f"--lambda-compare={first}", "--lambda-fail-on=cost:5%"]
    run = project.run_pytest(*ARGUMENTS, *elsewhere, *gate)
    assert run.returncode == 1
    assert run.has("no cell is in both runs, so nothing was gated")
    other = str(next(tmp_path.glob("runs/*")))
    assert compare(project, str(first), other).exit_code == 0
    gated = compare(project, str(first), other, "--fail-on", "cost:5%")
    assert gated.exit_code == 2
    assert "choose a baseline that measured the same cells" in gated.output


def test_other_data_is_said_and_does_not_pass_the_gate(project, tmp_path) -> None:
    """A session on another file, and the command on what it stored."""
    first = next(iter(sorted(project.root.glob(".lambda-ml/runs/*"))))
    (tmp_path / "other.csv").write_text("Emotion,Text\n" + "joy,other text\n" * 25)
    run = project.run_pytest(
        *("--lambda-dataset", f"emotion={tmp_path / 'other.csv'}", "benchmarks"),
        *("--lambda-dir", str(tmp_path), "--lambda-invocations=12"),
        *(f"--lambda-compare={first}", "--lambda-fail-on=billed:50%"),
    )
    assert run.returncode == 1
    assert run.has("incomparable: other data: file emotions.csv", "nothing was gated")
    other = str(next(tmp_path.glob("runs/*")))
    assert "1 incomparable" in compare(project, str(first), other, "--fail-on=billed:50%").output
    assert compare(project, str(first), other, "--fail-on=billed:50%").exit_code == 2


def test_a_limit_held_against_nothing_does_not_pass_though_another_does(project, tmp_path) -> None:
    """At other prices no cost is compared; memory is, in the session and by the command."""
    first = next(iter(sorted(project.root.glob(".lambda-ml/runs/*"))))
    dear = shutil.copytree(first, tmp_path / "runs" / "20250101T000000Z-00000dea")
    file = dear / "invocations.parquet"
    table = pq.read_table(file)
    place = table.schema.get_field_index("gb_seconds_usd")
    raised = pc.multiply(table["gb_seconds_usd"], 2.0)
    pq.write_table(table.set_column(place, table.schema.field(place), raised), file)
    words = "cost:5% was not gated, no cell can be compared with the baseline"
    gate = ("--lambda-fail-on=cost:5%", "--lambda-fail-on=memory:90%")
    elsewhere = ("--lambda-dir", str(tmp_path), "--lambda-invocations=12")
    run = project.run_pytest(*ARGUMENTS, *elsewhere, f"--lambda-compare={dear}", *gate)
    assert run.outcomes == {"passed": 1}
    assert run.returncode == 1
    assert run.has(words, "1 incomparable")
    memory = compare(project, str(dear), str(first), "--fail-on=memory:90%")
    assert memory.exit_code == 0
    both = compare(project, str(dear), str(first), "--fail-on=memory:90%", "--fail-on=cost:5%")
    assert both.exit_code == 2
    assert words in both.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lambda-compare=deadbeef"], "--lambda-compare: no run 'deadbeef'"),
        (["--lambda-fail-on=cost:5%"], "needs a baseline: give --lambda-compare RUN too"),
        (
            ["--lambda-compare=latest", "--lambda-fail-on=speed:5%"],
            "--lambda-fail-on: 'speed:5%' is not legal",
        ),
        (["--lambda-compare=latest~99"], "no run latest~99"),
    ],
)
def test_no_baseline_or_no_limit_is_a_usage_error_before_anything_runs(
    project, arguments, words
) -> None:
    before = len(list(project.root.glob(".lambda-ml/runs/*")))
    run = project.run_pytest(*ARGUMENTS, *arguments)
    assert run.returncode == 4, run.text
    assert run.has(words)
    assert len(list(project.root.glob(".lambda-ml/runs/*"))) == before


def test_a_partial_run_is_no_baseline(project) -> None:
    """Named it is refused; latest passes it over."""
    whole = sorted(project.root.glob(".lambda-ml/runs/*"))[-1]
    partial = whole.with_name("29990101T000000Z-0badcafe")
    shutil.copytree(whole, partial)
    told = json.loads((partial / "run.json").read_text(encoding="utf-8"))
    changed = {**told, "run_id": "0badcafe", "partial": True, "partial_reason": "interrupted"}
    (partial / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    try:
        run = project.run_pytest(*ARGUMENTS, "--lambda-compare=0badcafe", "--collect-only")
        assert run.returncode == 4
        assert run.has("partial, so it is no baseline")
        compared = compare(project, "0badcafe", "latest")
        assert compared.exit_code == 2
        assert "no baseline: it is partial" in compared.output
        latest = compare(project, "latest", "latest")
        assert whole.name.rpartition("-")[2] in latest.output
    finally:
        shutil.rmtree(partial)


def test_a_project_that_does_not_use_lambda_is_left_alone(example) -> None:
    made = example({"test_plain.py": "def test_it(): pass\n"})
    run = made.run_pytest("--lambda-compare=latest", "--lambda-fail-on=cost:5%")
    assert run.returncode == 0
    assert run.outcomes == {"passed": 1}


def test_the_stored_run_says_all_that_was_heard_and_how_it_was_made(project) -> None:
    folder = sorted(project.root.glob(".lambda-ml/runs/*"))[0]
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert told["environment"]["packages"]["pytest"]
    sha256 = told["datasets"]["emotion"]["sha256"]
    assert len(told["price_table"]["sha256"]) == len(sha256) == 64
    assert {cell["provenance"]["dataset_sha256"] for cell in told["cells"]} == {sha256}
    assert len(told["cpu_loop_ms"]["start"]) == len(told["cpu_loop_ms"]["end"]) == 10
    entries = read_journal(folder / "journal.jsonl")
    assert entries[0]["kind"] == "session"
    heard = [entry for entry in entries if entry["kind"] == "heard"]
    for kind in (Report, InvocationRecord):
        seen = [entry["value"] for entry in heard if entry["what"] == kind.__name__]
        assert len(seen) == 32
        assert all(set(value) == set(kind.__dataclass_fields__) for value in seen)
    rows = load_run(folder, project.root / ".lambda-ml").cells[0].invocations
    reports = {e["value"]["request_id"]: e["value"] for e in heard if e["what"] == "Report"}
    assert set(rows["request_id"]) == set(reports)
    for row in rows.to_dict("records"):
        assert row["duration_ms"] == reports[row["request_id"]]["duration_ms"]


def test_a_session_that_was_killed_is_read_from_its_journal(project, tmp_path) -> None:
    """The same cell from the journal alone as from the files of the whole run."""
    folder = sorted(project.root.glob(".lambda-ml/runs/*"))[0]
    left = tmp_path / "runs" / folder.name
    left.mkdir(parents=True)
    shutil.copy(folder / "journal.jsonl", left)
    killed, whole = load_run("latest", tmp_path), load_run(folder, tmp_path)
    assert killed.partial
    assert killed.cells[0].figures == whole.cells[0].figures
    assert killed.cells[0].warm["billed_duration_ms"].tolist() == (
        whole.cells[0].warm["billed_duration_ms"].tolist()
    )
