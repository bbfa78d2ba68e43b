"""What is wrong with options, folders and handlers is said at pytest's edge, and costs nothing."""

from __future__ import annotations

import pytest

ECHO = {
    "echo/handler.py": "def initialize(): pass\ndef process(batch): return batch\n",
    "echo/requirements.txt": "",
    "test_x.py": """
        def test_echo(lambda_benchmark, memory_mb):
            lambda_benchmark(handler="echo", memory_mb=memory_mb, invocations=2)
    """,
}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def initialize(): pass\ndef process(batch)\n    return batch\n", "handler.py, line 2:"),
        ("def initialize(): pass\n", "handler.py has no process()"),
    ],
)
def test_a_handler_that_cannot_be_called_fails_its_test_before_anything(example, source, said):
    project = example({**ECHO, "echo/handler.py": source})
    got = project.run_pytest("--lambda-memory", "512", "--lambda-dry-run")
    assert got.outcomes == {"failed": 1}
    assert got.has(str(project.root / "echo"), said)
    assert "Traceback" not in got.text
