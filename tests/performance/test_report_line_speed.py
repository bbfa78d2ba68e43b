"""How many platform log lines are read in a second of one core's time."""

from __future__ import annotations

import json
import time

import pytest

from pytest_lambda_ml.measure.report_line import parse_report

ROUNDS = 5
LINES = 20_000

text_lines = [
    f"REPORT RequestId: 3604209a-e9a3-11e6-939a-{number:012d}\tDuration: {number % 977}.01 ms\t"
    f"Billed Duration: {number % 977 + 1} ms\tMemory Size: 512 MB\tMax Memory Used: 136 MB\t"
    + ("Init Duration: 110.10 ms\t\n" if number % 10 == 0 else "\n")
    for number in range(LINES)
]
json_records = [
    json.dumps(
        {
            "time": "2026-01-31T12:02:08.123Z",
            "type": "platform.report",
            "record": {
                "requestId": f"3604209a-e9a3-11e6-939a-{number:012d}",
                "metrics": {
                    "durationMs": number % 977 + 0.014,
                    "billedDurationMs": number % 977 + 1,
                    "memorySizeMB": 512,
                    "maxMemoryUsedMB": 136,
                },
                "status": "success",
            },
        }
    )
    for number in range(LINES)
]


def lines_per_second(lines):
    """The best of some rounds, in the processor time of this process: neighbours do not count."""
    best = 0.0
    for _ in range(ROUNDS):
        before = time.process_time()
        reports = [parse_report(line) for line in lines]
        best = max(best, len(lines) / (time.process_time() - before))
        assert all(reports)
    return best


@pytest.mark.parametrize(
    ("lines", "floor"),
    [(text_lines, 200_000), (json_records, 100_000)],
    ids=["canonical text", "json"],
)
def test_lines_per_second(lines, floor, record_property):
    rate = lines_per_second(lines)
    record_property("lines_per_second", round(rate))
    print(f"{rate:,.0f} lines/s")
    assert rate >= floor
