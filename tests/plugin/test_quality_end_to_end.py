"""Engines beside the reference in one run: what they promise of their outputs is held."""

from __future__ import annotations

import pytest

PROJECT = {
    "emotions.csv": "Emotion,Text\n" + "".join(f"joy,message {n}\n" for n in range(30)),
    "pytest.ini": "[pytest]\nlambda_dataset = emotion=emotions.csv\nlambda_timeout = 20\n",
    "even/handler.py": """
        def initialize(): pass
        def process(batch): return [int(text.split()[1]) % 2 for text in batch]
    """,
    "even/same/handler.py": """
        def initialize(): pass
        def process(batch): return [int(text.split()[1]) & 1 for text in batch]
        def figures(): return {"words": 2}
    """,
    "even/same/handler.toml": "agreement_floor = 0.999\nquality_floors = { cosine = 0.99 }",
    "even/off/handler.py": """
        def initialize(): pass
        def process(batch): return [int(text.split()[1]) & 1 if text[-1] != "7" else 0
                                    for text in batch]
    """,
    "even/off/handler.toml": "agreement_floor = 0.95",
    "even/moody/handler.py": """
        import os
        def initialize(): pass
        def process(batch): return [2 if "AWS_LAMBDA_RUNTIME_API" in os.environ else
                                    int(text.split()[1]) % 2 for text in batch]
    """,
    "even/moody/handler.toml": "agreement_floor = 0.5",
    "third/handler.py": """
        def initialize(): pass
        def process(batch): return [[int(text.split()[1]) / 3] for text in batch]
    """,
    "third/near/handler.py": """
        def initialize(): pass
        def process(batch): return [[int(text.split()[1]) / 3 + 1e-8] for text in batch]
    """,
    "third/near/handler.toml": "difference_ceiling = 1e-6",
    "third/far/handler.py": """
        def initialize(): pass
        def process(batch): return [[int(text.split()[1]) / 3.001] for text in batch]
    """,
    "third/far/handler.toml": "difference_ceiling = 1e-6",
    "test_engines.py": """
        import pytest

        CELLS = [("even", engine) for engine in ("reference", "same", "off", "moody")]
        CELLS += [("third", "near"), ("third", "far")]

        @pytest.mark.parametrize(("handler", "engine"), CELLS)
        def test_engine(lambda_benchmark, handler, engine):
            lambda_benchmark(handler=handler, engine=engine, memory_mb=1769, concurrency=1,
                             batch_size=10, invocations=4)
    """,
    **{
        f"{folder}/requirements.txt": ""
        for folder in ("even", "even/same", "even/off", "even/moody", "third", "third/near",
                       "third/far")
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(module_example):
    project = module_example(PROJECT)
    return project, project.run_pytest("--benchmark-save=engines")


def cells(project):
    return {
        cell["cell_id"].rsplit("-", 3)[0]: cell["figures"] for cell in project.runs()[0]["cells"]
    }


def test_engines_that_keep_their_promise_pass_and_others_fail_with_what_they_missed(ran):
    _, ended = ran
    assert ended.outcomes == {"passed": 3, "failed": 3}, ended.text
    assert ended.has("even-off-1769-1-10: 90 % of its outputs are the reference's, not 95 %")
    assert ended.has("even-moody-1769-1-10: 0 % of its outputs are the reference's, not 50 %")
    assert ended.has("4 invocations gave other outputs than the handler gives here")
    assert ended.has("third-far-1769-1-10: its outputs are up to 0.00322 off the reference's")
    assert ended.has("handler.toml")


def test_every_cell_records_how_near_it_is(ran):
    project, _ = ran
    found = {
        name: (figures["agreement"], figures["max_difference"])
        for name, figures in cells(project).items()
    }
    assert found["even-reference"] == (None, None)
    assert found["even-same"] == (1.0, None)
    assert found["even-off"] == (0.9, None)
    assert found["even-moody"] == (0.0, None)
    assert found["third-near"][0] is None
    assert found["third-near"][1] == pytest.approx(1e-8, rel=1e-3)
    assert found["third-far"][1] == pytest.approx(29 / 3 - 29 / 3.001)


def test_a_promise_that_nothing_measured_is_said_in_the_run_and_the_summary(ran):
    project, ended = ran
    said = "even (same) promises cosine in its handler.toml, which was not measured"
    notes = {cell["cell_id"]: cell["provenance"]["notes"] for cell in project.runs()[0]["cells"]}
    assert [cell for cell, those in notes.items() if any(said in note for note in those)] == [
        "even-same-1769-1-10"
    ]
    assert said in " ".join(ended.text.split())


def test_saved_benchmarks_say_it_too_and_absent_is_null(ran):
    project, _ = ran
    infos = {info["extra_info"]["engine"]: info["extra_info"]
             for info in project.saved()[0]["benchmarks"]}  # fmt: skip
    assert infos.keys() == {"reference", "same", "near"}
    assert infos["same"]["agreement"] == 1.0
    assert infos["reference"]["agreement"] is infos["same"]["max_difference"] is None
    assert infos["near"]["max_difference"] < 1e-6


def test_the_parts_of_a_cold_start_are_recorded_and_add_up(ran):
    project, _ = ran
    for figures in cells(project).values():
        parts = ("runtime_ms_p50", "imports_ms_p50", "initialization_ms_p50", "first_batch_ms_p50")
        assert all(figures[part] is not None for part in parts)
        init, load = figures["init_ms_p50"], figures["initialization_ms_p50"]
        assert figures["cold_start_ms_p50"] == pytest.approx(init + load)
        assert figures["runtime_ms_p50"] + figures["imports_ms_p50"] == pytest.approx(init)
