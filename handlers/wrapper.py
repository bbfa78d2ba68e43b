"""The entry point of every benchmarked function: ``wrapper.lambda_handler``.

Algorithm 1 of "Cost-Effective Machine Learning Inference with AWS Lambda" (R. Timmer, Groningen,
2024): initialise once per execution environment, process the batch, log the times of both. The
algorithm itself is ``handler.py`` beside this file (the contract is in README.md).

One JSON object a line goes to stdout: a start record before anything else happens, so that even an
invocation that never ends is known by its sample, and an invocation record at the end. Only the
standard library is imported, and nothing of the project: this file runs in Lambda's Python. The
boto3 that is there is imported when a batch too large for a message lies in S3.
"""

import hashlib
import json
import os
import time
import uuid
from functools import cache
from pathlib import Path

WRAPPER_STARTED_S = time.clock_gettime(time.CLOCK_BOOTTIME)

if Path(__file__).with_name("artifacts.json").is_file():
    import fetch_artifacts

    fetch_artifacts.fetch()

import_started = time.perf_counter()
import handler  # noqa: E402 (its import is timed)

IMPORTS_MS = (time.perf_counter() - import_started) * 1000

__all__ = ["SCHEMA_VERSION", "lambda_handler", "output_digest"]

SCHEMA_VERSION = 1
MAX_ERROR_CHARACTERS = 1000  # enough to understand a failure, little enough for a log line


class Span:
    """One timed step: start and end in epoch milliseconds, length by the monotonic clock."""

    started_at_ms: float | None = None
    ended_at_ms: float | None = None
    duration_ms: float | None = None

    def __enter__(self):
        self.started_at_ms = time.time() * 1000
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.duration_ms = (time.perf_counter() - self._started) * 1000
        self.ended_at_ms = self.started_at_ms + self.duration_ms

    def fields(self, name):
        """The record's three fields on this step; all None when it did not run."""
        return {
            f"{name}_started_at_ms": self.started_at_ms,
            f"{name}_ended_at_ms": self.ended_at_ms,
            f"{name}_ms": self.duration_ms,
        }


class Environment:
    """What this execution environment remembers from one invocation to the next."""

    def __init__(self):
        self.id = None
        self.cold = True
        self.initialized = False
        self.initialization = Span()

    def initialize(self):
        """Run the handler's initialisation; one that raises is tried again next time."""
        with self.initialization:
            handler.initialize()
        self.initialized = True

    def identify(self):
        """An id of its own, not made before the first invocation: snapshots are restored often."""
        self.id = self.id or uuid.uuid4().hex
        return self.id

    def begin_invocation(self):
        """Whether this is the first invocation. Later ones do not report its initialisation."""
        cold, self.cold = self.cold, False
        if not cold:
            self.initialization = Span()
        return cold


def loads_at_import():
    """Whether the handler asks for it, or a snapshot of what is loaded now is restored later."""
    snapshot = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
    return snapshot or getattr(handler, "INITIALIZE_AT_IMPORT", False)


environment = Environment()
if loads_at_import():
    environment.initialize()


def lambda_handler(event, context):
    """Process the one message of an SNS event, or a message invoked directly.

    Returns the sample's id, how many outputs it gave and their digest. What the handler raises is
    logged in the invocation record and goes on to the runtime.
    """
    cpu_started = time.process_time()
    message, sns_message_id = read_message(event)
    identity = {
        "schema_version": SCHEMA_VERSION,
        # The environment's own run id: one that a former run left behind gives itself away.
        "run_id": os.environ.get("RUN_ID") or message["run_id"],
        "sample_id": message["sample_id"],
        "sns_message_id": sns_message_id,
        "request_id": context.aws_request_id,
        "environment_id": environment.identify(),
    }
    log("pytest_lambda_ml.start", identity)
    cold, fetching, processing = environment.begin_invocation(), Span(), Span()
    digest, count, figures, failure, batch = None, 0, {}, {}, message.get("batch", ())
    try:
        if "batch_s3" in message:
            with fetching:
                batch = fetch_batch(**message["batch_s3"])
        if not environment.initialized:
            environment.initialize()
        with processing:
            outputs = handler.process(batch)
        count, digest = count_outputs(outputs, batch), output_digest(outputs)
        figures = handler.figures() if hasattr(handler, "figures") else {}
    except BaseException as error:
        failure = {
            "error_type": type(error).__name__,
            "error_message": str(error)[:MAX_ERROR_CHARACTERS],
        }
        raise
    finally:
        record = {
            **identity,
            "function_name": context.function_name,
            "function_version": context.function_version,
            "memory_mb": int(context.memory_limit_in_mb),
            "cold": cold,
            "runtime_start_ms": runtime_start_ms() if cold else None,
            "imports_ms": IMPORTS_MS if cold else None,
            **environment.initialization.fields("initialization"),
            **processing.fields("processing"),
            "fetching_ms": fetching.duration_ms,
            "batch_size": len(batch),
            "cpu_count": os.cpu_count(),
            "cpu_model": cpu_model(),
            "output_digest": digest,
            "weights": weights(),
            "figures": {**quality(), **figures},
            "error_type": None,
            "error_message": None,
            **failure,
        }
        record["cpu_time_ms"] = (time.process_time() - cpu_started) * 1000
        log("pytest_lambda_ml.invocation", record)
    return {"sample_id": message["sample_id"], "outputs": count, "output_digest": digest}


