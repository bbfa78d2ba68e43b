"""The words of the domain, in the field's own terms: frozen dataclasses and enums, no I/O.

Units stand in the names. Absent is ``None``, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "EXISTING",
    "MAX_VCPU",
    "MEMORY_MB_PER_VCPU",
    "Architecture",
    "BatchOutputs",
    "Configuration",
    "FailureRecord",
    "Finding",
    "InitReport",
    "Invocation",
    "InvocationRecord",
    "LogEvent",
    "Outcome",
    "Outcomes",
    "Provenance",
    "PublishedMessage",
    "Report",
    "StartRecord",
    "StartType",
    "SuccessRecord",
    "Trigger",
    "vcpu",
]

Architecture = Literal["x86_64", "arm64"]

Trigger = Literal["sns", "async", "sync"]
"""What invokes a function: a topic, or Lambda's Invoke, asynchronous or waiting for the answer."""

EXISTING = "existing"
"""The engine of a cell whose function exists already: its code is not this project's."""

MEMORY_MB_PER_VCPU = 1769
"""Memory at which a function has the equivalent of one vCPU (AWS Lambda documentation)."""

MAX_VCPU = 6.0
"""vCPU at 10,240 MB, the largest function memory (AWS Lambda documentation)."""


def vcpu(memory_mb: int) -> float:
    """The CPU share of a function in vCPU: linear in memory, one at 1,769 MB, at most six."""
    return min(memory_mb / MEMORY_MB_PER_VCPU, MAX_VCPU)


