"""Which installed modules a function has, by what its requirements.txt asks for."""

from __future__ import annotations

import json

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pytest_lambda_ml.artifact.importable import importable_modules


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Make a distribution look installed; ``None`` for files: nobody wrote down which it has."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name: str, *requires: str, files: str | None = None, editable: bool = False):
        info = tmp_path / f"{canonicalize_name(name).replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {need}\n" for need in requires)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}"
        )
        if files is not None:
            lines = [f"{file},sha256=abc,1" for file in files.split()]
            (info / "RECORD").write_text("\n".join(lines) + "\n")
        if editable:
            told = {"url": "file:///src", "dir_info": {"editable": True}}
            (info / "direct_url.json").write_text(json.dumps(told))

    return install


def modules(*requirements: str) -> frozenset[str] | None:
    return importable_modules(map(Requirement, requirements))


def test_the_modules_of_all_that_is_required_and_of_the_runtime(install) -> None:
    install("Top.Level", "in_between>=1", files="top/__init__.py one.py ../../bin/top _c.abi3.so")
    install("in-between", "leaf; extra == 'more'", "top-level", files="between/__init__.py")
    install("leaf", files="leaf.py leaf-1.0.dist-info/RECORD")
    brought = modules("top.level") - modules()
    assert brought == {"top", "one", "_c", "between"}
    assert modules("in-between[more]") - modules("top-level") == {"leaf"}
    assert modules() >= {"awslambdaric", "boto3", "botocore"}


def test_what_is_missing_or_for_another_machine_brings_nothing(install) -> None:
    install("here", "gone>=1", "leaf; sys_platform == 'win32'", files="here.py")
    install("leaf", files="leaf.py")
    assert modules("here", "gone-too") - modules() == {"here"}


@pytest.mark.parametrize("how", [{"files": "mine.pth", "editable": True}, {"files": None}])
def test_nobody_knows_the_modules_of_what_is_edited_or_was_not_a_wheel(install, how) -> None:
    install("mine", **how)
    install("theirs", "mine", files="theirs.py")
    assert modules("mine") is None
    assert modules("theirs") is None
