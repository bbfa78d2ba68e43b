"""Journal and run file: nothing that was written is lost, nothing half-written is read."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.model import Outcome, Outcomes
from pytest_lambda_ml.store.journal import Journal, read_journal
from pytest_lambda_ml.store.plain import plain
from pytest_lambda_ml.store.run_file import read_run_file, write_run_file
from pytest_lambda_ml.store.run_folder import create_run_folder


def test_entries_are_read_as_they_were_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl", lambda: 12.3456)
    journal.write("published", samples=["00001"], outcome=Outcome.MISSING, price=Decimal("0.10"))
    journal.write("cell", outcomes=Outcomes(published=2, succeeded=2))
    first, second = read_journal(tmp_path / "journal.jsonl")
    assert first == {
        "at": 12.346,
        "kind": "published",
        "samples": ["00001"],
        "outcome": "missing",
        "price": "0.10",
    }
    assert second["outcomes"]["succeeded"] == 2


@pytest.mark.parametrize("text", ["half \ud83d of a pair", "a\u2028b\x85c\u2029d", "ü\x00\n"])
def test_any_text_of_a_handler_can_be_stored_and_read(tmp_path: Path, text: str) -> None:
    journal = Journal(tmp_path / "journal.jsonl", lambda: 1.0)
    journal.write("invocation", error_message=text)
    journal.write("cell", cell_id="after")
    journal.close()
    told, after = read_journal(tmp_path / "journal.jsonl")
    assert told["error_message"] == text
    assert after["cell_id"] == "after"
    assert read_run_file(write_run_file(tmp_path, {"cells": [text]}))["cells"] == [text]


def test_nothing_is_created_before_the_first_entry(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.jsonl", lambda: 0.0).close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from pytest_lambda_ml.store.journal import Journal\n"
        f"journal = Journal(Path({str(path)!r}), lambda: 0.0)\n"
        "for number in range(500): journal.write('entry', number=number)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [entry["number"] for entry in read_journal(path)] == list(range(500))


def test_a_torn_line_is_passed_over_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole = json.dumps({"at": 1.0, "kind": "entry", "number": 1}) + "\n"
    path.write_text(whole + '{"at": 2.0, "kind": "ent', encoding="utf-8")
    assert [entry["number"] for entry in read_journal(path)] == [1]
    journal = Journal(path, lambda: 3.0)
    journal.write("entry", number=3)
    assert [entry["number"] for entry in read_journal(path)] == [1, 3]


@given(cut=st.integers(0, 400))
def test_a_journal_cut_anywhere_gives_all_whole_entries(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "journal.jsonl"
    lines = [
        json.dumps({"at": 0.0, "kind": "entry", "text": "ü" * 9, "number": n}, ensure_ascii=False)
        for n in range(6)
    ]
    data = "".join(f"{line}\n" for line in lines).encode()[:cut]
    path.write_bytes(data)
    numbers = [entry["number"] for entry in read_journal(path)]
    assert numbers[: data.count(b"\n")] == list(range(data.count(b"\n")))
    assert len(numbers) <= data.count(b"\n") + 1


def test_a_journal_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(RunStoreError, match=r"journal\.jsonl cannot be read"):
        read_journal(tmp_path / "journal.jsonl")


def test_a_run_file_replaces_the_one_before_and_leaves_no_other(tmp_path: Path) -> None:
    write_run_file(tmp_path, {"cells": [1, 2]})
    write_run_file(tmp_path, {"cells": [Outcomes(published=1, missing=1)]})
    content = read_run_file(tmp_path)
    assert content["schema_version"] == 1
    assert content["cells"][0]["missing"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is no run file"), ("[]", "schema version"), ('{"schema_version": 99}', "version 99")],
)
def test_a_run_file_of_another_kind_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunStoreError, match=words):
        read_run_file(tmp_path / "run.json")


def test_run_folders_sort_by_time_and_never_meet(tmp_path: Path) -> None:
    now = datetime(2026, 11, 24, 4, 5, 6, tzinfo=UTC)
    folders = [create_run_folder(tmp_path, now) for _ in range(3)]
    assert len({folder.run_id for folder in folders}) == 3
    assert all(folder.path.name == f"20261124T040506Z-{folder.run_id}" for folder in folders)
    assert all(folder.path.parent == tmp_path / "runs" for folder in folders)


def test_a_value_without_json_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        plain({"a": object()})
