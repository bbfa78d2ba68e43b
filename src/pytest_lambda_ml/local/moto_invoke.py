"""The Invoke operation as Lambda answers it, in place of moto's.

moto's passes over the Qualifier, takes any payload and has another limit for the response.
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from moto.awslambda.exceptions import LambdaClientError

from pytest_lambda_ml.local.scheduler import ThrottledError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lambda_ml.local.environment_events import Completion
    from pytest_lambda_ml.local.moto_lambda import LocalFunction, LocalLambdaBackend

__all__ = ["REQUEST_ID", "invoke", "respond"]

REQUEST_ID = "x-amzn-requestid"

_STATUS = {"Event": 202, "DryRun": 204}
_ASYNCHRONOUS_PAYLOAD_BYTES = 1024 * 1024
_RESPONSE_BYTES = 6_291_556
_LOG_TAIL_BYTES = 4096

_RESPONSE_TOO_LARGE = json.dumps(
    {
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        f"({_RESPONSE_BYTES} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
).encode()


class _TooManyRequestsError(LambdaClientError):
    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


class _PayloadTooLargeError(LambdaClientError):
    code = 413

    def __init__(self, size: int) -> None:
        super().__init__(
            "RequestEntityTooLargeException",
            f"{size} byte payload is too large for the Event invocation type "
            f"(limit {_ASYNCHRONOUS_PAYLOAD_BYTES} bytes)",
        )


class _InvalidPayloadError(LambdaClientError):
    code = 400

    def __init__(self, reason: Exception) -> None:
        super().__init__(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {reason}",
        )


def respond(response: Any) -> tuple[int, dict[str, str], bytes]:
    """Answer a request, moto's ``LambdaResponse``: status, headers and body."""
    headers: dict[str, str] = {}
    body: bytes = response.backend.invoke(
        *_named(response), response.body, response.headers, headers
    )
    return _STATUS.get(_kind(response.headers), 200), headers, body


def invoke(
    backend: LocalLambdaBackend,
    function: LocalFunction,
    invoked_arn: str,
    body: str | bytes | None,
    headers: Mapping[str, str],
) -> tuple[dict[str, str], bytes]:
    """RequestResponse waits for the answer, Event queues, DryRun does nothing.

    ``invoked_arn`` is what the caller named. Returns the answer's headers and body.
    """
    kind = _kind(headers)
    if kind == "DryRun":
        return {}, b""
    payload = _payload(body, kind)
    backend.put(function)
    arn: str = function.function_arn
    if kind == "Event":
        request_id = backend.plane.enqueue(arn, payload, invoked_arn=invoked_arn)
        return {REQUEST_ID: request_id, "Content-Length": "0"}, b""
    try:
        request_id, completion = backend.plane.invoke(arn, payload, invoked_arn=invoked_arn)
    except ThrottledError:
        raise _TooManyRequestsError from None
    answered, answer = _answer(completion)
    if headers.get("X-Amz-Log-Type") == "Tail":
        tail = completion.log_tail.encode()[-_LOG_TAIL_BYTES:]
        answered["x-amz-log-result"] = base64.b64encode(tail).decode()
    answered |= {REQUEST_ID: request_id, "x-amz-executed-version": str(function.version)}
    return answered, answer


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("X-Amz-Invocation-Type") or "RequestResponse"


def _named(response: Any) -> tuple[str, str | None]:
    """The function's name and the qualifier, which the name or ARN may have, too."""
    named = unquote(response.path.rstrip("/").rsplit("/", 2)[-2])
    name, _, qualifier = (named.partition(":function:")[2] or named).partition(":")
    # Not moto's querystring: without a query in the URL that is made from the payload.
    asked = parse_qs(response.parsed_url.query).get("Qualifier", [None])[0]
    return name, qualifier or asked


def _payload(body: str | bytes | None, kind: str) -> bytes:
    payload = (body.encode() if isinstance(body, str) else body) or b"{}"
    if kind == "Event" and len(payload) > _ASYNCHRONOUS_PAYLOAD_BYTES:
        raise _PayloadTooLargeError(len(payload))
    try:
        json.loads(payload, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise _InvalidPayloadError(error) from None
    return payload


def _refuse(constant: str) -> None:
    """Python's reader takes NaN and the infinities, which are no JSON."""
    raise ValueError(f"Non-standard token '{constant}'")


def _answer(completion: Completion) -> tuple[dict[str, str], bytes]:
    too_large = len(completion.body) > _RESPONSE_BYTES
    body = _RESPONSE_TOO_LARGE if too_large else completion.body
    headers = {"content-type": "application/json", "Content-Length": str(len(body))}
    if too_large or completion.error_type is not None:
        headers["x-amz-function-error"] = "Unhandled"
    return headers, body
