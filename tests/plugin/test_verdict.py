"""When outcomes fail a test, and what the failure says."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_lambda_ml.errors import CellFailedError, SettingError
from pytest_lambda_ml.model import FailureRecord, Invocation, Outcome, Outcomes, Report
from pytest_lambda_ml.plugin.verdict import check_outcomes, check_quality, parse_allow


def result(*outcomes: Outcome, published: int | None = None):
    counts = {outcome.value: outcomes.count(outcome) for outcome in Outcome}
    invocations = []
    for number, outcome in enumerate(outcomes):
        failure = None
        if outcome is Outcome.FAILED:
            failure = FailureRecord(
                request_id=f"req-{number}",
                function_name="f",
                condition="RetriesExhausted",
                run_id="r",
                sample_id=f"{number:05}",
                error_message="boom",
            )
        report = Report(request_id=f"req-{number}") if outcome is Outcome.OUT_OF_MEMORY else None
        invocations.append(
            Invocation(sample_id=f"{number:05}", outcome=outcome, failure=failure, report=report)
        )
    return SimpleNamespace(
        configuration=SimpleNamespace(cell_id="svm-reference-512-4-100"),
        outcomes=Outcomes(published=published or len(outcomes), **counts),
        invocations=tuple(invocations),
        provenance=SimpleNamespace(dependencies="host"),
    )


def test_succeeded_is_what_is_asked_for() -> None:
    check_outcomes(result(Outcome.SUCCEEDED, Outcome.SUCCEEDED), frozenset(), "/runs/x")


def test_an_outcome_that_is_not_allowed_fails_with_who_and_why_and_what_to_do() -> None:
    cell = result(Outcome.SUCCEEDED, Outcome.FAILED, Outcome.MISSING)
    with pytest.raises(CellFailedError) as error:
        check_outcomes(cell, frozenset(), "/runs/x")
    said = str(error.value)
    assert "svm-reference-512-4-100: 3 published, 1 succeeded, but" in said
    assert "1 failed: sample 00001 (request req-1)\n    boom" in said
    assert "1 missing: sample 00002" in said
    assert "/runs/x" in said
    assert "allow=('failed', 'missing',)" in said


def test_allowed_outcomes_pass_and_others_still_fail() -> None:
    allow = parse_allow(["out_of_memory"])
    check_outcomes(result(Outcome.OUT_OF_MEMORY), allow, "/runs/x")
    with pytest.raises(CellFailedError, match="1 timed_out"):
        check_outcomes(result(Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT), allow, "/runs/x")


@pytest.mark.parametrize(
    ("measured", "complaint"),
    [
        ({"cosine": 0.995}, None),
        ({"cosine": 0.98}, r"its cosine is 0\.98, not 0\.99 .*handler\.toml"),
        ({"cosine": float("nan")}, "its cosine is nan"),
        ({"token_agreement": 0.1}, None),
        ({}, None),
    ],
)
def test_measured_quality_is_held_to_what_the_engine_promises(measured, complaint) -> None:
    folder = SimpleNamespace(
        path=Path("bert/fast"),
        quality_floors={"cosine": 0.99},
        agreement_floor=None,
        difference_ceiling=None,
    )
    cell = result(Outcome.SUCCEEDED)
    cell.figures = SimpleNamespace(
        quality=measured, agreement=None, max_difference=None, unverified=None
    )
    with pytest.raises(CellFailedError, match=complaint) if complaint else nullcontext():
        check_quality(cell, folder)


def test_only_the_first_few_are_named() -> None:
    with pytest.raises(CellFailedError, match=r"9 missing: .*00004, and 4 more"):
        check_outcomes(result(*[Outcome.MISSING] * 9), frozenset(), "/runs/x")


def test_outcomes_that_do_not_add_up_fail_whatever_is_allowed() -> None:
    allow = frozenset(Outcome)
    with pytest.raises(CellFailedError, match="do not add up"):
        check_outcomes(result(Outcome.SUCCEEDED, published=2), allow, "/runs/x")


@pytest.mark.parametrize("allow", [["oom"], ["succeeded"], "oom", ["failed", "x"]])
def test_what_cannot_be_allowed_is_named_with_what_can(allow) -> None:
    with pytest.raises(SettingError, match="legal are failed, timed_out, out_of_memory"):
        parse_allow(allow)


def test_one_name_may_stand_alone() -> None:
    assert parse_allow("failed") == {Outcome.FAILED}
