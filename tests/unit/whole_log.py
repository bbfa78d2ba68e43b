"""A log read part by part, put together again for tests that look at all of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pytest_lambda_ml.analysis.import_logs import LogTables, log_parts


def read_log(path: Path) -> LogTables:
    parts = list(log_parts(path))
    reports, records = (
        pa.concat_tables(
            [getattr(part, name) for part in parts if getattr(part, name).num_rows]
            or [getattr(parts[0], name)]
        )
        .unify_dictionaries()
        .combine_chunks()
        for name in ("reports", "records")
    )
    endings = {request: how for part in parts for request, how in part.endings.items()}
    return LogTables(reports, records, endings)
