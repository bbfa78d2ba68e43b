"""The README's commands and files work as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = r"```\w*\n(.*?)```"


def commands_after(mark: str) -> list[list[str]]:
    """The command lines of the block that follows a comment in the README."""
    block = re.search(rf"<!-- {mark} -->\n{FENCE}", README, re.DOTALL)
    assert block is not None, mark
    return [shlex.split(line) for line in block[1].splitlines()]


def files() -> dict[str, str]:
    """The files that the README shows, by name."""
    return dict(re.findall(rf"<!-- file: (\S+) -->\n{FENCE}", README, re.DOTALL))


def write(root: Path, contents: dict[str, str]) -> None:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def test_it_can_be_read_in_one_sitting() -> None:
    assert len(README.splitlines()) < 200


def test_the_shown_commands_run_one_after_the_other(example) -> None:
    project = example({})
    shutil.copytree(ROOT / "benchmarks", project.root / "benchmarks")
    shutil.copy(ROOT / "conftest.py", project.root)

    ended = [project.run(*command) for command in commands_after("run")]

    assert [each.returncode for each in ended] == [0] * 4
    compared, listed = ended[2], ended[3]
    assert compared.text.count("k-means-reference-512-4-100] $") == 2
    assert listed.text.count("whole") == 2


def test_the_shown_benchmark_and_handler_run(example) -> None:
    (benchmark,) = re.findall(r"```python\n(import pytest\n.*?)```", README, re.DOTALL)
    project = example({})
    write(project.root, {"test_mine.py": benchmark, **files()})
    ended = project.run_pytest("--benchmark-disable-gc")
    assert ended.returncode == 0
    assert ended.outcomes["passed"] == 3


def test_the_way_to_aws_runs_against_an_endpoint(example) -> None:
    project = example({})
    write(project.root, files())
    (command,) = commands_after("aws")
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "pytest-lambda-ml"), "local"], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = re.search(rb"http://[\d.:]+", process.stdout.readline())
        assert url is not None
        ended = project.run(*command, "--aws-endpoint-url", url[0].decode())
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert ended.returncode == 0
    assert ended.outcomes["passed"] == 1


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
