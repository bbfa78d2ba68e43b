"""REPORT and INIT_REPORT lines in the variants that exist, and texts that only look like them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.measure.report_line import (
    InitReport,
    Report,
    format_init_report,
    format_report,
    parse_init_report,
    parse_report,
)

ID = "3604209a-e9a3-11e6-939a-754dd98c7be3"
WARM = (
    f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 36 MB\t\n"
)
COLD = WARM.replace("\t\n", "\tInit Duration: 110.10 ms\t\n")
RESTORED = WARM.replace(
    "\t\n", "\tRestore Duration: 398.97 ms\tBilled Restore Duration: 200 ms\t\n"
)
TIMED_OUT = (
    f"REPORT RequestId: {ID}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 36 MB\tStatus: timeout\n"
)
OUT_OF_MEMORY = (
    f"REPORT RequestId: {ID}\tDuration: 10935.70 ms\tBilled Duration: 10936 ms\t"
    "Memory Size: 1024 MB\tMax Memory Used: 1024 MB\t"
    "Status: error\tError Type: Runtime.OutOfMemory\n"
)
XRAY = "XRAY TraceId: 1-5e34a614-10bdxxxx\tSegmentId: 07f2xxxx\tSampled: true\t\n"
LINES = [WARM, COLD, RESTORED, TIMED_OUT, OUT_OF_MEMORY, COLD + XRAY, OUT_OF_MEMORY + XRAY]


def report(**changes):
    values = {
        "request_id": ID,
        "duration_ms": 3.01,
        "billed_duration_ms": 4.0,
        "memory_mb": 128,
        "max_memory_mb": 36,
    }
    return Report(**(values | changes))


def platform_report(metrics=None, **record):
    event = {
        "time": "2026-01-31T12:02:08.123Z",
        "type": "platform.report",
        "record": {"requestId": ID, "metrics": metrics or {}} | record,
    }
    return json.dumps(event)


METRICS = {
    "durationMs": 3.01,
    "billedDurationMs": 4,
    "memorySizeMB": 128,
    "maxMemoryUsedMB": 36,
}


class TestText:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (WARM, report()),
            (COLD, report(init_duration_ms=110.1)),
            (RESTORED, report(restore_duration_ms=398.97, billed_restore_duration_ms=200.0)),
            (
                TIMED_OUT,
                report(duration_ms=3000.0, billed_duration_ms=3000.0, status="timeout"),
            ),
            (
                OUT_OF_MEMORY,
                report(
                    duration_ms=10935.7,
                    billed_duration_ms=10936.0,
                    memory_mb=1024,
                    max_memory_mb=1024,
                    status="error",
                    error_type="Runtime.OutOfMemory",
                ),
            ),
            (COLD + XRAY, report(init_duration_ms=110.1, xray_trace_id="1-5e34a614-10bdxxxx")),
        ],
    )
    def test_as_aws_prints_it(self, line, expected):
        assert parse_report(line) == expected

    @pytest.mark.parametrize("line", LINES)
    @pytest.mark.parametrize(
        "vary",
        [
            lambda line: line.replace("\t", " "),
            lambda line: line.replace("\t", "    "),
            lambda line: line.replace("\t", "  ").replace("ms  ", "ms\t"),
            lambda line: line.replace(" ms\t", " ms \t"),
            lambda line: line.replace(" MB", " MB "),
            lambda line: line.replace("RequestId: ", "RequestId:\t"),
            lambda line: line.replace(" ms", "ms").replace(" MB", "MB"),
            lambda line: line.replace("\n", "\r\n"),
            lambda line: line.replace("\n", "\r\n").replace("\t", " "),
            lambda line: line.rstrip(),
            lambda line: line + "\n\n",
            lambda line: "  \t" + line,
            lambda line: "\n" + line,
            lambda line: "\x1b[32m" + line.rstrip() + "\x1b[0m\n",
            lambda line: line.replace("\tDuration", "\n  Duration").replace(
                "\tMemory", "\n Memory"
            ),
        ],
    )
    def test_blanks_and_line_ends_make_no_difference(self, line, vary):
        assert parse_report(vary(line)) == parse_report(line)

    @pytest.mark.parametrize("line", LINES)
    @pytest.mark.parametrize(
        "prefix",
        [
            "2026-01-31T12:02:08.123Z ",
            "2026-01-31T12:02:08.123Z\t",
            "2026-01-31T12:02:08 ",
            "2026-01-31 12:02:08.123 ",
            "2026-01-31 12:02:08.123 (+02:00) ",
            "2026-01-31T12:02:08.123+01:00\n",
            "17:39:45 ",
            "2026-01-31T12:02:08.123000+00:00 2026/01/31/[$LATEST]88ab219a63d343d294d0a994 ",
            "2023/06/02/[72]88ab219a63d343d294d0a9947e8ab36a 2023-06-02T11:27:25.060000 ",
            "\x1b[32m2023/06/02/[72]88ab\x1b[0m \x1b[33m2023-06-02T11:27:25.060000\x1b[0m ",
            "2026-01-31T12:02:08+00:00 2026/01/31/my-function[$LATEST]88ab219a63d343d294d0 ",
            "/aws/lambda/my-function 2026/01/31/[$LATEST]88ab219a63d343d294d0a9947e8ab36a ",
            f"EVENTS\t{'3524187346' * 5}123456\t1580468528000\t2026/01/31/[$LATEST]88ab219a\t",
            "1580468528000\t",
        ],
    )
    def test_prefixes_of_log_tools_are_passed_over(self, prefix, line):
        assert parse_report(prefix + line) == parse_report(line)

    def test_what_filter_log_events_prints_behind_the_message_is_not_the_reports(self):
        assert parse_report(f"EVENTS\t1580468528000\t{COLD}\t1580468528123") == parse_report(COLD)
        assert parse_report(OUT_OF_MEMORY.rstrip() + "\t1580468528123") == parse_report(
            OUT_OF_MEMORY
        )

    def test_local_emulators_print_the_init_duration_first(self):
        line = (
            f"REPORT RequestId: {ID}\tInit Duration: 0.12 ms\tDuration: 100.23 ms\t"
            "Billed Duration: 101 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\t\n"
        )
        assert parse_report(line) == report(
            init_duration_ms=0.12,
            duration_ms=100.23,
            billed_duration_ms=101.0,
            max_memory_mb=128,
        )

    @given(st.permutations([*COLD.rstrip().split("\t")[1:], "Status: error", "Error Type: A.B"]))
    def test_the_order_of_the_labels_makes_no_difference(self, parts):
        line = "\t".join([f"REPORT RequestId: {ID}", *parts])
        expected = report(init_duration_ms=110.1, status="error", error_type="A.B")
        assert parse_report(line) == expected
        assert parse_report(line.replace("\t", " ")) == expected

    def test_the_trace_may_stand_on_the_same_line(self):
        line = COLD.rstrip("\n") + XRAY
        assert parse_report(line) == parse_report(COLD + XRAY)

    def test_whole_milliseconds(self):
        line = WARM.replace("3.01 ms", "3 ms")
        assert parse_report(line) == report(duration_ms=3.0)

    @pytest.mark.parametrize(
        "unknown",
        [
            "Billed Init Duration: 7 ms",
            "Snapshot Restore Duration: 7.25 ms",
            "Phase: x",
        ],
    )
    def test_an_unknown_label_is_never_taken_for_a_known_one(self, unknown):
        for separator in ("\t", " "):
            line = WARM.replace("\tDuration", f"\t{unknown}\tDuration").replace("\t", separator)
            assert parse_report(line) == report()

    def test_a_label_is_a_word_of_its_own(self):
        assert parse_report(WARM.replace("\t\n", "\tSub-Init Duration: 7 ms\t\n")) == report()

    def test_what_is_absent_is_none(self):
        assert parse_report(f"REPORT RequestId: {ID}\tDuration: 3.01 ms\t\n") == Report(
            request_id=ID, duration_ms=3.01
        )
        assert parse_report(f"REPORT RequestId: {ID}") == Report(request_id=ID)

    @pytest.mark.parametrize(
        "value",
        [
            "-3.01 ms",
            "nan ms",
            "NaN",
            "3.01",
            "3.01 s",
            "3.01 msec",
            "3 MB",
            "3,01 ms",
            "٣ ms",
            "",
        ],
    )
    def test_what_is_no_duration_is_none(self, value):
        line = WARM.replace("\tDuration: 3.01 ms", f"\tDuration: {value}")
        assert parse_report(line) == report(duration_ms=None)

    def test_of_a_label_that_is_repeated_the_first_counts(self):
        assert parse_report(WARM.rstrip("\n") + "Duration: 9.00 ms\tStatus: a\tStatus: b\n") == (
            report(status="a")
        )

    def test_memory_in_milliseconds_is_none(self):
        assert parse_report(WARM.replace("128 MB", "128 ms")) == report(memory_mb=None)

    def test_enormous_numbers_are_none(self):
        digits = "9" * 5000
        line = WARM.replace("3.01 ms", f"{digits} ms").replace("128 MB", f"{digits} MB")
        assert parse_report(line) == report(duration_ms=None, memory_mb=None)

    def test_a_request_id_is_any_token(self):
        assert parse_report(WARM.replace(ID, "request-1")) == report(request_id="request-1")


class TestNoReport:
    @pytest.mark.parametrize(
        "message",
        [
            "",
            " ",
            "REPORT",
            "REPORT RequestId:",
            "REPORT RequestId: \n",
            "REPORT Duration: 64754.09 ms\tBilled Duration: 64755 ms",
            f"START RequestId: {ID} Version: $LATEST\n",
            f"END RequestId: {ID}\n",
            f"2026-01-31T12:02:08.123Z {ID} Task timed out after 3.00 seconds\n\n",
            f"RequestId: {ID} Error: Runtime exited with error: exit status 1\nRuntime.ExitError",
            "INIT_START Runtime Version: python:3.12.v38\tRuntime Version ARN: arn:aws:lambda:x\n",
            "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout\n",
            "RESTORE_REPORT Restore Duration: 398.97 ms\n",
            "EXTENSION\tName: x\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
        ],
    )
    def test_other_platform_lines(self, message):
        assert parse_report(message) is None

    @pytest.mark.parametrize("line", LINES)
    @pytest.mark.parametrize(
        "wrap",
        [
            "my log: {}",
            "INFO {}",
            "[INFO]\t2026-01-31T12:02:08.123Z\tc793869b-ee49-115b-a5b6-4fd21e8dedac\t{}",
            "2026-01-31T12:02:08.123Z\tc793869b-ee49-115b-a5b6-4fd21e8dedac\tINFO\t{}",
            "2026-01-31T12:02:08.123Z\tc793869b-ee49-115b-a5b6-4fd21e8dedac\t{}",
            "[2026-01-31] {}",
            "> {}",
            "x\n{}",
            "END RequestId: 1\n{}",
            "'{}'",
            '"{}"',
            "_{}",
        ],
    )
    def test_application_output_that_contains_a_report(self, line, wrap):
        assert parse_report(wrap.format(line)) is None

    @pytest.mark.parametrize(
        "message",
        [
            "report RequestId: x\tDuration: 1 ms",
            "REPORTRequestId: x\tDuration: 1 ms",
            "REPORT requestId: x\tDuration: 1 ms",
            "REPORT RequestId: x was slow, Duration: 1 ms",
            "REPORT RequestId: x is ready",
            "REPORT RequestId: x ERROR: PREFLIGHT_FAILED",
        ],
    )
    def test_application_output_that_begins_like_one(self, message):
        assert parse_report(message) is None

    @pytest.mark.parametrize("line", LINES)
    def test_several_reports_in_a_text_are_not_one(self, line):
        assert parse_report(line + line) is None
        assert parse_report(f"{line}START RequestId: 2 Version: $LATEST\n{WARM}") is None
        assert parse_report(f"{line}2026-01-31T12:02:08Z {WARM}") is None

    def test_lines_of_other_kinds_behind_a_report_are_ignored(self):
        after = f"START RequestId: 2 Version: $LATEST\nStatus: fine\nDuration: 9 ms\n{XRAY}"
        assert parse_report(WARM + after) == report()


class TestJson:
    def test_every_field(self):
        message = platform_report(
            METRICS
            | {"initDurationMs": 110.1, "restoreDurationMs": 5.5, "billedRestoreDurationMs": 2},
            status="error",
            errorType="Runtime.OutOfMemory",
            spans=[{"name": "responseLatency", "durationMs": 99.0}],
            tracing={
                "spanId": "07f2xxxx",
                "type": "X-Amzn-Trace-Id",
                "value": "Root=1-5e34a614-10bdxxxx;Parent=07f2xxxx;Sampled=1",
            },
        )
        assert parse_report(message) == report(
            init_duration_ms=110.1,
            restore_duration_ms=5.5,
            billed_restore_duration_ms=2.0,
            status="error",
            error_type="Runtime.OutOfMemory",
            xray_trace_id="1-5e34a614-10bdxxxx",
        )

    def test_numbers_have_the_types_of_the_model(self):
        found = parse_report(platform_report({"durationMs": 3, "memorySizeMB": 128.0}))
        assert repr(found.duration_ms) == "3.0"
        assert repr(found.memory_mb) == "128"

    def test_success_stays_success_and_a_missing_status_none(self):
        assert parse_report(platform_report(METRICS, status="success")) == report(status="success")
        assert parse_report(platform_report(METRICS)) == report()

    def test_managed_instances_report_only_the_duration(self):
        message = platform_report({"durationMs": 12.5}, status="success")
        assert parse_report(message) == Report(request_id=ID, duration_ms=12.5, status="success")

    def test_the_order_of_the_keys_makes_no_difference(self):
        message = json.dumps(
            {
                "record": {"metrics": dict(reversed(METRICS.items())), "requestId": ID},
                "type": "platform.report",
                "time": "2026-01-31T12:02:08.123Z",
            }
        )
        assert parse_report(message) == report()

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda message: f"  {message}\r\n",
            lambda message: f"\n\t{message}\n\n",
            lambda message: f"2026-01-31T12:02:08.123Z {message}",
            lambda message: f"2026-01-31T12:02:08 2026/01/31/[$LATEST]88ab219a {message}\n",
            json.dumps,
            lambda message: json.dumps(json.loads(message), indent=2),
        ],
    )
    def test_wrappings(self, wrap):
        assert parse_report(wrap(platform_report(METRICS))) == report()

    @pytest.mark.parametrize(
        "value", [True, False, "3.01", None, [3.01], {}, -1, float("nan"), float("inf"), 10**400]
    )
    def test_what_is_no_number_is_none(self, value):
        message = platform_report(dict.fromkeys([*METRICS, "initDurationMs"], value))
        assert parse_report(message) == Report(request_id=ID)

    def test_half_a_megabyte_is_none(self):
        assert parse_report(platform_report({"memorySizeMB": 0.5})) == Report(request_id=ID)

    @pytest.mark.parametrize("odd", [None, 3, "text", [], True])
    def test_parts_of_another_shape_are_absent(self, odd):
        event = {
            "type": "platform.report",
            "record": {
                "requestId": ID,
                "metrics": odd,
                "tracing": odd,
                "errorType": [],
                "status": {},
            },
        }
        assert parse_report(json.dumps(event)) == Report(request_id=ID)
        assert parse_report(json.dumps(event | {"record": odd})) is None

    @pytest.mark.parametrize("request_id", [None, 7, "", " ", "two words"])
    def test_without_a_request_id_there_is_no_report(self, request_id):
        assert parse_report(platform_report(METRICS, requestId=request_id)) is None

    @pytest.mark.parametrize(
        "message",
        [
            '{"type":"platform.report"',
            '{"type":"platform.report"} {"type":"platform.report"}',
            '[{"type":"platform.report","record":{"requestId":"x"}}]',
            '{"type":"platform.reports","record":{"requestId":"x"}}',
            '{"type":"other","record":{"requestId":"platform.report"}}',
            '{"level":"INFO","message":"{\\"type\\":\\"platform.report\\",\\"record\\":{}}"}',
            'my log: {"type":"platform.report","record":{"requestId":"x"}}',
            '{"type":["platform.report"],"record":{"requestId":"x"}}',
        ],
    )
    def test_other_json(self, message):
        assert parse_report(message) is None


class TestInitReport:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (
                "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout\n",
                InitReport(init_duration_ms=9999.79, phase="init", status="timeout"),
            ),
            (
                "INIT_REPORT Init Duration: 8.5 ms\tPhase: init\tStatus: error\tError Type: A.B\n",
                InitReport(
                    init_duration_ms=8.5,
                    phase="init",
                    status="error",
                    error_type="A.B",
                ),
            ),
            ("INIT_REPORT Init Duration: 9908.09 ms", InitReport(init_duration_ms=9908.09)),
        ],
    )
    def test_text(self, line, expected):
        assert parse_init_report(line) == expected
        assert parse_init_report(line.replace("\t", "   ")) == expected
        assert parse_init_report(f"21:00:55  {line}") == expected
        assert parse_init_report(f"2024/08/18/[$LATEST]60ce 2024-08-18T11:04:11 {line}") == expected

    def test_json(self):
        event = {
            "time": "2024-06-17T17:48:06.348Z",
            "type": "platform.initReport",
            "record": {
                "initializationType": "on-demand",
                "phase": "init",
                "status": "timeout",
                "metrics": {"durationMs": 10000.487},
            },
        }
        assert parse_init_report(json.dumps(event)) == InitReport(
            init_duration_ms=10000.487, phase="init", status="timeout"
        )
        event["record"]["metrics"] = {}
        assert parse_init_report(json.dumps(event)) is None

    @pytest.mark.parametrize(
        "message",
        [
            "",
            "INIT_REPORT",
            "INIT_REPORT Phase: init",
            "INIT_REPORT Init Duration: -1 ms",
            "my INIT_REPORT Init Duration: 1 ms",
            "INIT_REPORT took Init Duration: 1 ms",
            WARM,
            COLD,
        ],
    )
    def test_other_lines(self, message):
        assert parse_init_report(message) is None


class TestFormat:
    def test_the_bytes_that_aws_writes(self):
        for line in LINES[:5]:
            assert format_report(parse_report(line)) == line

    def test_the_trace_is_on_a_second_line(self):
        text = format_report(report(xray_trace_id="1-5e34a614"))
        assert text == WARM + "XRAY TraceId: 1-5e34a614\t\n"

    def test_billed_durations_are_rounded_up(self):
        assert "Billed Duration: 5 ms" in format_report(report(billed_duration_ms=4.2))

    def test_init_report(self):
        line = "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout\n"
        assert format_init_report(parse_init_report(line)) == line
        assert format_init_report(InitReport(init_duration_ms=1.0)).startswith(
            "INIT_REPORT Init Duration: 1.00 ms\t"
        )


words = st.text("abcXYZ019.-_$", min_size=1, max_size=40)
hundredths = st.integers(0, 10**11).map(lambda n: n / 100)
whole_ms = st.integers(0, 10**9).map(float)
megabytes = st.integers(0, 32768)
legal_reports = st.builds(
    Report,
    request_id=st.one_of(st.uuids().map(str), words),
    duration_ms=st.none() | hundredths,
    billed_duration_ms=st.none() | whole_ms,
    memory_mb=st.none() | megabytes,
    max_memory_mb=st.none() | megabytes,
    init_duration_ms=st.none() | hundredths,
    restore_duration_ms=st.none() | hundredths,
    billed_restore_duration_ms=st.none() | whole_ms,
    status=st.none() | st.sampled_from(["success", "timeout", "error", "failure"]),
    error_type=st.none() | words,
    xray_trace_id=st.none() | words,
)


class TestProperties:
    @given(legal_reports)
    def test_what_is_written_reads_back_equal(self, original):
        assert parse_report(format_report(original)) == original

    @given(legal_reports)
    def test_reading_by_label_and_reading_canonical_lines_agree(self, original):
        by_label = " " + format_report(original)
        assert parse_report(by_label) == original
        assert parse_report(by_label.replace("\t", "  ")) == original

    @given(
        st.builds(
            InitReport,
            init_duration_ms=hundredths,
            phase=st.none() | st.sampled_from(["init", "invoke"]),
            status=st.none() | st.sampled_from(["success", "timeout", "error"]),
            error_type=st.none() | words,
        )
    )
    def test_init_reports_read_back_equal(self, original):
        assert parse_init_report(format_init_report(original)) == original

    @given(legal_reports)
    def test_a_report_is_a_report(self, original):
        found = parse_report(format_report(original))
        assert type(found) is Report
        assert hash(found) == hash(original)
        with pytest.raises(AttributeError):
            found.duration_ms = 0.0

    @given(st.text())
    def test_nothing_raises_on_any_text(self, text):
        for message in (text, f"REPORT RequestId: {text}", f"INIT_REPORT {text}"):
            assert isinstance(parse_report(message), Report | None)
            assert isinstance(parse_init_report(message), InitReport | None)

    @given(st.data())
    def test_nothing_raises_on_damaged_lines(self, data):
        line = data.draw(st.sampled_from([*LINES, platform_report(METRICS)]))
        start = data.draw(st.integers(0, len(line)))
        end = data.draw(st.integers(start, len(line)))
        damaged = line[:start] + data.draw(st.text(max_size=5)) + line[end:]
        assert isinstance(parse_report(damaged), Report | None)
        assert isinstance(parse_init_report(damaged), InitReport | None)

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )

    @given(json_values, json_values, json_values, json_values)
    def test_nothing_raises_on_json_of_any_shape(self, value, metrics, tracing, record):
        for kind in ("platform.report", "platform.initReport"):
            events = (
                {"type": kind, "record": record},
                {"type": kind, "record": dict.fromkeys(["requestId", "status", "phase"], value)},
                {
                    "type": kind,
                    "record": {"requestId": "x", "metrics": metrics, "tracing": tracing},
                },
                {"type": kind, "record": {"requestId": "x", "metrics": {"durationMs": value}}},
                {"type": value, "other": kind},
                [kind, value],
            )
            for event in events:
                assert isinstance(parse_report(json.dumps(event)), Report | None)
                assert isinstance(parse_init_report(json.dumps(event)), InitReport | None)

    @pytest.mark.parametrize("opening", ["[", '{"a":'])
    def test_deeply_nested_json_is_no_report(self, opening):
        message = '{"type":"platform.report","record":' + opening * 200_000
        assert parse_report(message) is None
        assert parse_init_report(message.replace("report", "initReport")) is None

    @pytest.mark.parametrize(
        "filler", ["A ", "Aa", "\n", " ", "9", "Duration: ", "1234567890 ", "[/"]
    )
    def test_long_texts_take_no_longer_than_their_length(self, filler):
        """A quadratic search through a megabyte would take hours, and so fail this run."""
        long = filler * (1_000_000 // len(filler))
        for message in (long, f"REPORT RequestId: x\t{long}", f"INIT_REPORT {long}", WARM + long):
            assert isinstance(parse_report(message), Report | None)
            assert isinstance(parse_init_report(message), InitReport | None)
