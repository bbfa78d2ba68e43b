"""Artifacts for which a zip has no room: fetched from S3 before handler.py is imported.

This file lies in a package only together with ``artifacts.json``, which names the handler's own
files and, with digest and size, those that are in the bucket ``ARTIFACT_BUCKET`` under their
sha256. A function's folder cannot be written to, so that the handler's files and the fetched ones
are put together in the temporary folder, and handler.py is imported from there: it finds everything
beside itself, as ever. boto3 comes with Lambda's runtime.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["fetch"]

ROOT = Path(__file__).parent
PREFIX = "artifacts/"
MB = 2**20


def fetch():
    """Put the folder together and let imports find it first; one log line says how long it took.

    What is there already, from an initialisation that was cut off, is not fetched again. Raises
    `RuntimeError` when the temporary folder is too small or the content is not the expected one.
    """
    started = time.perf_counter()
    said = json.loads((ROOT / "artifacts.json").read_text(encoding="utf-8"))
    folder = Path(tempfile.gettempdir()) / "task"
    for name in said["files"]:
        put_beside(ROOT / name, folder / name)
    missing = {
        name: item for name, item in said["external"].items() if not (folder / name).exists()
    }
    check_room(sum(item["size_bytes"] for item in missing.values()))
    for name, item in missing.items():
        download(item["sha256"], folder / name)
    sys.path.insert(0, str(folder))
    record = {
        "type": "pytest_lambda_ml.artifacts",
        "fetched_bytes": sum(item["size_bytes"] for item in missing.values()),
        "duration_ms": (time.perf_counter() - started) * 1000,
    }
    print(json.dumps(record), flush=True)


def put_beside(source, target):
    """Modules are copied, so that they lie in the folder however they look; the rest is linked."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".py":
        shutil.copyfile(source, target)
    elif not target.is_symlink():
        target.symlink_to(source)


def check_room(needed_bytes):
    """Say it before the disk is full: then only an input/output error would."""
    free_bytes = shutil.disk_usage(tempfile.gettempdir()).free
    if needed_bytes > free_bytes:
        raise RuntimeError(
            f"artifacts of {needed_bytes / MB:.0f} MB are to be fetched, and {free_bytes / MB:.0f} "
            f"MB are free in {tempfile.gettempdir()}: give the function more ephemeral storage"
        )


def download(sha256, path):
    """Fetch one artifact, complete and checked or not at all."""
    import boto3  # only here: it takes a third of a second that other functions do not pay

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    boto3.client("s3").download_file(os.environ["ARTIFACT_BUCKET"], PREFIX + sha256, str(part))
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        part.unlink()
        raise RuntimeError(f"{path.name} in S3 has the sha256 {found}, and not {sha256}")
    part.rename(path)
