"""handlers/wrapper.py, run in a process of its own as Lambda runs it: beside some handler.py."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from textwrap import dedent
from types import ModuleType

import numpy as np
import pytest

from pytest_lambda_ml.artifact.carried import wrapper_path
from pytest_lambda_ml.measure.record import parse_record
from pytest_lambda_ml.model import InvocationRecord, StartRecord

DRIVER = """
import json, sys, types, wrapper
context = types.SimpleNamespace(
    function_name="f", function_version="$LATEST", memory_limit_in_mb="512", aws_request_id=None)
for number, event in enumerate(json.load(sys.stdin)):
    context.aws_request_id = f"request-{number}"
    try:
        print("RETURNED", json.dumps(wrapper.lambda_handler(event, context)))
    except Exception as error:
        print("RAISED", type(error).__name__, error)
"""
ECHO = """
def initialize():
    pass

def process(batch):
    return [text.upper() for text in batch]
"""


def sns(batch=("a", "b"), *, sample_id="00001", run_id="run-1"):
    """An SNS event of one record, as Lambda gets it."""
    message = json.dumps({"run_id": run_id, "sample_id": sample_id, "batch": list(batch)})
    return {"Records": [{"Sns": {"MessageId": "message-1", "Message": message}}]}


@pytest.fixture
def invoke(tmp_path):
    """Run events through the wrapper beside the given handler; gives the lines it printed."""

    def run(handler, *events, files=(), environment=()):
        shutil.copy(wrapper_path(), tmp_path / "wrapper.py")
        (tmp_path / "handler.py").write_text(dedent(handler))
        for name, content in dict(files).items():
            (tmp_path / name).write_text(content)
        result = subprocess.run(
            [sys.executable, "-c", DRIVER],
            cwd=tmp_path,
            input=json.dumps(events),
            env={**{k: v for k, v in os.environ.items() if k != "RUN_ID"}, **dict(environment)},
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return result.stdout.splitlines()

    return run


def records(lines, kind=InvocationRecord):
    """The records of one kind among the lines."""
    return [record for record in map(parse_record, lines) if isinstance(record, kind)]


def test_the_start_record_is_the_first_line_and_the_invocation_record_the_last(invoke):
    start, invocation, returned = invoke(ECHO, sns())
    assert isinstance(parse_record(start), StartRecord)
    assert isinstance(parse_record(invocation), InvocationRecord)
    assert returned.startswith("RETURNED")


def test_records_have_exactly_the_fields_of_the_model(invoke):
    start, invocation, _ = (line.removeprefix("RETURNED") for line in invoke(ECHO, sns()))
    fields = {
        kind: {field.name for field in dataclasses.fields(kind)}
        for kind in (StartRecord, InvocationRecord)
    }
    assert json.loads(start).keys() == fields[StartRecord] | {"type", "schema_version"}
    assert json.loads(invocation).keys() == fields[InvocationRecord] | {"type"}


def test_parsing_an_invocation_record_loses_nothing(invoke):
    _, line, _ = invoke(ECHO, sns(), files={"weights.txt": "random-init\n"})
    written = json.loads(line)
    del written["type"]
    assert dataclasses.asdict(parse_record(line)) == written


def test_records_say_which_message_and_request_they_are_of(invoke):
    lines = invoke(ECHO, sns(sample_id="00007"), sns(sample_id="00008"))
    for record in (*records(lines, StartRecord), *records(lines)):
        assert record.run_id == "run-1"
        assert record.sns_message_id == "message-1"
    assert [(r.sample_id, r.request_id) for r in records(lines)] == [
        ("00007", "request-0"),
        ("00008", "request-1"),
    ]
    assert len({r.environment_id for r in records(lines)}) == 1
    first = records(lines)[0]
    assert (first.function_name, first.function_version, first.memory_mb) == ("f", "$LATEST", 512)
    assert (first.batch_size, first.cpu_count) == (2, os.cpu_count())


def test_a_stale_environment_gives_itself_away_by_its_run_id(invoke):
    lines = invoke(ECHO, sns(run_id="run-2"), environment={"RUN_ID": "run-1"})
    assert [r.run_id for r in records(lines)] == ["run-1"]


def test_a_direct_invocation_needs_no_sns_around_the_message(invoke):
    lines = invoke(ECHO, {"run_id": "r", "sample_id": "s", "batch": ["x"]})
    (record,) = records(lines)
    assert (record.sample_id, record.sns_message_id, record.batch_size) == ("s", None, 1)
    assert json.loads(lines[-1].removeprefix("RETURNED"))["outputs"] == 1


def test_an_event_of_two_records_is_refused(invoke):
    event = {"Records": sns()["Records"] * 2}
    assert invoke(ECHO, event) == ["RAISED ValueError expected one SNS record in the event, got 2"]


def test_initialisation_runs_once_in_the_first_invocation(invoke):
    handler = """
        print("imported")
        def initialize(): print("initialised")
        def process(batch): return batch
    """
    lines = invoke(handler, sns(), sns(), sns())
    assert lines.count("initialised") == 1
    assert lines.index("initialised") > 1  # after the import and the start record
    first, *others = records(lines)
    assert first.cold
    assert first.initialization_started_at_ms <= first.initialization_ended_at_ms
    assert first.initialization_ended_at_ms <= first.processing_started_at_ms + 1
    assert first.initialization_ms >= 0
    for record in others:
        assert not record.cold
        assert record.initialization_ms is record.initialization_started_at_ms is None
        assert record.processing_ms >= 0


def test_a_handler_may_be_initialised_at_import_and_the_first_record_tells(invoke):
    handler = """
        INITIALIZE_AT_IMPORT = True
        def initialize(): print("initialised")
        def process(batch): return batch
    """
    lines = invoke(handler, sns(), sns())
    assert lines[0] == "initialised"
    first, second = records(lines)
    assert first.initialization_ended_at_ms <= first.processing_started_at_ms
    assert second.initialization_ms is None


def test_the_first_record_tells_how_long_the_runtime_and_the_imports_took(invoke):
    """With initialisation and the first batch they make the waterfall of a cold start."""
    handler = """
        import time
        time.sleep(0.1)
        def initialize(): time.sleep(0.03)
        def process(batch): return batch
    """
    first, second = records(invoke(handler, sns(), sns()))
    assert 100 <= first.imports_ms < 1000
    assert 0 < first.runtime_start_ms < 5000
    assert 30 <= first.initialization_ms < 1000
    assert second.imports_ms is second.runtime_start_ms is None


def test_a_handler_that_raises_is_recorded_and_the_error_goes_on(invoke):
    handler = """
        def initialize(): pass
        def process(batch): raise KeyError("no " + "x" * 5000)
    """
    lines = invoke(handler, sns())
    (record,) = records(lines)
    assert record.error_type == "KeyError"
    assert record.error_message.startswith("'no xxx")
    assert len(record.error_message) <= 1000
    assert record.output_digest is None
    assert record.processing_ms is not None
    assert lines[-1].startswith("RAISED KeyError")


def test_an_initialisation_that_raises_is_recorded_and_tried_again(invoke):
    handler = """
        attempts = []
        def initialize():
            attempts.append(1)
            if len(attempts) == 1:
                raise OSError("not yet")
        def process(batch): return batch
    """
    first, second = records(invoke(handler, sns(), sns()))
    assert (first.error_type, first.cold, first.processing_ms) == ("OSError", True, None)
    assert (second.error_type, second.cold) == (None, False)
    assert second.initialization_ms is not None


def test_the_start_record_survives_the_death_of_the_process(invoke):
    handler = """
        import os
        def initialize(): pass
        def process(batch): os._exit(3)
    """
    (line,) = invoke(handler, sns(sample_id="00042"))
    assert parse_record(line).sample_id == "00042"


def test_cpu_time_is_what_the_invocation_used_and_processing_what_it_took(invoke):
    handler = """
        import time
        def initialize(): pass
        def process(batch):
            if batch == ["sleep"]:
                time.sleep(0.05)
            else:
                end = time.process_time() + 0.05
                while time.process_time() < end: pass
            return batch
    """
    asleep, busy = records(invoke(handler, sns(["sleep"]), sns(["work"])))
    assert asleep.processing_ms >= 50 > asleep.cpu_time_ms
    assert busy.cpu_time_ms >= 50


def test_figures_and_weights_of_the_handler_are_in_the_record(invoke):
    handler = ECHO + "\ndef figures(): return {'tokens': 7, 'engine': 'echo'}\n"
    (record,) = records(invoke(handler, sns(), files={"weights.txt": "random-init\n"}))
    assert record.figures == {"tokens": 7, "engine": "echo"}
    assert record.weights == "random-init"
    (plain,) = records(invoke(ECHO, sns(), files={}))
    assert plain.figures == {}


def test_what_training_measured_of_the_model_is_in_the_record_beside_the_figures(invoke):
    handler = ECHO + "\ndef figures():\n    return {'tokens': 3}\n"
    (record,) = records(invoke(handler, sns(), files={"quality.json": '{"cosine": 0.5}'}))
    assert record.figures == {"quality_cosine": 0.5, "tokens": 3}


def test_without_weights_txt_there_are_no_weights_to_tell(invoke):
    (record,) = records(invoke(ECHO, sns()))
    assert record.weights is None


def test_the_same_outputs_have_the_same_digest_in_every_invocation(invoke):
    same, again, other = records(invoke(ECHO, sns(["a"]), sns(["a"]), sns(["b"])))
    assert same.output_digest == again.output_digest != other.output_digest


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("batch[:1]", "ValueError process returned 1 outputs for a batch of 2 items"),
        ("[*batch, 'c']", "ValueError process returned 3 outputs for a batch of 2 items"),
        ("None", "TypeError process returned a NoneType, not a list of outputs"),
        ("(text for text in batch)", "TypeError process returned a generator, not a list"),
        ("'ab'", "TypeError process returned a str, not a list of outputs"),
        ("dict.fromkeys(batch)", "TypeError process returned a dict, not a list of outputs"),
    ],
)
def test_outputs_other_than_one_for_each_item_fail_the_invocation(invoke, returned, said):
    """What is measured must be the work that was asked for."""
    handler = f"def initialize(): pass\ndef process(batch): return {returned}\n"
    lines = invoke(handler, sns(["a", "b"]))
    assert lines[-1].startswith(f"RAISED {said}")
    (record,) = records(lines)
    assert said == f"{record.error_type} {record.error_message}"[: len(said)]
    assert record.output_digest is None


@pytest.mark.parametrize("nested", ["Mood()", "[Mood()]", "{'mood': Mood()}", "{Mood(): 1}"])
def test_an_output_that_json_cannot_hold_fails_the_invocation(invoke, nested):
    """Its text is an address: every environment would have another digest."""
    handler = f"""
        class Mood: pass
        def initialize(): pass
        def process(batch): return [{nested} for _ in batch]
    """
    (record,) = records(invoke(handler, sns()))
    assert record.error_type == "TypeError"
    assert "an output of type Mood, which JSON cannot hold" in record.error_message
    assert record.output_digest is None


@pytest.fixture
def output_digest(monkeypatch):
    """The wrapper's function, with no handler beside it."""
    monkeypatch.setitem(sys.modules, "handler", ModuleType("handler"))
    module = ModuleType("wrapper_under_test")
    module.__file__ = str(wrapper_path())
    exec(compile(wrapper_path().read_text(), wrapper_path(), "exec"), module.__dict__)
    return module.output_digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([0.1 + 0.2], [0.3]),
        ([1234567.1], [1234567.4]),
        ([-0.0], [0.0]),
        ([(1.5, 2)], [[1.5, 2]]),
        ([np.float32(0.1)], [0.1]),
        (np.array([[1.0, 2.5], [3.0, 4.0]]), [[1.0, 2.5], [3.0, 4.0]]),
        ([{"b": 1, "a": 2}], [{"a": 2, "b": 1}]),
        ([{np.int64(1): 2}], [{"1": 2}]),
    ],
)
def test_outputs_that_differ_only_in_rounding_or_container_have_one_digest(
    output_digest, one, other
):
    assert output_digest(one) == output_digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [([1.00001], [1.00002]), (["joy"], ["Joy"]), ([1, 2], [2, 1]), ([None], [""]), ([], [[]])],
)
def test_other_outputs_have_another_digest(output_digest, one, other):
    assert output_digest(one) != output_digest(other)


def test_the_wrapper_imports_the_standard_library_and_what_lies_beside_it_only():
    tree = ast.parse(wrapper_path().read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [x.name for x in node.names]
        )
    }
    assert imported - sys.stdlib_module_names == {"handler", "fetch_artifacts", "boto3"}
    at_import = {name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    assert "boto3" not in {name.name for name in at_import}, "only a batch in S3 needs it"
