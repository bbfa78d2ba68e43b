"""Cold starts taken apart. Pure.

interpreter and runtime client ─ imports ─ model load ─ first batch
└────────────── Init Duration ──────────┘                            loaded in the first invocation
└────────────── Init Duration ───────────────────────┘               loaded at import
└─────────────────── cold start ─────────────────────┘               in both cases
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.measure.statistics import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.model import Invocation

__all__ = ["cold_start_ms", "loaded_inside", "made_ready_ms", "runtime_ms", "waterfall"]

MEDIAN = 50
ONE_MS = 1.0


def waterfall(cold: Sequence[Invocation]) -> dict[str, float | None]:
    """The medians of the parts over cold invocations, named as in `CellFigures`.

    What a restored environment imported and loaded before its snapshot was taken is no part.
    """
    records = [item.record for item in cold if item.record]
    imported = [item.record for item in cold if item.record and not _restored(item)]
    loaded = [
        item.record for item in cold if item.record and (loaded_inside(item) or not _restored(item))
    ]
    parts = {
        "init_ms_p50": [made_ready_ms(item) for item in cold],
        "runtime_ms_p50": [runtime_ms(item) for item in cold],
        "imports_ms_p50": [record.imports_ms for record in imported],
        "initialization_ms_p50": [record.initialization_ms for record in loaded],
        "first_batch_ms_p50": [record.processing_ms for record in records],
        "cold_start_ms_p50": [cold_start_ms(item) for item in cold],
    }
    return {
        name: percentile([value for value in values if value is not None], MEDIAN)
        for name, values in parts.items()
    }


def made_ready_ms(invocation: Invocation) -> float | None:
    """How long the platform took to make the environment ready: by Init, or by Restore."""
    report = invocation.report
    if report is None:
        return None
    if report.init_duration_ms is not None:
        return report.init_duration_ms
    return report.restore_duration_ms


def _restored(invocation: Invocation) -> bool:
    report = invocation.report
    return report is not None and report.restore_duration_ms is not None


def runtime_ms(invocation: Invocation) -> float | None:
    """What of the Init Duration is not the handler's: interpreter, runtime client, wrapper."""
    report, record = invocation.report, invocation.record
    if report is None or record is None:
        return None
    if report.init_duration_ms is None or record.imports_ms is None:
        return None
    own = record.imports_ms
    if not loaded_inside(invocation):
        own += record.initialization_ms or 0.0
    return max(report.init_duration_ms - own, 0.0)


def cold_start_ms(invocation: Invocation) -> float | None:
    """Init Duration and, where the model is loaded in the first invocation, its loading.

    ``None`` unless both are known.
    """
    ready_ms = made_ready_ms(invocation)
    record = invocation.record
    if ready_ms is None or record is None or record.initialization_ms is None:
        return None
    return ready_ms + (record.initialization_ms if loaded_inside(invocation) else 0.0)


def loaded_inside(invocation: Invocation) -> bool:
    """Whether initialisation lay inside the invocation, by its times: one at import did not."""
    report, record = invocation.report, invocation.record
    if report is None or record is None:
        return False
    began, ended = record.initialization_started_at_ms, record.processing_ended_at_ms
    if began is None or ended is None:
        return False
    return ended - began <= (report.duration_ms or 0.0) + ONE_MS