class Outcome(StrEnum):
    """What became of one published message. Each value rests on evidence (see `Invocation`)."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    THROTTLED = "throttled"
    MISSING = "missing"


class StartType(StrEnum):
    """How the execution environment of an invocation came to be ready; never averaged together."""

    COLD = "cold"
    """The first invocation, and the REPORT line carries an Init (or Restore) Duration."""
    WARM = "warm"
    """The environment had served an invocation before."""
    PRE_INITIALISED = "pre_initialised"
    """The first invocation, but no Init Duration: Lambda initialised ahead of the request."""
    SUPPRESSED_INIT = "suppressed_init"
    """Initialisation was cut off or failed, and ran again inside this invocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One cell of the grid: what is deployed and how it is invoked.

    ``region`` is given where a campaign has several; with one it is not part of the id.
    With ``snap_start`` a published version is invoked, whose environments are restored from a
    snapshot of its initialisation. ``log_format`` is that of the platform's lines. A ``trigger``
    other than SNS is part of the id.
    """

    algorithm: str
    engine: str = "reference"
    memory_mb: int
    concurrency: int
    batch_size: int
    architecture: Architecture = "x86_64"
    ephemeral_mb: int = 512
    timeout_s: int = 60
    snap_start: bool = False
    log_format: Literal["text", "json"] = "text"
    region: str | None = None
    trigger: Trigger = "sns"

    @property
    def cell_id(self) -> str:
        """The values that make the test's id and the key by which runs are compared."""
        values = (self.algorithm, self.engine, self.memory_mb, self.concurrency, self.batch_size)
        more = (None if self.trigger == "sns" else self.trigger, self.region)
        return "-".join(map(str, (*values, *filter(None, more))))

    @property
    def snapshot_mb(self) -> int | None:
        """The size by which SnapStart is billed: that of the memory. ``None`` without it."""
        return self.memory_mb if self.snap_start else None

    @property
    def vcpu(self) -> float:
        """The CPU share that the memory size buys."""
        return vcpu(self.memory_mb)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found of one thing, and what to do about it.

    ``"missing"`` keeps a campaign from running, ``"warning"`` makes it less than it could be.
    """

    subject: str
    state: Literal["ok", "warning", "missing"]
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """A message that was accepted: by SNS, or by Lambda itself.

    ``message_id`` is SNS's, or the request id that an asynchronous Invoke returns; ``None`` for a
    synchronous one, whose request id comes with the answer.
    """

    sample_id: str
    message_id: str | None
    published_at_ms: int


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event of a CloudWatch Logs stream, as FilterLogEvents returns it."""

    log_stream: str
    event_id: str
    timestamp_ms: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A REPORT line (or JSON ``platform.report``): the platform's word on one invocation attempt.

    ``billed_duration_ms`` is the bill. ``status`` is ``None`` or ``"success"`` when all went well,
    else ``"timeout"``, ``"error"`` or ``"failure"``.
    """

    request_id: str
    duration_ms: float | None = None
    billed_duration_ms: float | None = None
    memory_mb: int | None = None
    max_memory_mb: int | None = None
    init_duration_ms: float | None = None
    restore_duration_ms: float | None = None
    billed_restore_duration_ms: float | None = None
    status: str | None = None
    error_type: str | None = None
    xray_trace_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """An INIT_REPORT line: an initialisation that did not end well, or ran inside an invocation."""

    init_duration_ms: float
    phase: str | None = None
    status: str | None = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecord:
    """What the wrapper logs before it does anything else: which message this request carries."""

    run_id: str
    sample_id: str
    sns_message_id: str | None
    request_id: str
    environment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRecord:
    """What the wrapper logs when an invocation ends: the times that the platform cannot know.

    ``cold`` is the wrapper's own first-call flag. Times ending in ``_at_ms`` are epoch
    milliseconds of the function's clock. ``error_type`` and ``error_message`` are present when the
    handler raised. ``runtime_start_ms`` (from the start of the process to the wrapper, in steps of
    10 ms) and ``imports_ms`` (the handler's) are in an environment's first record only, as
    initialisation is. ``figures`` holds numbers of the handler's own (tokens, for example).
    ``fetching_ms`` is the time in which a batch too large for a message came from S3; it is part
    of the billed duration, and of neither ``initialization_ms`` nor ``processing_ms``.
    """

    schema_version: int
    run_id: str
    sample_id: str
    sns_message_id: str | None
    request_id: str
    environment_id: str
    function_name: str
    function_version: str
    memory_mb: int
    cold: bool
    initialization_started_at_ms: float | None
    initialization_ended_at_ms: float | None
    initialization_ms: float | None
    processing_started_at_ms: float | None
    processing_ended_at_ms: float | None
    processing_ms: float | None
    batch_size: int
    cpu_count: int | None
    cpu_model: str | None
    output_digest: str | None
    cpu_time_ms: float | None = None
    runtime_start_ms: float | None = None
    imports_ms: float | None = None
    fetching_ms: float | None = None
    weights: str | None = None
    figures: Mapping[str, float | int | str | None] = field(default_factory=dict)
    error_type: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class BatchOutputs:
    """What a handler gave for one batch, and the wrapper's digest of it."""

    digest: str
    outputs: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRecord:
    """A record that Lambda sent to the function's on-failure destination.

    ``condition`` is ``"RetriesExhausted"`` or ``"EventAgeExceeded"``; the latter is the evidence
    that an event was throttled until it aged out. The answer of a synchronous Invoke that failed
    is one, too, with ``"FunctionError"``, or ``"TooManyRequests"`` where it was never let in.
    """

    request_id: str
    function_name: str
    condition: str
    run_id: str | None
    sample_id: str | None
    error_type: str | None = None
    error_message: str | None = None
    sns_message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessRecord:
    """That an invocation went well: by the on-success destination, or by a synchronous answer.

    ``sample_id`` is known with an answer, ``sns_message_id`` where an event of SNS succeeded.
    """

    request_id: str
    sample_id: str | None = None
    sns_message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One published message, its one outcome, and the evidence for it.

    ``report`` is that of the attempt which counts; ``other_reports`` are those of retries and
    duplicates: they are billed, so they count in the total cost and nowhere else.
    """

    sample_id: str
    outcome: Outcome
    start: StartType | None = None
    report: Report | None = None
    record: InvocationRecord | None = None
    failure: FailureRecord | None = None
    log_stream: str | None = None
    other_reports: tuple[Report, ...] = ()

    @property
    def reports(self) -> tuple[Report, ...]:
        """Every REPORT of this message: all of them are on the bill."""
        return (self.report, *self.other_reports) if self.report else self.other_reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How many messages ended how. ``published`` is counted where they are sent."""

    published: int
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    out_of_memory: int = 0
    throttled: int = 0
    missing: int = 0

    def count(self, outcome: Outcome) -> int:
        """The number of messages with this outcome."""
        value: int = getattr(self, outcome.value)
        return value

    @property
    def accounted_for(self) -> bool:
        """Whether every published message ended in exactly one outcome."""
        return self.published == sum(self.count(outcome) for outcome in Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a result comes from, so that a local number is never taken for an AWS bill.

    ``cpu_enforced`` and ``memory_enforced`` name the mechanism (``"aws"``, ``"cgroup-v2"``,
    ``"cgroup-v1"``, ``"duty-cycle"``, ``"rss-poll"``) or are ``None`` where no limit was enforced.
    ``dataset_sha256`` is the digest of the data's content in hex, ``None`` where nobody knows it.
    ``notes`` are sentences on what could not be measured honestly.
    """

    backend: Literal["aws", "local"]
    region: str
    architecture: Architecture
    cpu_model: str | None
    cpu_enforced: str | None
    memory_enforced: str | None
    price_date: str
    dependencies: Literal["host", "package"]
    dataset: str
    weights: str | None
    dataset_sha256: str | None = None
    notes: tuple[str, ...] = ()
