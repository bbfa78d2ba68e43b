"""What is left out of installed distributions, and what stays."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_lambda_ml.artifact.stripping import imported_tests, is_needed, strip


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("sklearn/svm/_base.py", True),
        ("sklearn/svm/tests/test_svm.py", False),
        ("sklearn/datasets/tests/data/x.gz", False),
        ("sklearn/tests/__init__.py", False),
        ("numpy/_core/tests/_natype.py", True),  # numpy.testing imports it
        ("numpy/_core/include/numpy/ndarraytypes.h", True),
        ("torch/include/ATen/ATen.h", False),
        ("torch/testing/_comparison.py", True),
        ("scipy/lib.so", True),
        ("scipy/lib.a", False),
        ("skimage/__init__.pyi", True),  # read at run time by lazy_loader
        ("bin/f2py", False),
        ("torch/bin/torch_shm_manager", True),
        ("a/__pycache__/b.cpython-313.pyc", False),
        (".lock", False),
        ("a-1.dist-info/METADATA", True),
        ("a-1.dist-info/entry_points.txt", True),
        ("a-1.dist-info/licenses/LICENSE", True),
        ("a-1.dist-info/licenses/tests/LICENSE", True),
        ("a-1.dist-info/INSTALLER", False),
        ("a-1.dist-info/REQUESTED", False),
        ("a-1.dist-info/direct_url.json", False),
    ],
)
def test_what_a_function_may_need_stays(name, needed):
    assert is_needed(name) is needed


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("from a.b.tests.data import x", "a/b/tests"),
        ("import a.tests.data as x, json", "a/tests"),
        ("import json, a.tests", "a/tests"),
        ("from a.b import tests", "a/b/tests"),
        ("from a.b import (this, tests)", "a/b/tests"),
        ("from .tests import x", "a/sub/tests"),
        ("from . import tests", "a/sub/tests"),
        ("from ..tests.data import x", "a/tests"),
        ("def f():\n    from a.tests import x", "a/tests"),
        ("run_tests = 'tests'", None),
        ("from a.contests import x", None),
    ],
)
def test_tests_that_other_modules_import_are_found(source, folder):
    assert imported_tests([("a/sub/module.py", source)]) == ({folder} if folder else set())


def test_imported_tests_stay_and_others_go():
    imported = frozenset({"a/b/tests"})
    assert is_needed("a/b/tests/deep/data.txt", imported)
    assert not is_needed("a/tests/data.txt", imported)


def test_metadata_still_answers_afterwards(tmp_path):
    """importlib.metadata is asked in a fresh interpreter that sees only the stripped folder."""
    info = tmp_path / "thing-1.5.dist-info"
    files = {
        "thing/__init__.py": "",
        "thing/tests/test_it.py": "",
        "thing/__pycache__/x.pyc": "",
        "bin/thing": "#!",
        f"{info.name}/METADATA": "Metadata-Version: 2.1\nName: Thing\nVersion: 1.5\n",
        f"{info.name}/entry_points.txt": "[some.group]\nname = thing:it\n",
        f"{info.name}/INSTALLER": "pip",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    names = [*files, f"{info.name}/RECORD", "../outside"]
    (info / "RECORD").write_text("".join(f"{name},sha256=x,1\n" for name in reversed(names)))
    strip(tmp_path)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from importlib import metadata as m\n"
        "print(m.version('thing'), [e.value for e in m.entry_points(group='some.group')])\n"
        "print(m.packages_distributions()['thing'], [str(f) for f in m.files('thing')])\n"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    kept = [f"{info.name}/METADATA", f"{info.name}/RECORD", f"{info.name}/entry_points.txt"]
    assert result.stdout.splitlines() == [
        "1.5 ['thing:it']",
        f"['Thing'] {['thing/__init__.py', *kept]}",
    ]
    assert not (tmp_path / "thing" / "tests").exists()
    assert not (tmp_path / "bin").exists()