def read_message(event):
    """The message in an SNS event of one record and its MessageId, or the event itself and None."""
    if "Records" not in event:
        return event, None
    if len(event["Records"]) != 1:
        raise ValueError(f"expected one SNS record in the event, got {len(event['Records'])}")
    sns = event["Records"][0]["Sns"]
    return json.loads(sns["Message"]), sns["MessageId"]


def fetch_batch(bucket, key, sha256):
    """The batch of a message that only says where it is; ValueError if it is another one."""
    body = s3_client().get_object(Bucket=bucket, Key=key)["Body"].read()
    found = hashlib.sha256(body).hexdigest()
    if found != sha256:
        raise ValueError(f"s3://{bucket}/{key} has sha256 {found}, the message says {sha256}")
    return json.loads(body)


@cache
def s3_client():
    """Made once per environment: it takes longer than a small batch does."""
    import boto3

    return boto3.client("s3")


def log(record_type, fields):
    """Print one record as one line, flushed: the process may be killed right after."""
    print(json.dumps({"type": record_type, **fields}, default=str), flush=True)


def count_outputs(outputs, batch):
    """How many outputs there are: one for each item of the batch, or the invocation has failed."""
    if not hasattr(outputs, "__len__") or isinstance(outputs, (str, bytes, dict, set)):
        raise TypeError(f"process returned a {type(outputs).__name__}, not a list of outputs")
    if len(outputs) != len(batch):
        raise ValueError(
            f"process returned {len(outputs)} outputs for a batch of {len(batch)} items; it must "
            "return one for each"
        )
    return len(outputs)


def output_digest(outputs):
    """16 hex digits that are equal when two engines gave the same outputs.

    Floats count to 6 significant digits, as engines differ in rounding beyond those. TypeError for
    what JSON cannot hold: as text it may be an address, another one in every environment.
    """
    text = json.dumps(canonical(outputs), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def canonical(value):
    """The value as JSON knows it: arrays as lists, floats rounded; TypeError for other objects."""
    if type(value) is list:
        # The usual outputs, told by one look at their types: digests of large batches are billed.
        kinds = set(map(type, value))
        if kinds <= {str, int}:
            return value
        if kinds == {float}:
            return [float(f"{item:.6g}") + 0.0 for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") + 0.0  # adding 0.0 makes -0.0 and 0.0 one number
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, dict):
        return {str(canonical(key)): canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if hasattr(value, "tolist"):
        return canonical(value.tolist())
    raise TypeError(
        f"process returned an output of type {type(value).__name__}, which JSON cannot hold; "
        "return strings, numbers, None, and lists or dicts of them"
    )


def runtime_start_ms():
    """From the start of the process to this file: interpreter and runtime client.

    Linux tells the start in hundredths of a second since boot; None where it does not.
    """
    try:
        stat = Path("/proc/self/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    started_ticks = int(stat.rpartition(")")[2].split()[19])  # field 22 of proc_pid_stat(5)
    started_s = started_ticks / os.sysconf("SC_CLK_TCK")
    return max(WRAPPER_STARTED_S - started_s, 0.0) * 1000


@cache
def cpu_model():
    """The processor's name as Linux tells it; None where it tells none (arm64)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), None)


@cache
def weights():
    """Where the model's weights come from, if train.py wrote weights.txt; else None."""
    path = Path(__file__).with_name("weights.txt")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


@cache
def quality():
    """What train.py or export.py measured of the model, if it wrote quality.json."""
    path = Path(__file__).with_name("quality.json")
    measured = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {f"quality_{name}": value for name, value in measured.items()}
