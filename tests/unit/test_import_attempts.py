"""An import joins and counts attempts as a reading line by line does, whatever the order."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cell_log import record, report, request_id
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lambda_ml.analysis import import_logs
from pytest_lambda_ml.analysis.import_run import Guess, import_files
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.record import parse_record
from pytest_lambda_ml.measure.report_line import parse_report
from pytest_lambda_ml.store.invocations import INVOCATIONS_FILE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENDINGS = {"timeout": "timed_out", "error": "failed"}

events = st.lists(
    st.tuples(
        st.sampled_from(["both", "both", "both", "record", "report", "crossed", "torn"]),
        st.integers(0, 9),  # the request, of which some come again
        st.sampled_from([None, None, None, "timeout", "error"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


def lines_of(event: tuple[str, int, str | None, bool]) -> list[str]:
    """A request is of one message and function; a message may come in two requests."""
    kind, request, status, cold = event
    sample, function = request // 2, "pca-512" if request % 3 == 0 else "svm-256"
    told = record(f"{sample:05d}", request_id(request), function_name=function, cold=cold).message
    ended = report(
        request_id(request), status=status, init_duration_ms=99.5 if cold else None
    ).message
    torn = told[: len(told) // 2] + "\n"
    kinds = {
        "both": [told, ended],
        "record": [told],
        "report": [ended],
        "crossed": [ended, told],
        "torn": [torn, ended],
    }
    return [line.rstrip("\n") + "\n" for line in kinds[kind]]


def one_by_one(lines: list[str]) -> list[dict[str, Any]]:
    """The rows of a log, in its order, as the words of the documentation say them."""
    rows, last, known = [], {}, {}
    for line in lines:
        if found := parse_report(line):
            told = last.get(found.request_id)
            rows.append({"report": found, "record": told})
            last[found.request_id] = None
        elif found := parse_record(line):
            last[found.request_id] = found
            known.setdefault(found.request_id, found)
    attempts: dict[tuple[str | None, str], list[dict[str, Any]]] = {}
    for row in rows:
        report, told = row["report"], row["record"]
        names = told or known.get(report.request_id)
        row["function"] = names.function_name if names else None
        row["sample_id"] = names.sample_id if names else report.request_id
        row["outcome"] = ENDINGS.get(report.status, "succeeded")
        cold = report.init_duration_ms is not None
        first = told.cold if told else cold
        row["start"] = {
            (True, True): "cold",
            (False, False): "warm",
            (False, True): "pre_initialised",
        }.get((cold, first))
        attempts.setdefault((row["function"], row["sample_id"]), []).append(row)
    for several in attempts.values():
        good = [row for row in several if row["outcome"] == "succeeded"]
        chosen = (good or several)[0]
        for row in several:
            row["outcome"], row["counts"] = chosen["outcome"], row is chosen
            row["start"] = row["start"] if row is chosen else None
    return rows


@settings(max_examples=200, deadline=None)
@given(drawn=events, order=st.randoms(use_true_random=False), block=st.sampled_from([500, 1 << 20]))
def test_any_interleaving_is_joined_as_line_by_line(tmp_path_factory, drawn, order, block) -> None:
    """Requests that come again, records and REPORTs far apart, crossed, torn or alone."""
    streams = [lines_of(event) for event in drawn]
    lines = []
    while streams := [stream for stream in streams if stream]:
        lines.append(order.choice(streams[:3]).pop(0))
    folder = tmp_path_factory.mktemp("log")
    path = folder / "export.log"
    path.write_text("".join(lines))
    expected = one_by_one(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_logs, "BLOCK_BYTES", block)
        patch.setattr(import_logs, "SMALLEST_BLOCK_BYTES", block)
        if not expected:
            with pytest.raises(RunStoreError, match="has no REPORT line"):
                import_files([path], folder, NOW, guess=Guess())
            assert not list(folder.glob("runs/*"))
            return
        got = stored_rows(import_files([path], folder, NOW, guess=Guess()))
    assert got == [
        {
            "request_id": row["report"].request_id,
            "duration_ms": row["report"].duration_ms,
            "processing_ms": row["record"].processing_ms if row["record"] else None,
            "environment_id": row["record"].environment_id if row["record"] else None,
            "function_name": row["function"],
            **{name: row[name] for name in ("sample_id", "outcome", "start", "counts")},
        }
        for row in expected
    ]


def stored_rows(folder: Path) -> list[dict[str, Any]]:
    names = ["request_id", "duration_ms", "processing_ms", "environment_id", "function_name"]
    names += ["sample_id", "outcome", "start", "counts"]
    return pq.read_table(folder / INVOCATIONS_FILE, columns=names).to_pylist()
