"""moto's Lambda with a data plane: the control plane is moto's, functions run for real.

moto looks `lambda_backends` and `LambdaFunction` up in its module on every call, so putting ours
in their place is all it takes. What moto's Lambda lacks and clients rely on is added here:
LoggingConfig, event invoke configurations that can be changed, asynchronous and synchronous
invocation with throttling, and SNS deliveries that carry their envelope.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import moto.awslambda.models as moto_lambda
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.responses import LambdaResponse
from moto.core.base_backend import BackendDict

from pytest_lambda_ml.local import moto_invoke, sns_envelope
from pytest_lambda_ml.local.function_spec import FunctionSpec
from pytest_lambda_ml.local.scheduler_actions import FunctionLimits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_lambda_ml.local.code_store import CodeStore
    from pytest_lambda_ml.local.data_plane import DataPlane

__all__ = ["install"]


class _PreconditionFailedError(LambdaClientError):
    code = 412

    def __init__(self) -> None:
        super().__init__(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction "
            "or the GetFunctionConfiguration API to retrieve the latest RevisionId for your "
            "resource.",
        )


class LocalFunction(moto_lambda.LambdaFunction):
    """A function that remembers its LoggingConfig, and has another revision after a change."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        spec = keywords.get("spec") or next(item for item in arguments if isinstance(item, dict))
        self._default_log_group = f"/aws/lambda/{self.function_name}"
        self._configure_logging(spec.get("LoggingConfig") or {})
        self.revision_id = str(uuid4())

    def _configure_logging(self, config: dict[str, Any]) -> None:
        self.logging_config = {
            "LogFormat": "Text",
            "LogGroup": self._default_log_group,
            **config,
        }
        self.logs_group_name: str = self.logging_config["LogGroup"]

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  # moto's signature
        """The configuration as the API returns it."""
        configuration: dict[str, Any] = super().get_configuration(on_create)
        return {
            **configuration,
            "LoggingConfig": self.logging_config,
            "RevisionId": self.revision_id,
        }

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        """Change what is named."""
        if "LoggingConfig" in config_updates:
            self._configure_logging(config_updates["LoggingConfig"])
        if "EphemeralStorage" in config_updates:
            self.ephemeral_storage = config_updates["EphemeralStorage"]["Size"]
        super().update_configuration(config_updates)
        self.revision_id = str(uuid4())
        return self.get_configuration()

    @property
    def event_invoke(self) -> dict[str, Any]:
        """The asynchronous invocation settings; empty when none were put."""
        return self.event_invoke_config[0].config if self.event_invoke_config else {}


