"""What a handler gives for some batches when it runs here: what to expect of it anywhere."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_ml.artifact.contents import gather
from pytest_lambda_ml.artifact.folder import file_sha256
from pytest_lambda_ml.errors import ArtifactError
from pytest_lambda_ml.model import BatchOutputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.artifact.contents import Contents
    from pytest_lambda_ml.artifact.folder import HandlerFolder

__all__ = ["outputs_here"]

STDERR_LINES = 20

# The wrapper's own digest, so that it can be compared with that of any invocation.
PROGRAM = """
import json, sys, wrapper
with open(sys.argv[1], encoding="utf-8") as file:
    batches = json.load(file)
wrapper.handler.initialize()
results = []
for batch in batches:
    outputs = wrapper.handler.process(batch)
    results.append([wrapper.output_digest(outputs), outputs])
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(results, file, default=lambda value: value.tolist())
"""


def outputs_here(
    folder: HandlerFolder, artifacts: Path | None, batches: Sequence[Sequence[str]], cache_dir: Path
) -> tuple[BatchOutputs, ...]:
    """The outputs of each batch and their digest, by a process of its own on this machine.

    Run once for each content of handler, artifacts, wrapper and batches. Raises `ArtifactError`
    with the end of the handler's stderr.
    """
    asked = json.dumps(batches)
    with tempfile.TemporaryDirectory(prefix="lambda-ml-") as temporary:
        contents = gather(folder, artifacts, Path(temporary))
        path = cache_dir / "outputs" / f"{folder.name}-{folder.engine}-{_key(contents, asked)}.json"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            _run(folder, contents, asked, path)
    results = json.loads(path.read_text(encoding="utf-8"))
    return tuple(BatchOutputs(digest, tuple(outputs)) for digest, outputs in results)


def _key(contents: Contents, asked: str) -> str:
    """Trained artifacts are named by what they are made of, so their path tells their content."""
    digest = hashlib.sha256(asked.encode())
    for name, entry in sorted(contents.code.items()):
        digest.update(f"{name}\0{file_sha256(entry.path)}\n".encode())
    for name, entry in sorted(contents.artifacts.items()):
        digest.update(f"{name}\0{entry.path}\n".encode())
    return digest.hexdigest()[:16]


def _run(folder: HandlerFolder, contents: Contents, asked: str, path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".asking-", dir=path.parent) as temporary:
        root = Path(temporary) / "root"
        for name, entry in contents.entries.items():
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(entry.path.resolve())
        batches, results = Path(temporary) / "batches.json", Path(temporary) / "results.json"
        batches.write_text(asked, encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        result = subprocess.run(
            [sys.executable, "-B", "-c", PROGRAM, str(batches), str(results)],
            check=False,
            env=environment,
            cwd=root,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if result.returncode != 0:
            tail = "\n".join(result.stderr.strip().splitlines()[-STDERR_LINES:]) or "(no stderr)"
            raise ArtifactError(
                f"{folder.name} ({folder.engine}) cannot be run here to compare its outputs: exit "
                f"status {result.returncode}\n{tail}"
            )
        results.replace(path)
