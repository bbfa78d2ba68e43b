"""Figures rest on one kind of invocations each; absent is None."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from cell_log import RUN, published, record, report, request_id, success

from pytest_lambda_ml.campaign.backend import Backend
from pytest_lambda_ml.campaign.correlate import correlate
from pytest_lambda_ml.campaign.figures import (
    cell_figures,
    count_outcomes,
    extra_info,
    warm_samples_s,
)
from pytest_lambda_ml.campaign.honesty import cores_on_lambda, describe_provenance, promise_notes
from pytest_lambda_ml.campaign.result import CellFigures, CellResult
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import Configuration, Invocation, Provenance

PRICES = load_prices().prices("us-east-1", "x86_64")

# The names that issue and README promise to those who read saved benchmarks.
EXTRA_INFO = [
    "backend",
    "region",
    "architecture",
    "algorithm",
    "engine",
    "memory_mb",
    "concurrency",
    "batch_size",
    "published",
    "succeeded",
    "failed",
    "timed_out",
    "out_of_memory",
    "throttled",
    "missing",
    "cold_starts",
    "environments",
    "duration_ms_p50",
    "duration_ms_p95",
    "duration_ms_mean",
    "billed_ms_mean",
    "billed_ms_total",
    "init_ms_p50",
    "initialization_ms_p50",
    "processing_ms_p50",
    "runtime_ms_p50",
    "imports_ms_p50",
    "first_batch_ms_p50",
    "cold_start_ms_p50",
    "max_memory_mb",
    "gb_seconds_per_1k_items",
    "cost_usd_per_million",
    "cost_usd_per_1k_items",
    "cost_usd_total",
    "makespan_s",
    "agreement",
    "max_difference",
    "items_per_s",
    "tokens_per_s",
    "time_to_first_token_ms",
    "cost_usd_per_million_tokens",
    "prompt_tokens",
    "new_tokens",
    "vcpu",
    "cpu_enforced",
    "memory_enforced",
    "cpu_model",
    "price_date",
    "dependencies",
    "dataset",
    "weights",
]


def configuration(**values: Any) -> Configuration:
    defaults: dict[str, Any] = {
        "algorithm": "svm",
        "memory_mb": 512,
        "concurrency": 2,
        "batch_size": 10,
    }
    return Configuration(**{**defaults, **values})


def figures_of(invocations: tuple[Invocation, ...], **values: Any) -> CellFigures:
    return cell_figures(
        invocations,
        configuration(**values),
        PRICES,
        published_bytes=100 * len(invocations),
        log_bytes=0,
        makespan_s=1.5,
    )


def backend(**values: Any) -> Backend:
    defaults: dict[str, Any] = {
        "kind": "local",
        "clients": None,
        "region": "us-east-1",
        "cpu_enforced": "cgroup-v2",
        "memory_enforced": "cgroup-v2",
        "host_cores": 2,
        "capacity_vcpu": 1.0,
        "dependencies": "host",
    }
    return Backend(**{**defaults, **values})


def provenance(
    invocations: tuple[Invocation, ...] = (),
    *,
    parallel: int = 2,
    reserved: bool = True,
    notes: tuple[str, ...] = (),
    **values: Any,
) -> Provenance:
    cell = configuration(**{k: v for k, v in values.items() if k in {"memory_mb", "concurrency"}})
    machine = backend(**{k: v for k, v in values.items() if k not in {"memory_mb", "concurrency"}})
    return describe_provenance(
        machine,
        cell,
        invocations,
        price_date="2026-11-01",
        dataset="bundled",
        dataset_sha256=None,
        weights=None,
        parallel=parallel,
        reserved=reserved,
        notes=notes,
    )


def mixed() -> tuple[Invocation, ...]:
    """Two cold, three warm, one pre-initialised, one timeout, one missing; and a duplicate."""
    events = []
    for number, cold in ((0, True), (1, True), (2, False), (3, False), (4, False)):
        events += success(
            f"{number:05d}",
            request_id(number),
            stream=f"stream-{number % 2}",
            at=1_000 + number * 100,
            cold=cold,
            duration_ms=100.0 if cold else 10.0 + number,
            billed_duration_ms=220.0 if cold else 11.0 + number,
        )
    events += success(
        "00002",
        request_id(12),
        stream="stream-1",
        at=9_000,
        duration_ms=50.0,
        billed_duration_ms=50.0,
    )
    events += [
        record("00005", request_id(5), stream="stream-2", cold=True),
        report(request_id(5), stream="stream-2", duration_ms=70.0, billed_duration_ms=70.0),
        record("00006", request_id(6), stream="stream-3"),
        report(
            request_id(6),
            stream="stream-3",
            status="timeout",
            duration_ms=3000.0,
            billed_duration_ms=3000.0,
            max_memory_mb=300,
        ),
    ]
    return correlate(RUN, published(*(f"{number:05d}" for number in range(8))), events)


def test_warm_figures_are_of_warm_successes_only() -> None:
    figures = figures_of(mixed())
    assert (figures.warm_count, figures.cold_starts, figures.environments) == (3, 2, 4)
    assert figures.duration_ms_mean == pytest.approx(13.0)
    assert figures.duration_ms_p50 == pytest.approx(13.0)
    assert figures.duration_ms_p95 == pytest.approx(13.9)
    assert figures.billed_ms_mean == pytest.approx(14.0)
    assert figures.processing_ms_p50 == pytest.approx(5.0)


def test_cold_figures_are_of_cold_starts_only() -> None:
    figures = figures_of(mixed())
    assert figures.init_ms_p50 == pytest.approx(120.0)
    assert figures.initialization_ms_p50 == pytest.approx(40.0)


def test_the_headline_cost_is_that_of_warm_invocations() -> None:
    figures = figures_of(mixed())
    used = Decimal("0.042") * 512 / 1024  # 13 + 14 + 15 ms billed
    assert figures.gb_seconds_per_1k_items == pytest.approx(float(used / 30 * 1000))
    cost = used * PRICES.gb_second_usd + 3 * Decimal("0.0000002")
    assert figures.cost_usd_per_million == pytest.approx(float(cost / 3 * 1_000_000))
    assert figures.cost_usd_per_1k_items == pytest.approx(float(cost / 30 * 1000))


def test_the_total_is_of_everything_duplicates_and_failures_too() -> None:
    figures = figures_of(mixed())
    billed_ms = 2 * 220 + 13 + 14 + 15 + 50 + 70 + 3000
    assert figures.billed_ms_total == billed_ms
    used = Decimal(billed_ms) / 1000 * 512 / 1024
    assert figures.cost_total.gb_seconds_usd == used * PRICES.gb_second_usd
    assert figures.cost_total.requests_usd == 8 * Decimal("0.0000002")  # 8 reports, one missing
    assert figures.max_memory_mb == 300


def test_without_invocations_nothing_is_zero_that_is_absent() -> None:
    figures = figures_of(correlate(RUN, published("00000"), []))
    absent = [
        "duration_ms_p50",
        "duration_ms_p95",
        "duration_ms_mean",
        "billed_ms_mean",
        "billed_ms_total",
        "init_ms_p50",
        "initialization_ms_p50",
        "processing_ms_p50",
        "max_memory_mb",
        "gb_seconds_per_1k_items",
        "cost_usd_per_million",
        "cost_usd_per_1k_items",
        "effective_concurrency",
    ]
    assert {name: getattr(figures, name) for name in absent} == dict.fromkeys(absent)
    assert figures.warm_count == 0


def test_effective_concurrency_is_how_many_were_at_work_at_one_time() -> None:
    events = []
    for number, (begin, end) in enumerate([(0, 50), (40, 90), (60, 95), (200, 210)]):
        events += [
            record(
                f"{number:05d}",
                request_id(number),
                stream=f"stream-{number}",
                processing_started_at_ms=float(begin),
                processing_ended_at_ms=float(end),
            ),
            report(request_id(number), stream=f"stream-{number}"),
        ]
    invocations = correlate(RUN, published(*(f"{n:05d}" for n in range(4))), events)
    assert figures_of(invocations).effective_concurrency == 2


def result() -> CellResult:
    invocations = mixed()
    return CellResult(
        run_id=RUN,
        configuration=configuration(),
        outcomes=count_outcomes(8, invocations),
        invocations=invocations,
        figures=figures_of(invocations),
        provenance=provenance(invocations),
    )


def test_outcomes_account_for_every_published_message() -> None:
    outcomes = result().outcomes
    assert (outcomes.succeeded, outcomes.timed_out, outcomes.missing) == (6, 1, 1)
    assert outcomes.accounted_for
    assert not count_outcomes(9, mixed()).accounted_for, "the check can fail"


@pytest.mark.parametrize(
    ("metric", "samples_s"),
    [
        ("billed", [0.013, 0.014, 0.015]),
        ("duration", [0.012, 0.013, 0.014]),
        ("init", [0.12, 0.12]),
    ],
)
def test_samples_are_the_metrics_in_seconds(metric: Any, samples_s: list[float]) -> None:
    assert warm_samples_s(result(), metric) == pytest.approx(samples_s)


def test_extra_info_has_the_promised_names_and_json_values() -> None:
    info = extra_info(result())
    assert list(info) == EXTRA_INFO
    assert json.loads(json.dumps(info)) == info
    assert info["cost_usd_total"] == pytest.approx(float(result().figures.cost_total.total_usd))
    assert info["vcpu"] == pytest.approx(512 / 1769)
    assert info["published"] == 8
    assert info["weights"] is None
    assert info["cpu_model"] == "Test CPU"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"memory_mb": 10240}, "5.79 vCPU asked, this machine has 2"),
        ({"memory_mb": 3008}, "1.70 vCPU asked, 1 set aside"),
        ({"cpu_enforced": None}, "CPU share was not enforced"),
        ({"memory_enforced": None}, "memory limit was not enforced"),
        ({"parallel": 3, "concurrency": 10}, "3 of 10 invocations ran at one time"),
        ({"reserved": False}, "no concurrency was reserved"),
    ],
)
def test_what_could_not_be_measured_honestly_is_said(values: dict[str, Any], words: str) -> None:
    (note,) = provenance(**values).notes
    assert words in note


def test_aws_numbers_need_no_excuse() -> None:
    aws = provenance(
        kind="aws", cpu_enforced="aws", memory_enforced="aws", host_cores=None, capacity_vcpu=None
    )
    assert aws.notes == ()


def test_the_number_of_cores_that_the_handler_saw_is_compared_with_lambdas() -> None:
    notes = provenance(mixed(), memory_mb=5308, host_cores=8, capacity_vcpu=7.0).notes
    assert any("saw 2 cores, on Lambda it sees 4" in note for note in notes)
    assert provenance(mixed()).notes == ()


@pytest.mark.parametrize(
    ("memory_mb", "cores"),
    [(128, 2), (3008, 2), (3009, 3), (5307, 3), (5308, 4), (7077, 5), (8845, 5), (10240, 6)],
)
def test_cores_on_lambda(memory_mb: int, cores: int) -> None:
    assert cores_on_lambda(memory_mb) == cores


@pytest.mark.parametrize(
    ("promised", "measured", "missing"),
    [
        (("cosine",), {"quality": {"cosine": 0.9}}, None),
        (("cosine", "token_agreement"), {"quality": {"cosine": 0.9}}, "token agreement"),
        (("agreement",), {"agreement": 0.0}, None),
        (("agreement", "cosine"), {}, "agreement, cosine"),
        (("max_difference",), {"max_difference": 0.0}, None),
        (("max_difference",), {"unverified": 0}, "max difference"),
        ((), {}, None),
    ],
)
def test_a_promise_that_was_not_measured_is_said(
    promised: tuple[str, ...], measured: dict[str, Any], missing: str | None
) -> None:
    figures = replace(figures_of(mixed()), **measured)
    notes = [*promise_notes(configuration(engine="fast"), promised, figures)]
    assert [note.split(" in its")[0] for note in notes] == (
        [f"svm (fast) promises {missing}"] if missing else []
    )


def test_of_a_cell_without_an_answer_no_promise_is_said_to_be_unmeasured() -> None:
    assert not [*promise_notes(configuration(), ["cosine"], figures_of(()))]


def test_what_a_package_lacks_is_noted():
    lacks = "the package has no byte code"
    assert lacks in provenance(notes=(lacks,)).notes
    assert lacks not in provenance().notes
