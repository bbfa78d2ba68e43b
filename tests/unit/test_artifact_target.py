"""What wheels fit a target, and which markers hold there."""

from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.tags import sys_tags

from pytest_lambda_ml.artifact import Target, host_target


def test_the_default_runtime_is_python_3_13():
    assert Target(architecture="arm64").runtime == "python3.13"


@pytest.mark.parametrize(
    ("target", "best", "uv"),
    [
        (Target(architecture="x86_64"), "manylinux_2_34_x86_64", "x86_64-manylinux_2_34"),
        (Target(architecture="arm64"), "manylinux_2_34_aarch64", "aarch64-manylinux_2_34"),
        (
            Target(architecture="x86_64", python_version="3.12"),
            "manylinux_2_34_x86_64",
            "x86_64-manylinux_2_34",
        ),
        (
            Target(architecture="x86_64", python_version="3.11"),  # Amazon Linux 2: glibc 2.26
            "manylinux_2_26_x86_64",
            "x86_64-manylinux_2_17",
        ),
        (
            Target(architecture="arm64", python_version="3.11", glibc_minor=30),
            "manylinux_2_30_aarch64",
            "aarch64-manylinux_2_28",
        ),
    ],
)
def test_the_c_library_decides_which_wheels_fit(target, best, uv):
    assert target.platform_tags[0] == best
    assert target.uv_platform == uv


def test_older_tags_fit_too_under_both_of_their_names():
    tags = Target(architecture="arm64").platform_tags
    assert {"manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= {*tags}
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("python_version >= '3.13'", True),
        ("python_version < '3.13'", False),
        ("python_full_version >= '3.13.0'", True),
        ("platform_machine == 'aarch64' and sys_platform == 'linux'", True),
        ("platform_machine == 'x86_64'", False),
        ("platform_system == 'Windows' or os_name == 'nt'", False),
        ("implementation_name == 'cpython'", True),
        ("extra == 'test'", False),
    ],
)
def test_markers_are_judged_for_the_function(marker, holds):
    environment = Target(architecture="arm64").marker_environment
    assert Marker(marker).evaluate(environment) is holds


def test_what_fits_this_machine_is_what_its_own_pip_takes():
    fits = set(host_target().platform_tags)
    assert {tag.platform for tag in sys_tags() if "manylinux" in tag.platform} <= fits
