"""What fits into a zip, what goes to S3, and what is refused with which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.artifact.sizes import (
    EPHEMERAL_LIMIT_BYTES,
    IMAGE_LIMIT_BYTES,
    LIST_RESERVE_BYTES,
    ZIP_LIMIT_BYTES,
    artifacts_outside,
    check_gpu_free,
    check_image_size,
    too_large_for_zip,
)
from pytest_lambda_ml.errors import ArtifactError

LIMIT = 10_000_000
MB = 1_000_000


@pytest.mark.parametrize(
    ("code", "artifacts", "outside"),
    [
        (MB, {"a": 9 * MB}, ()),  # exactly the limit
        (MB, {"a": 9 * MB, "b": 1}, ("a",)),
        (MB, {"a": 4 * MB, "b": 5 * MB, "c": 6 * MB}, ("b", "c")),
        (MB, {"a": 6 * MB, "b": 6 * MB}, ("a",)),
        (LIMIT, {}, ()),
        (LIMIT + 1, {}, None),
        (LIMIT, {"a": 1}, None),  # no room for the list of what is outside
        (MB, {"a": EPHEMERAL_LIMIT_BYTES + 1}, None),
    ],
)
def test_the_largest_artifacts_go_outside_until_the_rest_fits(code, artifacts, outside):
    assert artifacts_outside(code, artifacts, LIMIT) == outside


@given(
    st.integers(0, LIMIT - LIST_RESERVE_BYTES),
    st.dictionaries(st.text(min_size=1), st.integers(0, 2 * LIMIT), max_size=8),
)
def test_what_stays_fits_and_no_smaller_number_of_files_would_do(code, artifacts):
    outside = artifacts_outside(code, artifacts, LIMIT)
    assert outside is not None
    stays = code + sum(size for name, size in artifacts.items() if name not in outside)
    assert stays <= LIMIT
    if outside:
        kept = sorted(artifacts.values(), reverse=True)[len(outside) - 1 :]
        assert code + sum(kept) > LIMIT - LIST_RESERVE_BYTES


def test_the_gaussian_mixture_of_412_mb_goes_to_s3_beside_scikit_learn():
    artifacts = {"model.joblib": 412_000_000, "vectorizer.joblib": 300_000}
    assert artifacts_outside(182_000_000, artifacts, ZIP_LIMIT_BYTES) == ("model.joblib",)


def test_the_refusal_lists_the_largest_parts_and_what_to_do():
    parts = {f"small-{number:02}": 1000 for number in range(12)} | {"torch": 650 * MB}
    message = str(too_large_for_zip("mine (reference)", parts))
    lines = message.splitlines()
    assert lines[0] == (
        "mine (reference): 650,012,000 bytes unzipped, and Lambda takes 262,144,000 in a zip"
    )
    assert lines[1].split() == ["650,000,000", "torch"]
    assert lines[11].split() == ["3,000", "3", "more"]
    assert 'package = "image" in handler.toml' in lines[12]


def test_an_image_has_a_limit_too():
    check_image_size("mine", {"torch": IMAGE_LIMIT_BYTES})
    with pytest.raises(ArtifactError, match=r"mine: .*\n .* torch"):
        check_image_size("mine", {"torch": IMAGE_LIMIT_BYTES, "more": 1})


def test_distributions_for_a_gpu_are_refused_with_a_way_out():
    check_gpu_free("mine", {"torch": 1, "nvidiaish": 1})
    with pytest.raises(ArtifactError, match=r"(?s)5,000 bytes are for a GPU.*build for CPUs"):
        check_gpu_free("mine", {"torch": 1, "nvidia-cublas": 5000})
