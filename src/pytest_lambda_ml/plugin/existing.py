"""`lambda_benchmark(function=…)`: a function that exists already, without handler and wrapper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.payload_object import is_s3, read_object
from pytest_lambda_ml.campaign.payloads import Payloads, payload_text, weighted
from pytest_lambda_ml.errors import SettingError
from pytest_lambda_ml.model import EXISTING, Configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_lambda_ml.aws.existing import ExistingFunction
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import Trigger
    from pytest_lambda_ml.settings import Settings

__all__ = ["MISSING", "check_subject", "configure", "fargate_refusal", "read_payloads"]

MISSING = object()
"""No payload was given: ``None`` is one, JSON's null."""

DIRECT = ("async", "sync")
TRIGGERS = ("sns", *DIRECT)
FILE = "file://"


def check_subject(
    handler: object, function: object, *, memory_mb: int | None, payload: object, trigger: str
) -> None:
    """Raise SettingError unless it is clear what is to be measured, and by what trigger."""
    if trigger not in TRIGGERS:
        raise SettingError(
            f"lambda_benchmark(trigger={trigger!r}) is not legal; legal are "
            f"{', '.join(map(repr, TRIGGERS))}"
        )
    if (handler is None) == (function is None):
        raise SettingError(
            "lambda_benchmark measures either a handler or a function that exists already: give "
            "handler=… or function=…, not both and not neither"
        )
    if function is None and payload is not MISSING:
        raise SettingError("a handler gets batches of its data set; payload=… is for function=…")
    if function is None and memory_mb is None:
        raise SettingError("lambda_benchmark(handler=…) needs memory_mb")
    if function is not None and payload is MISSING:
        raise SettingError(
            "lambda_benchmark(function=…) needs a payload; payload={} is an empty one"
        )


def fargate_refusal(settings: Settings, function: object, trigger: object) -> str | None:
    """Why a Fargate task cannot publish what this test sends, if it cannot."""
    if settings.publisher != "fargate":
        return None
    if isinstance(function, str):
        why = f"function={function!r} is sent payloads of the test, which only this machine has"
    elif trigger in DIRECT:
        why = f"trigger={trigger!r} invokes without one"
    else:
        return None
    return (
        f"{settings.place('publisher')}: a Fargate task publishes batches of a data set to a "
        f"topic, and {why}; use --lambda-publisher local for such tests"
    )


def configure(
    existing: ExistingFunction,
    *,
    memory_mb: int | None,
    concurrency: int,
    batch_size: int,
    trigger: Trigger,
    region: str | None,
) -> Configuration:
    """The cell of a function: what was not asked for is as the function has it."""
    own_version = memory_mb is not None or trigger == "sns"
    return Configuration(
        algorithm=existing.named.label,
        engine=EXISTING,
        memory_mb=memory_mb or existing.memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
        timeout_s=existing.timeout_s,
        ephemeral_mb=existing.ephemeral_mb,
        architecture=existing.architecture,
        snap_start=existing.snap_start and own_version,
        log_format=existing.log_format,
        region=region,
        trigger=trigger,
    )


def read_payloads(
    payload: object, search: Sequence[Path], clients: Callable[[], AwsClients]
) -> Payloads:
    """What is to be sent: a value, a file, an object of S3, several with weights, or a callable.

    A relative file is looked for in each of ``search``. Raises SettingError, `BackendError`.
    """
    if callable(payload):
        make = payload
        return Payloads(made=lambda index: payload_text(make(index)))
    pairs = weighted(payload)
    if pairs is None:
        text, source = _text(payload, search, clients)
        return Payloads((text,), (1.0,), source=source)
    texts = tuple(_text(each, search, clients)[0] for each, _ in pairs)
    return Payloads(texts, tuple(weight for _, weight in pairs))


def _text(
    payload: object, search: Sequence[Path], clients: Callable[[], AwsClients]
) -> tuple[str, str]:
    """The JSON of one payload, and where it came from."""
    if isinstance(payload, str) and is_s3(payload):
        return payload_text(read_object(clients(), payload)), payload
    if isinstance(payload, str) and payload.startswith(FILE):
        payload = Path(payload.removeprefix(FILE))
    if isinstance(payload, Path):
        path = _find(payload, search)
        return payload_text(path.read_bytes()), path.name
    return payload_text(payload), ""


def _find(path: Path, search: Sequence[Path]) -> Path:
    found = next((folder / path for folder in search if (folder / path).is_file()), None)
    if found is None:
        tried = ", ".join(str(folder / path) for folder in search)
        raise SettingError(f"lambda_benchmark(payload={path}): no such file; tried {tried}")
    return found
