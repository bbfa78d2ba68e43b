"""Zips and layers: the same files give the same bytes, and say what they should of modes."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zipfile

import pytest

from pytest_lambda_ml.artifact.archive import Entry, created_atomically, write_layer, write_zip


@pytest.fixture
def make_entries(tmp_path):
    """Files of the same names and contents; everything else about them is ``number``'s."""

    def make(number):
        folder = tmp_path / f"files-{number}"
        contents = {"b/module.py": b"x" * 5000, "a.txt": b"text", "b/run": b"#!", "lib.so": b"\0"}
        order = sorted(contents, reverse=number % 2 == 1)
        for name in order:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[name])
            path.chmod((0o700 if name == "b/run" else 0o600) | number)
            os.utime(path, (10**9 + number, 10**9 + number))
        return {name: Entry(folder / name, code=name != "a.txt") for name in order}

    return make


def test_the_same_files_give_the_same_zip(make_entries, tmp_path):
    for number in (0, 1):
        write_zip(tmp_path / f"{number}.zip", make_entries(number))
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "1.zip").read_bytes()


def test_the_same_files_give_the_same_layer_and_digests(make_entries, tmp_path):
    digests = [
        write_layer(tmp_path / f"{number}.tar.gz", make_entries(number), "var/task")
        for number in (0, 1)
    ]
    content = (tmp_path / "0.tar.gz").read_bytes()
    assert content == (tmp_path / "1.tar.gz").read_bytes()
    assert digests[0] == digests[1]
    assert digests[0].digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    plain = gzip.decompress(content)
    assert digests[0].diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"


def test_a_layer_holds_files_of_nobody_under_its_root(make_entries, tmp_path):
    write_layer(tmp_path / "layer.tar.gz", make_entries(0), "var/task")
    with tarfile.open(tmp_path / "layer.tar.gz") as archive:
        members = archive.getmembers()
        assert [(member.name, oct(member.mode)) for member in members] == [
            ("var/task/b", "0o755"),
            ("var/task/a.txt", "0o644"),
            ("var/task/b/module.py", "0o644"),
            ("var/task/b/run", "0o755"),
            ("var/task/lib.so", "0o644"),
        ]
        assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}
        assert archive.extractfile("var/task/b/module.py").read() == b"x" * 5000


def test_programs_of_distributions_may_be_executed_in_a_zip(make_entries, tmp_path):
    write_zip(tmp_path / "a.zip", make_entries(0))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        modes = {info.filename: oct(info.external_attr >> 16) for info in archive.infolist()}
    assert modes["b/run"] == "0o100755"
    assert modes["b/module.py"] == "0o100644"


def test_large_code_is_deflated_and_a_large_model_stored(tmp_path):
    (tmp_path / "large").write_bytes(bytes(2_000_000))
    large = tmp_path / "large"
    write_zip(tmp_path / "a.zip", {"code.so": Entry(large, code=True), "model": Entry(large)})
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.getinfo("code.so").compress_size < 10_000
        assert archive.getinfo("model").compress_size == 2_000_000


def test_a_file_that_was_not_finished_never_appears(tmp_path):
    def write_half():
        with created_atomically(tmp_path / "a" / "file") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert list((tmp_path / "a").iterdir()) == []
