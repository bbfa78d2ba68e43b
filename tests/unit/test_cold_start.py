"""The parts of a cold start, whether the model is loaded at import or in the first invocation."""

from __future__ import annotations

import pytest
from cell_log import RUN, published, record, report, request_id

from pytest_lambda_ml.campaign.cold_start import cold_start_ms, runtime_ms, waterfall
from pytest_lambda_ml.campaign.correlate import correlate

INSIDE = {"initialization_started_at_ms": 1_000.0, "processing_ended_at_ms": 1_070.0}
AT_IMPORT = {"initialization_started_at_ms": 500.0, "processing_ended_at_ms": 1_070.0}


def cold(*cells):
    """Cold invocations of (init duration, duration, fields of the record)."""
    events = []
    for number, (init_ms, duration_ms, fields) in enumerate(cells):
        stream = f"stream-{number}"
        one = record(f"{number:05d}", request_id(number), stream=stream, cold=True, **fields)
        platform = report(
            request_id(number), stream=stream, init_duration_ms=init_ms, duration_ms=duration_ms
        )
        events += [one, platform]
    return correlate(RUN, published(*(f"{n:05d}" for n in range(len(cells)))), events)


def test_a_model_loaded_in_the_first_invocation_adds_to_the_init_duration():
    (one,) = cold((900.0, 80.0, {"imports_ms": 850.0, "initialization_ms": 60.0, **INSIDE}))
    assert cold_start_ms(one) == 960.0
    assert runtime_ms(one) == 50.0


def test_a_model_loaded_at_import_is_in_the_init_duration_already():
    (one,) = cold((900.0, 15.0, {"imports_ms": 790.0, "initialization_ms": 60.0, **AT_IMPORT}))
    assert cold_start_ms(one) == 900.0
    assert runtime_ms(one) == 50.0


def test_what_a_snapshot_holds_is_no_part_of_a_restored_environment_s_start():
    fields = {"imports_ms": 790.0, "initialization_ms": 60.0, **AT_IMPORT}
    events = [
        record("00000", request_id(0), cold=True, **fields),
        report(request_id(0), restore_duration_ms=300.0, duration_ms=15.0),
    ]
    (one,) = correlate(RUN, published("00000"), events)
    parts = waterfall([one])
    assert (parts["init_ms_p50"], parts["cold_start_ms_p50"]) == (300.0, 300.0)
    assert parts["imports_ms_p50"] is parts["initialization_ms_p50"] is None


def test_the_parts_of_init_are_never_less_than_nothing():
    (one,) = cold((10.0, 80.0, {"imports_ms": 11.0, "initialization_ms": 60.0, **INSIDE}))
    assert runtime_ms(one) == 0.0


def test_what_is_not_known_is_absent():
    (no_imports,) = cold((900.0, 80.0, {**INSIDE}))
    assert runtime_ms(no_imports) is None
    (no_init,) = cold((None, 80.0, {"imports_ms": 1.0, **INSIDE}))
    assert runtime_ms(no_init) is cold_start_ms(no_init) is None
    assert set(waterfall([]).values()) == {None}


def test_the_waterfall_has_the_medians_of_all_parts():
    invocations = cold(
        *(
            (init, 80.0, {"imports_ms": init - 50, "initialization_ms": load, **INSIDE})
            for init, load in [(900.0, 60.0), (1000.0, 80.0), (800.0, 70.0)]
        )
    )
    assert waterfall(invocations) == pytest.approx(
        {
            "init_ms_p50": 900.0,
            "runtime_ms_p50": 50.0,
            "imports_ms_p50": 850.0,
            "initialization_ms_p50": 70.0,
            "first_batch_ms_p50": 5.0,
            "cold_start_ms_p50": 960.0,
        }
    )
