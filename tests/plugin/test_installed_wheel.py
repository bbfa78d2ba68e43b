"""Without the source tree: the wheel alone carries what a session needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the wheel's content, to be put first on Python's path."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target"]
    subprocess.run([*install, str(target), str(wheel)], check=True, capture_output=True)
    return target


def test_own_and_carried_handlers_are_measured(example, installed) -> None:
    files = {
        "emotions.csv": "Emotion,Text\n"
        + "".join(f"joy,sunshine number {n}\nanger,thunder number {n}\n" for n in range(20)),
        "echo/handler.py": "def initialize(): pass\ndef process(batch): return batch\n",
        "echo/requirements.txt": "",
        "test_x.py": """
            import pytest
            import pytest_lambda_ml

            @pytest.mark.parametrize("handler", ["echo", "handlers/svm"])
            def test_x(lambda_benchmark, handler):
                result = lambda_benchmark(
                    handler, memory_mb=1024, concurrency=1, batch_size=5, invocations=3
                )
                assert result.figures.warm_count == 2
                print("imported from", pytest_lambda_ml.__file__)
        """,
    }
    project = example(files)
    got = project.run_pytest(
        "-rP", "--lambda-dataset", "emotion=emotions.csv", PYTHONPATH=str(installed)
    )
    assert got.outcomes == {"passed": 2}, got.text
    assert f"imported from {installed}" in got.text
