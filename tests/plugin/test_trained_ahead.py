"""Models of a session are trained before its first cell is measured, two at a time."""

from __future__ import annotations

BENCHMARK = """
    import pytest

    @pytest.mark.parametrize("algorithm", ["left", "right", "nowhere"])
    def test_pair(lambda_benchmark, algorithm):
        lambda_benchmark(handler=f"handlers/{algorithm}", memory_mb=512, invocations=2)
"""
ENGINES = """
    import pytest

    @pytest.mark.parametrize("engine", ["reference", "fast"])
    @pytest.mark.parametrize("algorithm", ["left", "right"])
    def test_engines(lambda_benchmark, algorithm, engine):
        lambda_benchmark(handler=f"handlers/{algorithm}", engine=engine, memory_mb=512)
"""
HANDLER = "def initialize(): pass\ndef process(batch): return batch\n"
TRAIN = """
    import os, pathlib, sys, time

    assert os.environ["OMP_NUM_THREADS"] == "1", "two models would wait for each other"
    here = pathlib.Path(__file__).resolve().parent
    with open(here.parent / "log", "a") as log:
        print("train", file=log)
    (here.parent / f"{here.name}-started").touch()
    deadline = time.monotonic() + 60
    while not (here.parent / "{other}-started").exists():
        assert time.monotonic() < deadline, "the other model is not trained at the same time"
        time.sleep(0.01)
    pathlib.Path(sys.argv[-1], "model").touch()
"""


def test_two_models_are_trained_at_the_same_time_and_each_once(example) -> None:
    """A handler that cannot be found fails its own test only."""
    files = {"test_pair.py": BENCHMARK}
    for name, other in (("left", "right"), ("right", "left")):
        files |= {
            f"handlers/{name}/handler.py": HANDLER,
            f"handlers/{name}/requirements.txt": "",
            f"handlers/{name}/train.py": TRAIN.replace("{other}", other),
        }
    project = example(files)
    ended = project.run_pytest()
    assert ended.outcomes == {"passed": 2, "failed": 1}, ended.text
    assert ended.has("handlers/nowhere")
    assert (project.root / "handlers" / "log").read_text().splitlines() == ["train"] * 2


def test_the_model_that_takes_longest_is_begun_first(example) -> None:
    """The others share the second core meanwhile: each waits here until it has begun."""
    files = {"test_pair.py": BENCHMARK.replace('"nowhere"', '"long"')}
    for name in ("left", "right", "long"):
        files |= {
            f"handlers/{name}/handler.py": HANDLER,
            f"handlers/{name}/requirements.txt": "",
            f"handlers/{name}/train.py": TRAIN.replace("{other}", "long"),
        }
    files["handlers/long/train.py"] = TRAIN.replace("{other}", "right")
    files["handlers/long/handler.toml"] = "training_s = 60"
    ended = example(files).run_pytest()
    assert ended.outcomes == {"passed": 3}, ended.text


def test_an_engine_made_of_a_model_that_cannot_be_trained_is_left_to_its_test(example) -> None:
    """Each test says so, and nothing is made of what failed in the meantime."""
    files = {"test_engines.py": ENGINES}
    for name in ("left", "right"):
        for folder in (f"handlers/{name}", f"handlers/{name}/fast"):
            files |= {f"{folder}/handler.py": HANDLER, f"{folder}/requirements.txt": ""}
        files |= {
            f"handlers/{name}/train.py": """
                import pathlib, sys

                with open(pathlib.Path(__file__).parents[1] / "log", "a") as log:
                    print("train", file=log)
                sys.exit("no model")
            """,
            f"handlers/{name}/fast/export.py": "",
        }
    project = example(files)
    ended = project.run_pytest()
    assert ended.outcomes == {"failed": 4}, ended.text
    assert ended.has("no model")
    ahead, each_test = 2, 4
    assert len((project.root / "handlers" / "log").read_text().splitlines()) == ahead + each_test


def test_ctrl_c_begins_no_further_model(example) -> None:
    """What is being trained comes to its end; the engines that would be made of it are not."""
    files = {"test_engines.py": ENGINES}
    for name in ("left", "right"):
        for folder in (f"handlers/{name}", f"handlers/{name}/fast"):
            files |= {f"{folder}/handler.py": HANDLER, f"{folder}/requirements.txt": ""}
        files |= {
            f"handlers/{name}/train.py": """
                import pathlib, sys, time

                here = pathlib.Path(__file__).parent
                (here.parent / f"{here.name}-started").touch()
                time.sleep(2)
                pathlib.Path(sys.argv[-1], "model").touch()
            """,
            f"handlers/{name}/fast/export.py": """
                import pathlib, sys

                (pathlib.Path(__file__).parents[2] / "exported").touch()
                pathlib.Path(sys.argv[-1], "model").touch()
            """,
        }
    project = example(files)
    handlers = project.root / "handlers"
    ended = project.interrupt_pytest(when=lambda: len(list(handlers.glob("*-started"))) == 2)
    assert ended.has("KeyboardInterrupt"), ended.text
    assert not (handlers / "exported").exists()
