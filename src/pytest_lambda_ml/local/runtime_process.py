"""The command and the environment of a runtime process: AWS's runtime client in this interpreter.

The environment is made from nothing: no variable of the user's, so no credential either, reaches
a handler. Its AWS calls go to the local endpoint with dummy credentials.
"""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_lambda_ml.local.function_spec import FunctionSpec

__all__ = ["die_with_parent", "peak_resident_mb", "runtime_command", "runtime_environment"]

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_setpriv = shutil.which("setpriv")


def die_with_parent() -> list[str]:
    """A prefix to a command: the kernel kills the process when the thread that started it dies.

    Empty where util-linux' setpriv is missing.
    """
    return [_setpriv, "--pdeathsig", "KILL"] if _setpriv else []


def runtime_command(handler: str) -> list[str]:
    """The runtime client for a handler (``module.function``).

    Even without `die_with_parent` an idle process ends by itself, since its connection breaks.
    """
    return [*die_with_parent(), sys.executable, "-m", "awslambdaric", handler]


def runtime_environment(
    spec: FunctionSpec, runtime_api: str, stream: str, temporary_folder: Path
) -> dict[str, str]:
    """The variables that Lambda defines, and the function's own.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return {
        "PATH": _SYSTEM_PATH,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": str(temporary_folder),
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "_HANDLER": spec.handler,
        "LAMBDA_TASK_ROOT": str(spec.task_root),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": spec.log_format,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        **({"AWS_ENDPOINT_URL": spec.endpoint_url} if spec.endpoint_url else {}),
        "PYTHONPATH": str(spec.task_root),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        **spec.variables,
    }


def peak_resident_mb(pid: int) -> int | None:
    """A process' peak resident memory so far (VmHWM): what Lambda calls Max Memory Used.

    ``None`` once the process is gone.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    lines = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((math.ceil(int(line.split()[1]) / 1024) for line in lines), None)
