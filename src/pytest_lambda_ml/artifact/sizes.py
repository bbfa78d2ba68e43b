"""Lambda's limits on what a function may bring along, and what to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "IMAGE_LIMIT_BYTES",
    "ZIP_LIMIT_BYTES",
    "artifacts_outside",
    "check_gpu_free",
    "check_image_size",
    "too_large_for_zip",
]

ZIP_LIMIT_BYTES = 262_144_000
"""250 MB unzipped, layers included (AWS Lambda documentation, "Lambda quotas")."""
IMAGE_LIMIT_BYTES = 10 * 2**30
"""10 GB uncompressed, all layers together (AWS Lambda documentation, "Lambda quotas")."""
EPHEMERAL_LIMIT_BYTES = (10_240 - 64) * 2**20
"""What the largest ephemeral storage, 10,240 MB, holds beside a reserve of 64 MB."""
LIST_RESERVE_BYTES = 100_000
"""Room for the list of the artifacts outside, which lies in the package."""
ROWS = 10
GPU_PREFIXES = ("nvidia-", "cuda-")


def artifacts_outside(
    code_bytes: int, artifacts: Mapping[str, int], limit_bytes: int
) -> tuple[str, ...] | None:
    """The artifacts for which ``limit_bytes`` leave no room: the largest first.

    ``code_bytes`` is the size of everything else, ``artifacts`` the size of each artifact. The
    answer is ``None`` when no choice of artifacts helps: the code alone is too large, or what would
    be outside is more than the largest ephemeral storage.
    """
    total, outside = code_bytes + sum(artifacts.values()), list[str]()
    if total <= limit_bytes:
        return ()
    room = limit_bytes - LIST_RESERVE_BYTES
    for name in sorted(artifacts, key=lambda name: (-artifacts[name], name)):
        if total <= room:
            break
        outside.append(name)
        total -= artifacts[name]
    if total > room or sum(artifacts[name] for name in outside) > EPHEMERAL_LIMIT_BYTES:
        return None
    return tuple(sorted(outside))


def too_large_for_zip(subject: str, parts: Mapping[str, int]) -> ArtifactError:
    """The error that says what takes the space in a zip, and what to do next."""
    return ArtifactError(
        f"{subject}: {sum(parts.values()):,} bytes unzipped, and Lambda takes {ZIP_LIMIT_BYTES:,} "
        f"in a zip\n{table(parts)}\n"
        'deploy it as a container image (package = "image" in handler.toml), or name fewer or '
        "smaller distributions in requirements.txt; what train.py writes goes to S3 by itself "
        "where that is enough"
    )


def check_image_size(subject: str, parts: Mapping[str, int]) -> None:
    """Raise `ArtifactError` when an image would be too large, base image not counted."""
    total = sum(parts.values())
    if total > IMAGE_LIMIT_BYTES:
        raise ArtifactError(
            f"{subject}: {total:,} bytes, and Lambda takes images of {IMAGE_LIMIT_BYTES:,}\n"
            f"{table(parts)}\nname fewer or smaller distributions in requirements.txt"
        )


def check_gpu_free(subject: str, distributions: Mapping[str, int]) -> None:
    """Raise `ArtifactError` when distributions for a GPU are among them: Lambda has none."""
    found = {name: size for name, size in distributions.items() if name.startswith(GPU_PREFIXES)}
    if found:
        raise ArtifactError(
            f"{subject}: {sum(found.values()):,} bytes are for a GPU, and Lambda has none\n"
            f"{table(distributions)}\n"
            "let pip or uv find the build for CPUs (torch: its project's own index of such wheels, "
            "named in pip's extra-index-url or uv's index) and pin it in requirements.txt "
            '("torch==2.13.0+cpu", for example)'
        )


def table(parts: Mapping[str, int]) -> str:
    """The largest parts with their sizes in bytes, one a line, and the rest in one line."""
    ordered = sorted(parts.items(), key=lambda part: (-part[1], part[0]))
    rows = ordered[:ROWS]
    rest = ordered[ROWS:]
    if rest:
        rows.append((f"{len(rest)} more", sum(size for _, size in rest)))
    return "\n".join(f"  {size:>15,}  {name}" for name, size in rows)
