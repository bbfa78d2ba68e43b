"""Examples: small projects written to disk, on which pytest and other commands are run for real."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from words_function import create

from pytest_lambda_ml.local import Endpoint, start_endpoint

PATIENCE_S = 240
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    returncode: int
    text: str
    outcomes: Mapping[str, int]

    def has(self, *parts: str) -> bool:
        """Whether the output has all parts, however it wraps them."""
        flat = " ".join(self.text.split())
        return all(" ".join(part.split()) in flat for part in parts)

    @property
    def ids(self) -> list[str]:
        """The test ids that ``--collect-only -q`` lists."""
        return [line for line in self.text.splitlines() if re.match(r"\S+\.py::", line)]


class Example:
    """A project in a folder of its own."""

    def __init__(self, root: Path, cache_dir: Path, files: Mapping[str, str]) -> None:
        self.root = root
        self.environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST", "AWS_", "COV"))
        }
        self.environ |= {"PYTEST_LAMBDA_ML_CACHE_DIR": str(cache_dir), "COLUMNS": "140"}
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content).lstrip("\n"), encoding="utf-8")

    def run_pytest(self, *arguments: str, **environ: str) -> Ended:
        """Run pytest on the project to its end."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        return self.run(*command, *arguments, **environ)

    def run(self, *command: str, **environ: str) -> Ended:
        """Run any command in the project's folder; those of this environment come first."""
        own = BIN / command[0]
        done = subprocess.run(
            [str(own) if own.exists() else command[0], *command[1:]],
            check=False,
            cwd=self.root,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
        )
        return ended(done.returncode, done.stdout)

    def interrupt_pytest(self, *arguments: str, when: Callable[[], bool]) -> Ended:
        """Run pytest, and press Ctrl-C once ``when`` says so."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=self.root,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + PATIENCE_S
        while not when() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=PATIENCE_S)
        return ended(process.returncode, text)

    def saved(self) -> list[dict[str, Any]]:
        """The runs that pytest-benchmark saved, oldest first."""
        files = sorted(self.root.glob(".benchmarks/*/*.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def runs(self) -> list[dict[str, Any]]:
        """The runs that the plugin stored, oldest first."""
        files = sorted(self.root.glob(".lambda-ml/runs/*/run.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def journal(self) -> str:
        """What the latest run has written so far."""
        files = sorted(self.root.glob(".lambda-ml/runs/*/journal.jsonl"))
        return files[-1].read_text(encoding="utf-8") if files else ""


def ended(returncode: int, text: str) -> Ended:
    last = [line for line in text.splitlines() if re.search(r" in [\d.]+s", line)][-1:]
    counts = re.findall(r"(\d+) (\w+)", last[0].rpartition(" in ")[0]) if last else []
    return Ended(returncode, text, {noun.rstrip("s"): int(n) for n, noun in counts})


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained models and packages, shared by all examples of a session."""
    return tmp_path_factory.mktemp("lambda-ml-cache")


@pytest.fixture
def example(tmp_path: Path, cache_dir: Path) -> Callable[[Mapping[str, str]], Example]:
    """Write a project: ``example({"test_x.py": "…"})``."""
    return lambda files: Example(tmp_path, cache_dir, files)


@pytest.fixture(scope="module")
def module_example(
    tmp_path_factory: pytest.TempPathFactory, cache_dir: Path
) -> Callable[[Mapping[str, str]], Example]:
    """The same for projects that the tests of a module share."""
    return lambda files: Example(tmp_path_factory.mktemp("example"), cache_dir, files)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """A local endpoint for the tests of a module."""
    with start_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def lambda_(endpoint: Endpoint):
    """Lambda at the endpoint, where the function ``words`` exists."""
    return create(endpoint)
