"""The live line: on a terminal it comes and goes; elsewhere it is rare and plain."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from pytest_lambda_ml.campaign.session import Progress
from pytest_lambda_ml.plugin.progress import progress_text


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("c", 0, 0, 20, None), "c: 0 of 20 in, 0 published"),
        (Progress("c", 0, 20, 20, None), "c: 0 of 20 in"),
        (Progress("c", 12, 20, 20, 7.6), "c: 12 of 20 in, 8 s left"),
        (Progress("c", 12, 20, 20, 130.0), "c: 12 of 20 in, 2 min 10 s left"),
        (Progress("c", 20, 20, 20, 0.0), "c: 20 of 20 in"),
    ],
)
def test_the_text(progress, text) -> None:
    assert progress_text(progress) == text


PROJECT = {
    "test_x.py": """
        import pytest
        from pytest_lambda_ml.campaign.session import Progress
        from pytest_lambda_ml.plugin.progress import ProgressLine

        class Clock:
            now_s = 0.0
            def __call__(self):
                return self.now_s

        @pytest.mark.parametrize("cell", ["one", "two"])
        def test_x(request, cell, capsys):
            clock = Clock()
            line = ProgressLine(request.config, clock)
            print("printed by the test")
            for received in range(5):
                line(Progress(cell, received, 4, 4, 4.0 - received))
                clock.now_s += 10
            line.clear()
            assert capsys.readouterr().out == "printed by the test\\n"
    """
}


def on_a_terminal(project) -> str:
    """What a terminal receives; it is shown as it ends by `screen`."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_x.py"],
        cwd=project.root,
        env=project.environ | {"TERM": "xterm", "NO_COLOR": "1"},
        stdin=child,
        stdout=child,
        stderr=child,
    )
    os.close(child)
    received = b""
    while True:
        try:
            piece = os.read(parent, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        received += piece
    process.wait()
    os.close(parent)
    return received.decode()


def screen(received: str) -> list[str]:
    """The lines of an endless terminal after these characters, as far as they are used here."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[\s\S]", received):
        if token == "\r":
            column = 0
        elif token == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif token == "\x1b[2K":
            lines[row] = ""
        elif token == "\x1b[1A":
            row -= 1
        elif token.endswith("G"):
            column = int(token[2:-1]) - 1
        elif not token.startswith("\x1b"):
            line = lines[row].ljust(column)
            lines[row] = line[:column] + token + line[column + 1 :]
            column += 1
    return lines


def test_on_a_terminal_it_vanishes_and_leaves_pytests_lines_whole(example) -> None:
    received = on_a_terminal(example(PROJECT))
    assert "two: 3 of 4 in, 1 s left" in received
    shown = "\n".join(screen(received))
    assert re.search(r"^test_x\.py \.\. +\[100%\]$", shown, re.MULTILINE)
    assert "of 4 in" not in shown
    assert "2 passed" in shown


def test_elsewhere_a_plain_line_comes_every_fifteen_seconds_at_most(example) -> None:
    got = example(PROJECT).run_pytest("test_x.py")
    assert got.outcomes == {"passed": 2}
    assert "\x1b" not in got.text
    lines = [line for line in got.text.splitlines() if "of 4 in" in line]
    assert lines == [
        "  one: 2 of 4 in, 2 s left",
        "  one: 4 of 4 in",
        "  two: 2 of 4 in, 2 s left",
        "  two: 4 of 4 in",
    ]


def test_pytest_names_the_file_again_after_a_plain_line(example) -> None:
    got = example(PROJECT).run_pytest("test_x.py")
    assert re.search(r"^test_x\.py \.", got.text, re.MULTILINE)
    assert not re.search(r"^\.", got.text, re.MULTILINE)


def test_quiet_is_quiet(example) -> None:
    assert "of 4 in" not in example(PROJECT).run_pytest("-qq").text