class LocalLambdaBackend(moto_lambda.LambdaBackend):
    """moto's backend for an account and region; its functions run in the data plane."""

    # moto derives a backend's URL tables from the module of its class.
    __module__ = moto_lambda.__name__

    plane: DataPlane
    code: CodeStore
    endpoint_url: str | None = None

    # -- control plane -------------------------------------------------------------------------

    def create_function(self, spec: dict[str, Any]) -> Any:
        """Create a function; its code is unpacked at once, so that no cold start pays for it."""
        function = super().create_function(spec)
        self.put(function)
        return function

    def update_function_code(self, function_name: str, qualifier: str, body: dict[str, Any]) -> Any:
        """Change the code; environments made for the old one are retired."""
        answer = super().update_function_code(function_name, qualifier, body)
        self.put(self.get_function(function_name))
        return answer

    def update_function_configuration(
        self, function_name: str, qualifier: str, body: dict[str, Any]
    ) -> Any:
        """Change the configuration; environments made for the old one are retired.

        A change that names a revision which is no longer the function's is refused.
        """
        wanted = body.get("RevisionId")
        if wanted and wanted != self.get_function(function_name).revision_id:
            raise _PreconditionFailedError
        answer = super().update_function_configuration(function_name, qualifier, body)
        self.put(self.get_function(function_name))
        return answer

    def put_function_concurrency(self, function_name: str, reserved_concurrency: str) -> Any:
        """Reserve concurrency: it limits the function at once."""
        answer = super().put_function_concurrency(function_name, reserved_concurrency)
        self._put_versions(function_name)
        return answer

    def delete_function_concurrency(self, function_name: str) -> Any:
        """Lift the reservation."""
        answer = super().delete_function_concurrency(function_name)
        self._put_versions(function_name)
        return answer

    def put_function_event_invoke_config(
        self, function_name: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        """Replace the settings: what is not named goes back to its default, as on AWS."""
        function = self.get_function(function_name)
        function.event_invoke_config = []
        answer: dict[str, Any] = super().put_function_event_invoke_config(function_name, config)
        self.put(function)
        return answer

    def update_function_event_invoke_config(
        self, function_name: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        """Change only the settings that are named."""
        function = self.get_function(function_name)
        return self.put_function_event_invoke_config(
            function_name, {**function.event_invoke, **config}
        )

    def delete_function_event_invoke_config(self, function_name: str) -> None:
        """Back to the defaults."""
        super().delete_function_event_invoke_config(function_name)
        self.put(self.get_function(function_name))

    def delete_function(self, function_name: str, qualifier: str | None = None) -> None:
        """Delete a function; its queue and its environments go with it."""
        function = self.get_function(function_name, qualifier)
        whole = function.version == "$LATEST"
        deleted = self._versions(function.function_name) if whole else [function]
        super().delete_function(function_name, qualifier)
        for version in deleted:
            self.plane.remove_function(version.function_arn)

    def reset(self) -> None:
        """Forget everything (POST /moto-api/reset)."""
        for function in self.list_functions():
            for version in self._versions(function.function_name):
                self.plane.remove_function(version.function_arn)
        super().reset()

    def put(self, function: LocalFunction) -> None:
        """Tell the data plane of a function's version, or of what changed about it."""
        spec = self._spec(function)
        invoke = function.event_invoke
        # Concurrency is the function's; a version has a copy from the time of its publication.
        reserved = self.get_function(function.function_name).reserved_concurrency
        limits = FunctionLimits(
            memory_mb=spec.memory_mb,
            reserved_concurrency=None if reserved is None else int(reserved),
            maximum_retry_attempts=invoke.get("MaximumRetryAttempts", 2),
            maximum_event_age_s=float(invoke.get("MaximumEventAgeInSeconds", 21_600)),
        )
        destinations = invoke.get("DestinationConfig", {})
        on_failure, on_success = (
            destinations.get(each, {}).get("Destination") or None
            for each in ("OnFailure", "OnSuccess")
        )
        self.plane.put_function(spec, limits, on_failure, on_success)

    # -- invocation ----------------------------------------------------------------------------

    def invoke(
        self,
        function_name: str,
        qualifier: str | None,
        body: str | bytes | None,
        headers: Mapping[str, str],
        response_headers: dict[str, Any],
    ) -> bytes:
        """Invoke a version of a function, for a client or for another service of moto's."""
        function = self.get_function(function_name, qualifier)
        invoked_arn = self._invoked_arn(function.function_name, qualifier)
        answered, answer = moto_invoke.invoke(self, function, invoked_arn, body, headers)
        response_headers |= answered
        return answer

    def send_sns_message(
        self,
        function_name: str,
        message: str,
        subject: str | None = None,
        qualifier: str | None = None,
    ) -> None:
        """Queue a delivery of SNS and return: SNS invokes asynchronously."""
        function = self.get_function(function_name, qualifier)
        event = sns_envelope.lambda_event(message, subject)
        self.put(function)
        self.plane.enqueue(
            function.function_arn,
            json.dumps(event).encode(),
            invoked_arn=self._invoked_arn(function.function_name, qualifier),
        )

    # -- how -----------------------------------------------------------------------------------

    def _invoked_arn(self, function_name: str, qualifier: str | None) -> str:
        """What a caller named: the function's ARN, with the qualifier if there was one."""
        arn: str = self.get_function(function_name).function_arn
        return f"{arn}:{qualifier}" if qualifier else arn

    def _versions(self, function_name: str) -> list[LocalFunction]:
        """``$LATEST`` and what was published of it.

        moto lists a copy of ``$LATEST`` whose ARN ends in that, which the data plane does not know.
        """
        latest = self.get_function(function_name)
        listed = self.list_versions_by_function(function_name)
        return [latest, *(each for each in listed if each.version != latest.version)]

    def _put_versions(self, name_or_arn: str) -> None:
        for version in self._versions(self.get_function(name_or_arn).function_name):
            self.put(version)

    def _spec(self, function: LocalFunction) -> FunctionSpec:
        return FunctionSpec(
            name=function.function_name,
            arn=function.function_arn,
            version=str(function.version),
            account_id=self.account_id,
            region=self.region_name,
            handler=function.handler or "",
            memory_mb=int(function.memory_size),
            timeout_s=float(function.timeout),
            log_group=function.logs_group_name,
            log_format=function.logging_config["LogFormat"],
            task_root=self._task_root(function),
            endpoint_url=self.endpoint_url,
            variables=dict(function.environment_vars or {}),
        )

    def _task_root(self, function: LocalFunction) -> Path:
        folder = self.code.unpack(function.code_sha_256, getattr(function, "code_bytes", b""))
        # The archive is on disk now; a package of some hundred megabytes need not stay in memory.
        function.code_bytes = b""
        return folder


_enrich_response = LambdaResponse._enrich_response


def _keep_request_id(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
    """moto invents a request id for every answer; an invocation's is that of its REPORT line."""
    name = moto_invoke.REQUEST_ID
    own = {name: headers[name]} if name in headers else {}
    headers, body = _enrich_response(headers, body)
    return headers | own, body


def _of_qualifier(operation: str) -> Any:
    """An operation of moto's on event invoke configurations, which passes over the Qualifier."""
    plain = getattr(LambdaResponse, operation)

    def respond(response: Any) -> Any:
        if qualifier := response.querystring.get("Qualifier", [None])[0]:
            response.path = response.path.replace(
                "/event-invoke-config", f":{qualifier}/event-invoke-config"
            )
        return plain(response)

    return respond


def install(plane: DataPlane, code: CodeStore, endpoint_url: str) -> None:
    """Put the data plane under moto's Lambda, in this process and for good."""
    backend = type(
        LocalLambdaBackend.__name__,
        (LocalLambdaBackend,),
        {
            "__module__": moto_lambda.__name__,
            "plane": plane,
            "code": code,
            "endpoint_url": endpoint_url,
        },
    )
    LambdaResponse.invoke = moto_invoke.respond
    LambdaResponse._enrich_response = staticmethod(_keep_request_id)
    for operation in ("put", "get", "update", "delete"):
        name = f"{operation}_function_event_invoke_config"
        setattr(LambdaResponse, name, _of_qualifier(name))
    moto_lambda.LambdaFunction = LocalFunction
    moto_lambda.lambda_backends = BackendDict(backend, "lambda")
    sns_envelope.install()
