"""Log text is read by columns exactly as it is read line by line, whatever a tool put around it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cell_log import failure, init_report, record, report, request_id, start, success
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_log import read_log

from pytest_lambda_ml.analysis import import_logs
from pytest_lambda_ml.analysis.import_records import FIELDS
from pytest_lambda_ml.analysis.import_run import Guess, import_files
from pytest_lambda_ml.analysis.load import load_run
from pytest_lambda_ml.campaign.correlate import correlate
from pytest_lambda_ml.campaign.figures import cell_figures
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.measure.record import parse_record
from pytest_lambda_ml.measure.report_line import format_report, parse_report
from pytest_lambda_ml.model import (
    Configuration,
    InvocationRecord,
    LogEvent,
    PublishedMessage,
    Report,
)

STREAM = "2026/11/24/[$LATEST]601168ddfc414ec6bf3ed90411a3ac2c"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def plain(events: list[LogEvent]) -> str:
    return "".join(event.message.rstrip("\n") + "\n" for event in events)


def tail(events: list[LogEvent]) -> str:
    """As ``aws logs tail`` prints."""
    return "".join(
        f"2026-11-24T05:01:54.{event.timestamp_ms:06d}+00:00 {STREAM} {event.message.rstrip()}\n"
        for event in events
    )


def filter_text(events: list[LogEvent]) -> str:
    """As ``aws logs filter-log-events --output text`` prints: keys in alphabetical order."""
    return "".join(
        f"EVENTS\t{number:056d}\t1795496521272\t{STREAM}\t{event.message}\t{event.timestamp_ms}\n"
        for number, event in enumerate(events)
    )


def filter_json(events: list[LogEvent]) -> str:
    """As ``aws logs filter-log-events`` prints."""
    told = [
        {
            "logStreamName": event.log_stream,
            "timestamp": event.timestamp_ms,
            "message": event.message,
            "ingestionTime": event.timestamp_ms,
            "eventId": event.event_id,
        }
        for event in events
    ]
    return json.dumps({"events": told, "searchedLogStreams": []}, indent=4)


FORMS = [plain, tail, filter_text, filter_json]


def campaign(count: int = 40, streams: int = 4) -> list[LogEvent]:
    """Invocations of some environments, the first of each cold."""
    return [
        event
        for number in range(count)
        for event in success(
            f"{number:05d}",
            request_id(number),
            stream=f"stream-{number % streams}",
            at=1_000 + 50 * number,
            cold=number < streams,
            duration_ms=10.25 + number,
            billed_duration_ms=11.0 + number,
        )
    ]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "export.log"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def imported(*files: Path) -> pd.DataFrame:
    """The rows of the run that an import of these files makes."""
    root = files[0].parent / ".lambda-ml"
    run = load_run(import_files(files, root, NOW, guess=Guess()), root)
    return pd.concat([cell.invocations for cell in run.cells])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_export_gives_the_same(tmp_path, form) -> None:
    events = campaign()
    tables = read_log(write(tmp_path, form(events)))
    reports = [parsed for event in events if (parsed := parse_report(event.message))]
    got = tables.reports.to_pylist()
    assert [row["request_id"] for row in got] == [parsed.request_id for parsed in reports]
    for name in ("duration_ms", "billed_duration_ms", "memory_mb", "init_duration_ms"):
        assert [row[name] for row in got] == [getattr(parsed, name) for parsed in reports]
    records = [
        parsed
        for event in events
        if isinstance(parsed := parse_record(event.message), InvocationRecord)
    ]
    for name in ("sample_id", "cold", "processing_ms", "initialization_ms", "environment_id"):
        assert [row[name] for row in tables.records.sort_by("place").to_pylist()] == [
            getattr(parsed, name) for parsed in records
        ]


numbers = st.floats(0.01, 99_999.99).map(lambda value: round(value, 2))
reports_drawn = st.builds(
    Report,
    request_id=st.uuids().map(str),
    duration_ms=numbers | st.floats(100_000.0, 900_000.0).map(lambda value: round(value, 2)),
    billed_duration_ms=st.integers(1, 900_000).map(float),
    memory_mb=st.integers(128, 10_240),
    max_memory_mb=st.integers(1, 10_240),
    init_duration_ms=st.none() | numbers,
    restore_duration_ms=st.none() | numbers,
    status=st.sampled_from([None, None, None, "timeout", "error"]),
    xray_trace_id=st.sampled_from([None, None, "1-5759e988-bd862e3fe1be46a994272793"]),
)
noise = st.sampled_from(
    [
        "START RequestId: 1 Version: $LATEST\n",
        "the REPORT RequestId: is in the text of the application\n",
        "REPORT RequestId: and nothing else\n",
        "\n",
        "END RequestId: 1\n",
        "größe — 12 €\n",
        '{"type": "something else"}\n',
    ]
)
mangled = st.sampled_from(
    [
        lambda line: line,
        lambda line: line,
        lambda line: line,
        lambda line: line.replace("\t", "  "),
        lambda line: line.replace("\n", "\r\n"),
        lambda line: line.replace(" ms\tMemory", " ms \tMemory"),
        lambda line: "2026-11-24T05:01:54.123Z " + line,
        lambda line: line[:-2] + "\tXRAY\n",
        lambda line: line.replace(".", "x", 1),
        lambda line: line.replace(" ms", "a ms", 1),
        lambda line: line.replace("Duration: ", "Duration: :", 1),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(noise | st.tuples(reports_drawn, mangled), min_size=1, max_size=30), st.booleans())
def test_any_mixture_is_read_as_line_by_line(tmp_path_factory, lines, ends_in_newline) -> None:
    events = [line if isinstance(line, str) else line[1](format_report(line[0])) for line in lines]
    expected = [parsed for event in events if (parsed := parse_report(event))]
    text = "".join(events)
    path = write(tmp_path_factory.mktemp("log"), text if ends_in_newline else text.rstrip("\n"))
    if not expected:
        with pytest.raises(RunStoreError, match="has no REPORT line"):
            read_log(path)
        return
    rows = read_log(path).reports.sort_by("place").to_pylist()
    got = [Report(**{name: row[name] for name in Report.__dataclass_fields__}) for row in rows]
    assert got == expected


times = st.none() | st.floats(0, 2e12) | st.sampled_from([1795496521272.4841, 0.1, 1e-7, 5])
words = st.sampled_from([None, "same", "other", "thirds", "", "x" * 70, "x" * 71])
RECORD_VALUES = {
    "type": st.sampled_from(["pytest_lambda_ml.invocation"] * 19 + ["pytest_lambda_ml.start"]),
    "schema_version": st.just(1),
    "run_id": st.just("c0ffee00"),
    "sample_id": st.integers(0, 99_999).map("{:05d}".format),
    "sns_message_id": words,
    "request_id": st.uuids().map(str),
    "environment_id": st.sampled_from(["0" * 32, "1" * 32]),
    "function_name": st.sampled_from(["svm", "svm-1024", "x" * 64]),
    "function_version": st.just("$LATEST"),
    "memory_mb": st.sampled_from([512, 10_240]),
    "cold": st.booleans(),
    "initialization_ms": times,
    "processing_started_at_ms": times,
    "processing_ms": times,
    "batch_size": st.sampled_from([1, 100, 100_000_000]),
    "cpu_count": st.none() | st.integers(1, 8),
    "cpu_model": words,
    "figures": st.just({}) | st.fixed_dictionaries({"tokens": st.integers(0, 999), "note": words}),
    "error_message": words,
}
records_drawn = st.fixed_dictionaries(RECORD_VALUES)
"""Few values of each kind, so that many lines have one form and some differ in one thing."""

broken = st.sampled_from(
    [
        *[lambda line: line] * 30,
        lambda line: line[: len(line) // 2],
        lambda line: line + "\r",
        lambda line: line.replace("sample_id", "sample"),
        lambda line: line.replace('"cold": ', '"cold":'),
        lambda line: line.replace(": 1", ": x1"),
        lambda line: line.replace("null", "NaN"),
        lambda line: line.replace("-", '"', 3),
        lambda line: line.replace(", ", ",\t"),
        lambda line: line.replace("same", "\\u00e9"),
        lambda line: line.replace("same", 'a \\"b\\"'),
        lambda line: line.replace('"figures": {}', '"figures": {"odd": true}'),
        lambda line: line.replace('"figures": {}', '"figures": {"odd": [1], "deep": {"a": 1}}'),
        lambda line: line.replace('"figures": {}', '"figures": {"odd": Infinity}'),
    ]
)


TAME = {
    "type": "pytest_lambda_ml.invocation",
    "schema_version": 1,
    "environment_id": "0" * 32,
    "function_name": "svm",
    "function_version": "$LATEST",
    "memory_mb": 512,
    "cold": False,
}


def tame(number: int) -> str:
    """A line like the others, with words of one length, and of several, and numbers."""
    told = {
        "run_id": f"{number:08d}",
        "sample_id": f"{number:05d}",
        "request_id": request_id(number),
        "processing_ms": number / 7,
        "batch_size": 10 + number,
        "figures": {"tokens": number, "note": f"note-{number:02d}"},
        "weights": "w" * number,
        "error_message": f"said-{number:02d}",
    }
    return json.dumps({**TAME, **told})


@pytest.mark.parametrize(
    "garble",
    [
        lambda line: line.replace('"run_id": "000', '"run_id": "0"0'),
        lambda line: line.replace('"sample_id": "000', '"sample_id": "0"0'),
        lambda line: line.replace("said-", "\\n---"),
        lambda line: line.replace("said-", '\\"\\"-'),
        lambda line: line.replace('"tokens": 3', '"tokens": NaN'),
        lambda line: line.replace('"tokens": 3', '"tokens": Infinity'),
        lambda line: line.replace('"processing_ms": 0.', '"processing_ms": x.'),
        lambda line: line.replace('"processing_ms": 0.', '"processing_ms": 1e999, "a": 0.'),
        lambda line: line.replace('"batch_size": 13', '"batch_size": 1x'),
        lambda line: line.replace('"batch_size": 13', '"batch_size": 1.5'),
        lambda line: line.replace('"batch_size": 13', '"batch_size": 123456789'),
        lambda line: line.replace('"memory_mb": 512', '"memory_mb": "512"'),
        lambda line: line.replace('"cold": false', '"cold": null'),
        lambda line: line + "}",
        lambda line: line + " {}",
        lambda line: line[:-1] + ', "b": 1}',
        lambda line: line[:-3] + "}",
        lambda line: line + "\r",
        lambda line: line[:70],
        lambda line: line.replace(": ", ":"),
        lambda line: line.replace('"note": ', '"odd": true, "note": '),
        lambda line: line.replace('"note": ', '"odd": [1], "note": '),
        lambda line: line.replace('"note": ', '"odd": {"a": 1}, "note": '),
    ],
)
@pytest.mark.parametrize("which", [range(3, 4), range(40)], ids=["one line", "all lines"])
def test_a_garbled_record_is_read_as_by_itself(tmp_path, garble, which) -> None:
    lines = [garble(tame(number)) if number in which else tame(number) for number in range(40)]
    assert lines != [tame(number) for number in range(40)]
    assert_records_as_one_by_one(tmp_path, lines)


def test_records_of_one_form_are_read_together(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(import_logs, "read_event", lambda event: pytest.fail(event.message))
    assert_records_as_one_by_one(tmp_path, [tame(number) for number in range(40)])


def assert_records_as_one_by_one(tmp_path: Path, lines: list[str]) -> None:
    expected = [
        found for line in lines if isinstance(found := parse_record(line + "\n"), InvocationRecord)
    ]
    after = plain([report(request_id(number)) for number in range(20)])
    text = "".join(line + "\n" for line in lines) + after
    rows = read_log(write(tmp_path, text)).records.sort_by("place").to_pylist()
    for row in rows:
        row["figures"] = json.loads(row["figures"])
        del row["place"]
    assert rows == [{name: getattr(each, name) for name in FIELDS} for each in expected]


@settings(max_examples=100, deadline=None)
@given(
    base=records_drawn,
    differing=st.sets(st.sampled_from(sorted(RECORD_VALUES)), max_size=4),
    others=st.lists(st.tuples(records_drawn, st.booleans(), broken), min_size=8, max_size=40),
    block=st.sampled_from([9_000, 1 << 20]),
)
def test_any_records_are_read_as_one_by_one(
    tmp_path_factory, base, differing, others, block
) -> None:
    """Lines like one another but for some values, and lines that are cut or garbled."""
    lines = []
    for other, same, mangle in others:
        changed = {"request_id"} if same else {"request_id", *differing}
        told = {name: (other if name in changed else base)[name] for name in RECORD_VALUES}
        lines.append(mangle(json.dumps(told)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_logs, "BLOCK_BYTES", block)
        assert_records_as_one_by_one(tmp_path_factory.mktemp("log"), lines)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(200, 3_000))
def test_where_blocks_end_does_not_matter(tmp_path_factory, size) -> None:
    events = campaign(12)
    path = write(tmp_path_factory.mktemp("log"), plain(events))
    whole = read_log(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_logs, "BLOCK_BYTES", size)
        cut = read_log(path)
    assert cut.reports.sort_by("place").equals(whole.reports.sort_by("place"))
    assert cut.records.sort_by("place").to_pylist() == whole.records.sort_by("place").to_pylist()


def test_records_with_escapes_or_of_another_shape_are_read_one_by_one(tmp_path) -> None:
    events = campaign(20)
    odd = record("00098", request_id(98), error_type="ValueError", error_message='a "b"\n<c>')
    other = record("00099", request_id(99), figures={"tokens": 5, "note": "x"})
    told = [*events, odd, report(request_id(98)), other, report(request_id(99))]
    rows = imported(write(tmp_path, plain(told))).set_index("sample_id")
    assert rows.loc["00098", "handler_error_message"] == 'a "b"\n<c>'
    assert rows.loc["00098", "outcome"] == "failed"
    assert rows.loc["00099", "processing_ms"] == 5.0
    assert (rows["outcome"] == "succeeded").sum() == 21


def test_a_retry_counts_once_and_is_billed_twice(tmp_path) -> None:
    events = [
        *campaign(10),
        start("00050", request_id(50), at=5_000),
        report(request_id(50), at=5_100, status="timeout"),
        *success("00050", request_id(50), stream="stream-b", at=9_000, cold=True),
    ]
    rows = imported(write(tmp_path, plain(events)))
    tried = rows[rows["request_id"] == request_id(50)]
    assert tried["counts"].sum() == 1
    # The first attempt has no invocation record, so only the second is known by its sample.
    assert set(rows[rows["sample_id"] == "00050"]["outcome"]) == {"succeeded"}


def test_old_lines_about_timeouts_are_heeded(tmp_path) -> None:
    request = request_id(7)
    line = f"2024-01-31T12:02:08.123Z {request} Task timed out after 3.00 seconds\n\n"
    text = plain([*campaign(3), report(request)]) + line
    rows = imported(write(tmp_path, text)).set_index("request_id")
    assert rows.loc[request, "outcome"] == "timed_out"


def test_an_import_has_the_figures_that_the_campaign_had(tmp_path) -> None:
    """The same log, read by a campaign message by message and by an import column by column."""
    count, events = 60, campaign(60)
    published = [PublishedMessage(f"{n:05d}", f"sns-{n}", 1_000) for n in range(count)]
    invocations = correlate("c0ffee00", published, events)
    configuration = Configuration(algorithm="svm", memory_mb=512, concurrency=4, batch_size=10)
    expected = cell_figures(
        invocations,
        configuration,
        load_prices().prices("us-east-1"),
        published_bytes=0,
        log_bytes=0,
        makespan_s=None,
    )
    folder = import_files(
        [write(tmp_path, plain(events))], tmp_path, NOW, guess=Guess(algorithm="svm")
    )
    cell = load_run(folder, tmp_path).cells[0]
    assert cell.configuration == configuration
    assert cell.outcomes.succeeded == cell.outcomes.published == count
    got = cell.figures
    for name in expected.__dataclass_fields__:
        if name in {"cost_total", "makespan_s"}:
            continue
        assert getattr(got, name) == pytest.approx(getattr(expected, name)), name
    for item in ("gb_seconds_usd", "requests_usd"):
        told = getattr(expected.cost_total, item)
        assert float(getattr(got.cost_total, item)) == pytest.approx(float(told))


def test_cells_are_told_apart_by_function_memory_and_batch(tmp_path) -> None:
    text = ""
    for memory, name in (
        (512, "plml-c0ffee00-001-tiny-llama-v0-fast-512-8-1"),
        (1024, "my-svm-1024"),
    ):
        for number in range(4):
            request = request_id(memory * 10 + number)
            told: dict[str, Any] = {"function_name": name, "batch_size": 100 if memory > 512 else 1}
            sample = f"{memory + number:05d}"
            text += plain([record(sample, request, **told), report(request, memory_mb=memory)])
    folder = import_files([write(tmp_path, text)], tmp_path, NOW, guess=Guess())
    cells = load_run(folder, tmp_path).cells
    assert [cell.cell_id for cell in cells] == [
        "tiny-llama-v0-fast-512-8-1",
        "my-svm-reference-1024-1-100",
    ]


def test_the_command_says_what_it_found_and_the_run_is_one_like_others(tmp_path) -> None:
    path = write(tmp_path, plain(campaign()))
    arguments = ["--dir", str(tmp_path / ".lambda-ml")]
    got = CliRunner().invoke(cli, ["import", str(path), "--algorithm", "svm", *arguments])
    assert got.exit_code == 0, got.output
    assert "svm-reference-512-4-10: 40 invocations, 36 warm, 4 cold" in got.output
    listed = CliRunner().invoke(cli, ["runs", *arguments])
    assert "imported" in listed.output
    again = CliRunner().invoke(cli, ["compare", "latest", "latest", *arguments])
    assert "unchanged" in again.output


def test_what_has_no_reports_is_refused(tmp_path) -> None:
    path = write(tmp_path, "START RequestId: 1 Version: $LATEST\n")
    got = CliRunner().invoke(cli, ["import", str(path), "--dir", str(tmp_path)])
    assert got.exit_code != 0
    assert "has no REPORT line" in str(got.exception or got.output)


def test_failures_of_the_queue_and_inits_are_no_reports(tmp_path) -> None:
    events = [*campaign(3), init_report("timeout", "init")]
    assert failure("00001", request_id(1)).condition == "RetriesExhausted"
    assert read_log(write(tmp_path, plain(events))).reports.num_rows == 3
