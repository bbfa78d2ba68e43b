"""Imports of exported logs, against a loop over lines with `re` that keeps the same values.

The loop is as fast as it is made with `re`: a match at the beginning of each line, the values of a
record by one pattern (`json.loads` of each record takes as long). An import reads on all cores and
stores what is read meanwhile; interpreter start aside.

``IMPORT_INVOCATIONS`` sets how many invocations the files have (a million by default).
"""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_lambda_ml.analysis.import_csv import THESIS_COLUMNS
from pytest_lambda_ml.analysis.import_logs import log_parts
from pytest_lambda_ml.analysis.import_records import FIELDS
from pytest_lambda_ml.analysis.import_run import Guess, import_files
from pytest_lambda_ml.analysis.load import load_run

INVOCATIONS = int(os.environ.get("IMPORT_INVOCATIONS", "1000000"))
CELLS = 63
ROUNDS = 2
TWO_FREE_CORES = 1.6
RATIO, RATIO_OF_ONE_CORE = 10, 5
WHOLE = {True: {True: 10, False: 4}, False: {True: 3, False: 2}}
"""The same of a whole import, with records and without, on two free cores and on one."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""An import reads on all cores; where something else has them it is held to what one core does."""

REPORT = re.compile(
    r"REPORT RequestId: (\S+)\s+Duration: ([\d.]+) ms\s+Billed Duration: (\d+) ms\s+"
    r"Memory Size: (\d+) MB\s+Max Memory Used: (\d+) MB(?:\s+Init Duration: ([\d.]+) ms)?"
)
VALUES = {"string": r'(?:"([^"]*)"|null)', "int32": r"(\d+|null)", "bool": "(true|false)"}
RECORD = re.compile(
    r'\{"type": "pytest_lambda_ml\.invocation"'
    + "".join(
        rf'.*?"{name}": ' + (r"(\{[^}]*\})" if name == "figures" else VALUES.get(kind, r"([^,}]*)"))
        for name, kind in FIELDS.items()
    )
)


def number(text: str) -> float | None:
    return None if text == "null" else float(text)


def whole(text: str) -> int | None:
    return None if text == "null" else int(text)


READ = [
    {"string": str, "int32": whole, "bool": "true".__eq__}.get(kind, number)
    for kind in FIELDS.values()
]


def loop(path: Path) -> tuple[int, int]:
    """Line by line: the REPORT's six values, and the fields of the record, a match each."""
    reports, records = {}, {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            if found := REPORT.match(line):
                request, duration, billed, memory, used, init = found.groups()
                reports[request] = (
                    float(duration),
                    float(billed),
                    int(memory),
                    int(used),
                    float(init) if init else None,
                )
            elif found := RECORD.match(line):
                values = [
                    None if text is None else read(text)
                    for read, text in zip(READ, found.groups(), strict=True)
                ]
                records[values[REQUEST]] = values
    return len(reports), len(records)


REQUEST = list(FIELDS).index("request_id")


def columns(path: Path) -> tuple[int, int]:
    counts = [(part.reports.num_rows, part.records.num_rows) for part in log_parts(path)]
    reports, records = map(sum, zip(*counts, strict=True))
    return reports, records


def lines(*, wrapped: bool) -> Iterator[str]:
    """A log of 63 cells: START, END and REPORT, and what the wrapper says if it was used."""
    for number in range(INVOCATIONS):
        cell, cold = number % CELLS, number < 10 * CELLS
        request = f"{number:08x}-0000-4000-8000-{number * 7919:012x}"
        memory, duration = 256 * (1 + cell % 7), 3.0 + (number * 37 % 9973) / 100.0
        yield f"START RequestId: {request} Version: $LATEST\n"
        if wrapped:
            yield from records(number, cell, request, memory, duration, cold=cold)
        yield f"END RequestId: {request}\n"
        yield (
            f"REPORT RequestId: {request}\tDuration: {duration:.2f} ms\t"
            f"Billed Duration: {int(duration) + 1} ms\tMemory Size: {memory} MB\t"
            f"Max Memory Used: 197 MB\t{'Init Duration: 1480.21 ms' + chr(9) if cold else ''}\n"
        )


def records(
    number: int, cell: int, request: str, memory: int, duration: float, *, cold: bool
) -> Iterator[str]:
    identity = {
        "schema_version": 1,
        "run_id": "c0ffee00",
        "sample_id": f"{number:07d}",
        "sns_message_id": f"21ac2dfb-99b0-4caf-aabd-{number:012x}",
        "request_id": request,
        "environment_id": f"4681a6fadf5f47b5918e5f08c022{number % 630:04x}",
    }
    yield json.dumps({"type": "pytest_lambda_ml.start", **identity}) + "\n"
    began = 1795496521272.4841 + number * 3.7
    started = began if cold else None
    yield (
        json.dumps(
            {
                "type": "pytest_lambda_ml.invocation",
                **identity,
                "function_name": f"plml-c0ffee00-{cell:03d}-a{cell // 7}-fast-{memory}-10-100",
                "function_version": "$LATEST",
                "memory_mb": memory,
                "cold": cold,
                "initialization_started_at_ms": started,
                "initialization_ended_at_ms": started,
                "initialization_ms": 491.8269009999676 if cold else None,
                "processing_started_at_ms": began,
                "processing_ended_at_ms": began + duration,
                "processing_ms": duration * 0.98,
                "cpu_time_ms": duration * 0.9,
                "runtime_start_ms": None,
                "imports_ms": None,
                "fetching_ms": None,
                "batch_size": 100,
                "cpu_count": 2,
                "cpu_model": "AMD EPYC",
                "output_digest": "6485c33901914f11",
                "weights": None,
                "figures": {},
                "error_type": None,
                "error_message": None,
            }
        )
        + "\n"
    )


@pytest.fixture(scope="module", params=[False, True], ids=["platform lines", "with records"])
def log(request, tmp_path_factory) -> tuple[Path, bool]:
    path = tmp_path_factory.mktemp("logs") / "export.log"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines(wrapped=request.param))
    return path, request.param


