"""A function on this machine imports what it could import on AWS, whatever else is installed."""

from __future__ import annotations

BENCHMARK = """
    import pytest

    @pytest.mark.parametrize("algorithm", ["library", "required", "required-of", "forgotten"])
    def test_one(lambda_benchmark, algorithm):
        lambda_benchmark(handler=f"handlers/{algorithm}", memory_mb=512, invocations=1)
"""
HANDLER = """
    import importlib.util, json, sys
    {imports}

    assert importlib.util.find_spec("moto") is None, "libraries that look for it do not find it"
    sys.path.append("/tmp")  # what a function adds to its path by itself is seen
    import boto3, beside, decimal, os.path

    def initialize(): pass
    def process(batch): return [0 for _ in batch]
"""
HANDLERS = {
    "library": ("", ""),
    "required": ("import numpy", "numpy\n"),
    "required-of": ("import scipy.sparse, numpy", "scipy\n"),
    "forgotten": ("import pandas", "joblib\n"),
}


def test_what_requirements_ask_for_is_imported_and_nothing_else(example) -> None:
    files = {"test_one.py": BENCHMARK}
    for name, (imports, requirements) in HANDLERS.items():
        files |= {
            f"handlers/{name}/handler.py": HANDLER.replace("{imports}", imports),
            f"handlers/{name}/beside.py": "",
            f"handlers/{name}/requirements.txt": requirements,
        }
    ended = example(files).run_pytest()
    assert ended.outcomes == {"passed": 3, "failed": 1}, ended.text
    assert ended.has("No module named 'pandas'", "what its requirements.txt asks for")
