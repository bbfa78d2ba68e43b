"""Byte code for functions: made by their own Python, the same on every build, within the limit."""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from wheel_shop import WheelShop

from pytest_lambda_ml.artifact import Target, build_package, byte_code, find_handler, sizes
from pytest_lambda_ml.artifact.archive import Entry
from pytest_lambda_ml.artifact.byte_code import compile_modules, find_compiler, within
from pytest_lambda_ml.artifact.importable import HIDING

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag
HOST = Target(architecture="x86_64", python_version=HERE)
UNCHECKED_HASH = 0b01  # PEP 552: flags of a pyc with its source's hash, not to be checked
BIG = "\n".join(f"v{number} = 'text {number}'" for number in range(2000))
MODULE = """
WORDS = {"alpha", "beta", "gamma", "delta"}
def find(word):
    "What of the words it is."
    return word in {"alpha", "beta", "gamma", "delta"} and [w for w in WORDS if w == word]
class Thing:
    def __init__(self, alpha, beta=("gamma", 1.5, b"x")):
        self.alpha, self.beta = alpha, beta
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    shop = WheelShop(tmp_path / "shop")
    shop.close_all_others(monkeypatch)
    files = {
        "leaf/__init__.py": MODULE,
        "leaf/broken.py": "print 'for another Python'\n",
        "leaf/tests/data.py": "",
        "leaf/use.py": "from leaf.tests import data\n",
    }
    shop.add("leaf", files=files)
    shop.add("big", files={"big/__init__.py": BIG})

    def build(place="one", *, target=HOST, toml=""):
        path = tmp_path / place / "mine"
        path.mkdir(parents=True, exist_ok=True)
        (path / "handler.py").write_text("import leaf\n")
        (path / "requirements.txt").write_text("leaf\nbig\n")
        (path / "handler.toml").write_text(toml)
        folder = find_handler(path, engine="reference", search=[])
        return build_package(folder, None, tmp_path / place / "cache", target=target)

    return build


def contents(package):
    with zipfile.ZipFile(package.zip_path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pyc(name):
    path = Path(name)
    return f"{path.parent / '__pycache__' / path.stem}.{TAG}.pyc".removeprefix("./")


def test_modules_come_with_byte_code_beside_their_sources(build):
    inside = contents(build())
    compiled = {pyc(x) for x in ("handler.py", "wrapper.py", "leaf/__init__.py", "leaf/use.py")}
    assert {name for name in inside if name.endswith(".pyc")} == {*compiled, pyc("big/__init__.py")}
    assert {"handler.py", "wrapper.py", "leaf/__init__.py", "leaf/broken.py"} < inside.keys()


def test_byte_code_is_taken_without_a_look_at_the_source_and_shows_where_lambda_has_it(build):
    code = contents(build())[pyc("leaf/__init__.py")]
    assert code[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(code[4:8], "little") == UNCHECKED_HASH
    assert code[8:16] == importlib.util.source_hash(MODULE.encode())
    assert marshal.loads(code[16:]).co_filename == "/var/task/leaf/__init__.py"


def test_the_unpacked_package_imports_from_byte_code(build, tmp_path):
    package = build()
    with zipfile.ZipFile(package.zip_path) as archive:
        archive.extractall(tmp_path / "task")
    for source in (tmp_path / "task" / "leaf").glob("*.py"):
        source.write_text("raise SystemExit('compiled from source')\n")
    script = "import sys; sys.path.insert(0, sys.argv[1]); import leaf; print(leaf.find('beta'))"
    command = [sys.executable, "-I", "-S", "-c", script, tmp_path / "task"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "['beta']\n"


def test_two_builds_at_two_places_give_the_same_bytes(build):
    one, two = build("one"), build("deeper/down/two")
    assert one.zip_path != two.zip_path
    assert one.sha256 == two.sha256
    assert one.zip_path.read_bytes() == two.zip_path.read_bytes()


def test_a_modules_byte_code_depends_on_no_other_module(tmp_path):
    """What a compiler has interned before decides what marshal writes as a reference."""
    names = [f"m{number}.py" for number in range(30)]
    for name in names:
        (tmp_path / name).write_text(MODULE + f"OWN = {name!r}\n")
    modules = {name: Entry(tmp_path / name) for name in names}
    compiler = find_compiler(HERE)
    together = compile_modules(modules, "all", compiler, tmp_path / "cache")
    for name in names[::7]:
        alone = compile_modules({name: modules[name]}, name, compiler, tmp_path / "cache")
        assert alone[pyc(name)].path.read_bytes() == together[pyc(name)].path.read_bytes()


def test_compiling_happens_once(build, monkeypatch):
    first = build()
    monkeypatch.setattr(byte_code, "JOB", Path("/nowhere"))
    assert build().sha256 == first.sha256


def test_the_limit_leaves_byte_code_out_and_the_package_says_so(build, monkeypatch):
    whole = build("whole")
    assert whole.notes == ()
    monkeypatch.setattr(
        sizes, "ZIP_LIMIT_BYTES", whole.unzipped_bytes + sizes.LIST_RESERVE_BYTES - 1
    )
    package = build("less")
    inside = contents(package)
    assert pyc("leaf/__init__.py") not in inside
    assert {"leaf/__init__.py", pyc("big/__init__.py"), pyc("handler.py")} < inside.keys()
    assert package.unzipped_bytes == sum(map(len, inside.values()))
    (note,) = package.notes
    assert note.startswith("byte code of leaf was left out")


def test_without_the_functions_python_there_is_no_byte_code_and_the_package_says_so(
    build, monkeypatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PYENV_ROOT", "/nowhere")
    monkeypatch.setattr(byte_code, "find_uv", lambda: None)
    package = build(target=Target(architecture="arm64", python_version="3.99"))
    assert not [name for name in contents(package) if name.endswith(".pyc")]
    (note,) = package.notes
    assert "no Python 3.99 on this machine" in note


def test_another_interpreter_is_asked_what_it_is(tmp_path, monkeypatch):
    """A shim of pyenv's answers nothing; the version that pyenv has is found all the same."""
    monkeypatch.setattr(byte_code, "find_uv", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    installed = tmp_path / "pyenv" / "versions" / "3.99.1" / "bin" / "python3.99"
    installed.parent.mkdir(parents=True)
    for path, script in {
        tmp_path / "python3.99": "exit 127",
        installed: "echo cpython-399 3.99.1 of tomorrow",
    }.items():
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    found = find_compiler("3.99")
    assert (found.path, found.version) == (str(installed), "3.99.1 of tomorrow")
    assert find_compiler("3.98") is None


def test_what_there_is_no_room_for_is_left_out_package_by_package(tmp_path):
    def entry(size):
        path = tmp_path / str(size)
        path.write_bytes(b"x" * size)
        return Entry(path)

    found = {"a/__pycache__/x": entry(10), "a/y": entry(5), "b/z": entry(12), "c/q": entry(3)}
    assert within(30, found) == (found, [])
    assert within(29, found)[1] == ["c"]
    assert within(20, found)[1] == ["b"]
    assert within(14, found) == ({"b/z": found["b/z"]}, ["a", "c"])
    assert within(0, found) == ({}, ["a", "b", "c"])


def test_a_package_for_the_interpreter_here_has_no_byte_code(build):
    package = build(target=None)
    assert contents(package).keys() == {"handler.py", "wrapper.py", *HIDING}
    assert package.notes == ()
