"""How near a cell's outputs are to the reference's, by digests and by what they stand for."""

from __future__ import annotations

import pytest
from cell_log import RUN, published, record, report, request_id
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.campaign.correlate import correlate
from pytest_lambda_ml.campaign.quality import ExpectedOutputs, Quality, compare_outputs
from pytest_lambda_ml.model import BatchOutputs, Outcome


def cell(*digests, failed=()):
    """Invocations 00000, 00001, … that logged these digests."""
    events = []
    for number, digest in enumerate(digests):
        error = {"error_type": "KeyError"} if number in failed else {}
        events += [
            record(f"{number:05d}", request_id(number), output_digest=digest, **error),
            report(request_id(number)),
        ]
    return correlate(RUN, published(*(f"{n:05d}" for n in range(len(digests)))), events)


def expected(*pairs):
    """By sample id, from (engine's outputs, reference's outputs); digests are "e" and "r"."""
    return {
        f"{number:05d}": ExpectedOutputs(
            BatchOutputs("r" if engine == reference else "e", tuple(engine)),
            BatchOutputs("r", tuple(reference)),
        )
        for number, (engine, reference) in enumerate(pairs)
    }


def test_equal_digests_are_equal_labels():
    pairs = expected((["joy", "fear"], ["joy", "fear"]), ([1, 2], [1, 2]))
    assert compare_outputs(cell("r", "r"), pairs) == Quality(agreement=1.0, unverified=0)


def test_agreement_is_the_share_of_equal_labels_over_all_invocations():
    pairs = expected((["joy", "joy"], ["joy", "fear"]), (["joy", "joy"], ["joy", "joy"]))
    assert compare_outputs(cell("e", "r"), pairs).agreement == 0.75


def test_what_the_function_gives_counts_and_not_what_the_handler_gives_here():
    """The engine disagrees here, but in Lambda it gave what the reference gives."""
    pairs = expected((["joy", "joy"], ["joy", "fear"]))
    assert compare_outputs(cell("r"), pairs) == Quality(agreement=1.0, unverified=0)


def test_labels_that_nothing_vouches_for_count_as_unequal_and_are_named():
    pairs = expected((["joy", "joy"], ["joy", "joy"]), (["joy", "joy"], ["joy", "joy"]))
    assert compare_outputs(cell("other", "r"), pairs) == Quality(agreement=0.5, unverified=1)
    assert compare_outputs(cell(None), pairs) == Quality(agreement=0.0, unverified=1)


def test_numbers_have_a_largest_difference_and_no_agreement():
    pairs = expected(([[1.0, 2.5]], [[1.0, 2.0]]), ([[0.0, 1.0]], [[0.0, 1.25]]))
    quality = compare_outputs(cell("e", "e"), pairs)
    assert quality == Quality(max_difference=0.5, unverified=0)


def test_numbers_that_nothing_vouches_for_have_no_difference():
    """A digest tells six digits: that it is the reference's does not bound the difference."""
    pairs = expected(([[1.0, 2.5]], [[1.0, 2.0]]))
    for digest in ("other", "r", None):
        quality = compare_outputs(cell(digest), pairs)
        assert quality == Quality(max_difference=None, unverified=1)


def test_another_number_of_numbers_is_no_small_difference():
    pairs = expected(([[1.0]], [[1.0, 2.0]]))
    assert compare_outputs(cell("e"), pairs).max_difference == float("inf")


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), None, "1.0"])
def test_what_is_no_finite_number_is_no_small_difference(wrong):
    pairs = expected(([[0.0, wrong]], [[0.0, 1.0]]))
    assert compare_outputs(cell("e"), pairs).max_difference == float("inf")


def test_equal_infinities_do_not_differ():
    pairs = expected(([[float("inf"), 1.5]], [[float("inf"), 1.0]]))
    assert compare_outputs(cell("e"), pairs).max_difference == 0.5


def test_only_successes_that_were_to_be_compared_count():
    pairs = expected((["joy"], ["joy"]), (["joy"], ["fear"]))
    invocations = cell("r", "e", failed=[1])
    assert invocations[1].outcome is Outcome.FAILED
    assert compare_outputs(invocations, pairs).agreement == 1.0
    assert compare_outputs(invocations, {}) == Quality()
    assert compare_outputs(cell("r", failed=[0]), pairs) == Quality()


labels = st.lists(st.sampled_from(["joy", "fear"]), min_size=1, max_size=8)


@given(st.lists(labels, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_agreement_is_what_counting_item_by_item_gives(batches, rng):
    pairs = [([rng.choice(["joy", "fear"]) for _ in batch], batch) for batch in batches]
    digests = ["r" if engine == reference else "e" for engine, reference in pairs]
    equal = sum(a == b for pair in pairs for a, b in zip(*pair, strict=True))
    quality = compare_outputs(cell(*digests), expected(*pairs))
    assert quality.agreement == pytest.approx(equal / sum(map(len, batches)))