def speedup_of_two_threads() -> float:
    """How much faster two threads are than one at work that lets go of Python's lock."""
    text = bytes(64 << 20)
    started = time.perf_counter()
    zlib.crc32(text)
    zlib.crc32(text)
    one = time.perf_counter() - started
    with ThreadPoolExecutor(max_workers=2) as pool:
        started = time.perf_counter()
        list(pool.map(zlib.crc32, [text, text]))
        return one / (time.perf_counter() - started)


def best_s(work: Callable[[Path], object], path: Path) -> float:
    started = time.perf_counter()
    work(path)
    return time.perf_counter() - started


def test_an_import_takes_a_fraction_of_what_a_loop_takes(log, tmp_path) -> None:
    """Interleaved, the best of some rounds each: reading alone, and the whole import.

    The whole import also joins, prices and stores: figures, run.json and Parquet. Held to ten times
    the loop are, on two free cores, the reading of either log, and the import of one of a run. A
    log of platform lines alone has little for the loop to do, and its rows are as long to store.
    """
    path, wrapped = log
    expected = (INVOCATIONS, INVOCATIONS if wrapped else 0)
    assert columns(path) == loop(path) == expected
    folders = []

    def whole(path: Path) -> None:
        folders.append(import_files([path], tmp_path, NOW, guess=Guess()))

    works = (columns, whole, loop)
    times = [[best_s(work, path) for work in works] for _ in range(ROUNDS)]
    reading, importing, looping = (min(each) for each in zip(*times, strict=True))
    free = min(speedup_of_two_threads() for _ in range(ROUNDS)) >= TWO_FREE_CORES
    print(
        f"\n{path.stat().st_size / INVOCATIONS:.0f} bytes per invocation, "
        f"{'two free cores' if free else 'one core'}: loop {looping:.2f} s; "
        f"reading {reading:.2f} s, {looping / reading:.1f} times; "
        f"whole import {importing:.2f} s, {looping / importing:.1f} times"
    )
    run = load_run(folders[-1], tmp_path)
    assert sum(cell.outcomes.succeeded for cell in run.cells) == INVOCATIONS
    assert len(run.cells) == (CELLS if wrapped else 7)
    assert looping / reading >= (RATIO if free else RATIO_OF_ONE_CORE)
    assert looping / importing >= WHOLE[wrapped][free]
    assert importing <= 60 * max(INVOCATIONS / 1_000_000, 0.1)


def test_a_thesis_csv_is_a_matter_of_seconds(tmp_path) -> None:
    """As many rows of the thesis' tool, a tenth of them cold."""
    path = tmp_path / "thesis.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(THESIS_COLUMNS) + "\n")
        file.writelines(thesis_rows())
    started = time.perf_counter()
    folder = import_files([path], tmp_path, datetime(2026, 1, 1, tzinfo=UTC), guess=Guess())
    took = time.perf_counter() - started
    cells = load_run(folder, tmp_path).cells
    assert len(cells) == CELLS
    assert sum(cell.outcomes.succeeded for cell in cells) == INVOCATIONS
    print(f"\n{took:.1f} s for {INVOCATIONS:,} rows: {INVOCATIONS / took:,.0f} a second")
    assert took <= 60 * max(INVOCATIONS / 1_000_000, 0.1)


def thesis_rows() -> Iterator[str]:
    for number in range(INVOCATIONS):
        cell, cold, began = number % CELLS, number % 10 == 0, 1.7e9 + number / 100
        memory, billed = 256 * (1 + cell % 7), 101 + number % 97
        times = f"{began:.3f},{began + 0.5:.3f}" if cold else "NA,NA"
        yield (
            f"message-{number},a{cell // 7}-lambda-{memory},a{cell // 7},environment-{number % 630}"
            f",100,{cold},{times},{began + 0.5:.3f},{began + 0.6:.3f},{0.5 if cold else 'NA'},0.1,"
            f"{billed - 0.5},{billed},{memory},190,2\n"
        )
