"""A function can end in many ways; each leaves the log lines and the evidence of Lambda."""

from __future__ import annotations

import pytest
from lambda_account import Account, processes_with, wait_for

from pytest_lambda_ml.measure.report_line import parse_init_report


def test_an_answer_comes_with_a_report_and_only_the_first_with_init_duration(
    account: Account,
) -> None:
    function = account.function("def lambda_handler(event, context): return event['n'] + 1")

    assert function.call({"n": 1}) == {"result": 2, "error": None}
    assert function.call({"n": 2}) == {"result": 3, "error": None}

    cold, warm = function.reports()
    assert cold.init_duration_ms is not None
    assert cold.init_duration_ms > 0
    assert warm.init_duration_ms is None
    assert cold.billed_duration_ms >= cold.init_duration_ms
    assert warm.billed_duration_ms == -(-warm.duration_ms // 1)
    assert warm.memory_mb == 512
    assert 5 < warm.max_memory_mb < 100


def test_what_a_function_prints_stands_between_start_and_end(account: Account) -> None:
    function = account.function(
        """
        print("at import")
        def lambda_handler(event, context):
            print("one\\ntwo")
            print("no newline", end="", flush=True)
        """
    )
    function.call()
    request = function.reports()[0].request_id
    log = [line.rstrip("\n") for line in function.log()]
    assert log[:-1] == [
        "at import",
        f"START RequestId: {request} Version: $LATEST",
        "one",
        "two",
        "no newline",
        f"END RequestId: {request}",
    ]


def test_an_exception_is_an_error_and_the_environment_lives_on(account: Account) -> None:
    function = account.function("def lambda_handler(event, context): raise ValueError('no')")

    answer = function.call()
    function.call()

    assert answer["error"] == "Unhandled"
    assert answer["result"]["errorType"] == "ValueError"
    assert any(line.startswith("[ERROR] ValueError: no") for line in function.log())
    assert [report.init_duration_ms is None for report in function.reports()] == [False, True]


def test_a_function_that_takes_too_long_is_stopped_at_its_timeout(account: Account) -> None:
    function = account.function(
        "import time\ndef lambda_handler(event, context): time.sleep(60)", timeout_s=1
    )
    answer = function.call()

    (report,) = function.reports()
    assert answer["error"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in answer["result"]["errorMessage"]
    assert (report.status, report.duration_ms, report.error_type) == ("timeout", 1000.0, None)


def test_a_function_that_needs_too_much_memory_is_killed(account: Account) -> None:
    function = account.function(
        """
        def lambda_handler(event, context):
            held = []
            while True:
                held.append(bytearray(b"x" * (8 << 20)))
        """,
        memory_mb=128,
    )
    answer = function.call()

    (report,) = function.reports()
    assert answer["error"] == "Unhandled"
    assert (report.status, report.error_type) == ("error", "Runtime.OutOfMemory")
    assert report.max_memory_mb == 128
    assert any("Runtime exited with error: signal: killed" in line for line in function.log())


def test_a_function_that_exits_is_an_error_and_the_next_start_is_cold(account: Account) -> None:
    function = account.function(
        """
        import os
        def lambda_handler(event, context):
            if event == "exit":
                os._exit(3)
            return "fine"
        """
    )
    answer = function.call("exit")

    assert answer["result"]["errorType"] == "Runtime.ExitError"
    assert function.call("stay") == {"result": "fine", "error": None}
    died, next_one = function.reports()
    assert (died.status, died.error_type) == ("error", "Runtime.ExitError")
    assert any("Runtime exited with error: exit status 3" in line for line in function.log())
    assert next_one.init_duration_ms is not None


DIES_AFTER_ITS_ANSWER = """
import os, runtime_client
def die():
    {death}
def lambda_handler(event, context):
    runtime_client.next = die
    return "answered"
"""


@pytest.mark.parametrize(
    "death",
    [
        "os._exit(3)",
        "os.kill(os.getpid(), 11)",
        "held = [bytes([1]) * (8 << 20) for _ in range(64)]",
    ],
    ids=["exit", "segfault", "memory"],
)
def test_a_process_that_dies_after_its_answer_leaves_a_report_and_a_cold_start(
    account: Account, death: str
) -> None:
    function = account.function(DIES_AFTER_ITS_ANSWER.format(death=death), memory_mb=128)

    for _ in range(3):
        assert function.call() == {"result": "answered", "error": None}

    reports = function.reports()
    assert [report.status for report in reports] == [None] * 3
    assert all(report.init_duration_ms for report in reports), "each came into a new environment"


def test_a_process_that_dies_between_two_calls_leaves_nobody_without_answer(
    account: Account,
) -> None:
    """What comes in at that moment goes to another environment, or was at work as it died."""
    function = account.function(
        """
        import os, threading, time
        def die():
            time.sleep(0.005)
            os._exit(3)
        def lambda_handler(event, context):
            threading.Thread(target=die, daemon=True).start()
            return "answered"
        """
    )
    answers = [function.call()["result"] for _ in range(20)]

    died = [answer["errorType"] for answer in answers if answer != "answered"]
    assert set(died) <= {"Runtime.ExitError"}
    assert sum(report.status == "error" for report in function.reports()) == len(died)
    assert len(function.reports()) == 20


@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        ("import does_not_exist", "Runtime.ImportModuleError"),
        ("def lambda_handler(event, context): return (", "Runtime.UserCodeSyntaxError"),
        ("import os; os._exit(1)", "Runtime.ExitError"),
    ],
)
def test_a_failed_initialisation_is_tried_again_inside_the_invocation(
    account: Account, source: str, error_type: str
) -> None:
    function = account.function(source)

    answer = function.call()

    assert answer["error"] == "Unhandled"
    assert answer["result"]["errorType"] == error_type
    (report,) = function.reports()
    assert (report.status, report.error_type) == ("error", error_type)
    assert report.init_duration_ms is None
    inits = [found for line in function.log() if (found := parse_init_report(line))]
    assert [(init.phase, init.status) for init in inits] == [("init", "error"), ("invoke", "error")]


