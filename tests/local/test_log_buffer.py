"""What a function prints and what the platform says become events in order, and nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.local.log_buffer import LogBuffer


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def messages(buffer: LogBuffer) -> list[str]:
    return [message for _, message in buffer.take()]


def test_each_line_is_an_event_and_the_rest_waits_for_its_end(pipe) -> None:
    reading, writing = pipe
    buffer = LogBuffer()
    buffer.attach(reading)
    os.write(writing, b"one\ntwo\nthr")
    assert buffer.drain()
    assert messages(buffer) == ["one\n", "two\n"]
    os.write(writing, b"ee\n")
    assert buffer.drain()
    assert messages(buffer) == ["three\n"]
    assert not buffer.drain()


def test_a_line_of_the_platform_comes_after_what_was_printed_before_it(pipe) -> None:
    """A line without an end is ended by it, as Lambda does when an invocation is over."""
    reading, writing = pipe
    buffer = LogBuffer()
    buffer.attach(reading)
    os.write(writing, b"printed\nno end")
    buffer.append("REPORT\n")
    assert messages(buffer) == ["printed\n", "no end", "REPORT\n"]


def test_what_is_left_at_the_end_is_kept(pipe) -> None:
    reading, writing = pipe
    buffer = LogBuffer()
    buffer.attach(reading)
    os.write(writing, b"last words")
    buffer.detach()
    assert messages(buffer) == ["last words"]
    os.write(writing, b"not read any more\n")
    assert not buffer.drain()


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_whatever_is_printed_comes_out_whole_and_timestamps_never_go_back(chunks) -> None:
    reading, writing = os.pipe()
    buffer = LogBuffer()
    try:
        buffer.attach(reading)
        for chunk in chunks:
            os.write(writing, chunk)
            buffer.drain()
        buffer.detach()
    finally:
        os.close(reading)
        os.close(writing)
    events = buffer.take()
    lines = b"".join(chunks).split(b"\n")
    expected = [line + b"\n" for line in lines[:-1]] + [lines[-1]] * bool(lines[-1])
    assert [text for _, text in events] == [line.decode("utf-8", "replace") for line in expected]
    assert [at for at, _ in events] == sorted(at for at, _ in events)