def test_an_initialisation_of_eleven_seconds_is_cut_off_and_runs_in_the_invocation(
    account: Account,
) -> None:
    function = account.function(
        """
        import time
        time.sleep(11)
        def lambda_handler(event, context): return "fine"
        """,
        timeout_s=30,
    )
    assert function.call() == {"result": "fine", "error": None}
    assert function.call() == {"result": "fine", "error": None}

    first, second = function.reports()
    assert first.init_duration_ms is None
    assert 11_000 < first.duration_ms < 13_000
    assert second.duration_ms < 1000
    (init,) = [found for line in function.log() if (found := parse_init_report(line))]
    assert (init.phase, init.status) == ("init", "timeout")
    assert 10_000 <= init.init_duration_ms < 11_000


def test_an_initialisation_longer_than_the_timeout_times_out(account: Account) -> None:
    function = account.function(
        "import time; time.sleep(30)\ndef lambda_handler(event, context): return 1", timeout_s=1
    )
    answer = function.call()

    assert "Task timed out after 1.00 seconds" in answer["result"]["errorMessage"]
    (report,) = function.reports()
    assert (report.status, report.duration_ms) == ("timeout", 1000.0)


def test_nothing_of_the_users_environment_reaches_a_function(
    account: Account, endpoint: object
) -> None:
    function = account.function(
        "import os\ndef lambda_handler(event, context): return dict(os.environ)",
        Environment={"Variables": {"MINE": "yes"}},
    )
    variables = function.call()["result"]

    assert variables["MINE"] == "yes"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert variables["AWS_ACCESS_KEY_ID"] == "testing"
    assert not {"HOME", "USER", "AWS_PROFILE", "PIP_CERT", "VIRTUAL_ENV"} & set(variables)


def test_what_a_function_started_ends_with_it(account: Account) -> None:
    """A process that leaves its parent's session would outlive it, and hold its control group."""
    function = account.function(
        """
        import os, subprocess
        def lambda_handler(event, context):
            subprocess.Popen(["sleep", "300"])
            subprocess.Popen(["sleep", "300"], start_new_session=True)
            os._exit(1)
        """
    )
    assert function.call()["result"]["errorType"] == "Runtime.ExitError"
    wait_for(lambda: not processes_with(function.name))
