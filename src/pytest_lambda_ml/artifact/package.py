"""The deployment package: a deterministic zip, or an image, of a handler and what it needs."""

from __future__ import annotations

import base64
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.artifact import sizes
from pytest_lambda_ml.artifact.archive import Entry, write_zip
from pytest_lambda_ml.artifact.byte_code import add_byte_code
from pytest_lambda_ml.artifact.carried import fetcher_path
from pytest_lambda_ml.artifact.contents import WRAPPER, check_architecture, content_key, gather
from pytest_lambda_ml.artifact.dependencies import Dependencies, install_dependencies
from pytest_lambda_ml.artifact.folder import file_sha256
from pytest_lambda_ml.artifact.function_image import LAYERS, build_image
from pytest_lambda_ml.artifact.importable import hide_the_rest
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_lambda_ml.artifact.byte_code import ByteCode
    from pytest_lambda_ml.artifact.contents import Contents
    from pytest_lambda_ml.artifact.folder import HandlerFolder
    from pytest_lambda_ml.artifact.image import Image
    from pytest_lambda_ml.artifact.target import Target

__all__ = ["ExternalArtifact", "Package", "build_package"]

IMAGE_EXTRA = "llm"
"""Handlers with this extra become an image by themselves when a zip has no room for them."""
EXTERNAL_LIST, FETCHER = "artifacts.json", "fetch_artifacts.py"
"""What a package with artifacts outside has besides: the list of them, and who fetches them."""
DEFAULT_EPHEMERAL_MB = 512
EPHEMERAL_RESERVE_MB = 64
"""Left free beside the artifacts: for the file system itself and what the handler writes."""
OWN_CODE = "handler and wrapper"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalArtifact:
    """A file of the model that does not fit into the package; ``name`` is its place in it."""

    name: str
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What Lambda is to run: a zip at ``zip_path``, or an ``image`` (then that is ``None``).

    ``code_sha256`` is Lambda's CodeSha256: base64 of a zip's digest, hex of an image manifest's;
    ``sha256`` is the same digest in hex. ``size_bytes`` is compressed, ``unzipped_bytes`` is what
    counts against Lambda's limits (an image's base is not counted). ``weights`` says where the
    model's weights come from (``"random-init"``, for example). ``target`` is ``None`` when the
    dependencies are left to the interpreter that runs it. ``external_artifacts`` are fetched from
    S3 at initialisation. ``notes`` are sentences on what makes it slower than it could be,
    ``promised`` the figures that its handler.toml promises something of.
    """

    zip_path: Path | None
    sha256: str
    code_sha256: str
    size_bytes: int
    weights: str | None
    kind: Literal["zip", "image"] = "zip"
    target: Target | None = None
    unzipped_bytes: int | None = None
    external_artifacts: tuple[ExternalArtifact, ...] = ()
    image: Image | None = None
    notes: tuple[str, ...] = ()
    promised: tuple[str, ...] = ()

    @property
    def dependencies(self) -> Literal["host", "package"]:
        """Whose distributions the handler imports."""
        return "host" if self.target is None else "package"

    @property
    def ephemeral_mb(self) -> int:
        """The least ephemeral storage that a function of this package needs, in MB."""
        external = sum(artifact.size_bytes for artifact in self.external_artifacts)
        if not external:
            return DEFAULT_EPHEMERAL_MB
        return max(DEFAULT_EPHEMERAL_MB, -(-external // 2**20) + EPHEMERAL_RESERVE_MB)


def build_package(
    folder: HandlerFolder,
    artifacts: Path | None,
    cache_dir: Path,
    *,
    target: Target | None = None,
    base_image: str | None = None,
    image_builder: str = LAYERS,
) -> Package:
    """Package the handler's files, the artifacts and wrapper.py; the same content once.

    Without a ``target`` that is all, for an endpoint that runs handlers by the interpreter here,
    and what hides from them the distributions that requirements.txt does not ask for.
    With one, the dependencies come in as wheels for it, with byte code as far as there is room, and
    Lambda's limits hold: artifacts that a zip has no room for are to go to S3
    (``external_artifacts``), and what is larger still becomes an image where handler.toml says
    ``package = "image"``, or ``extra = "llm"``. ``base_image`` is what the image is built on
    (``None``: AWS's for the target's Python); ``image_builder`` builds it: ``"layers"`` without any
    tool, or ``"docker"``, or ``"buildah"``.

    The same content gives the same bytes, so that an unchanged function is not uploaded again.
    Raises `ArtifactError` when two files have the same name, when the dependencies cannot be had
    for the target, when it is too large (naming what takes the space), or when the base image
    cannot be read.
    """
    subject = f"{folder.name} ({folder.engine})"
    with tempfile.TemporaryDirectory(prefix="lambda-ml-") as temporary:
        contents = gather(folder, artifacts, Path(temporary))
        if target is None:
            entries = contents.entries | hide_the_rest(folder, Path(temporary))
            return _zip(folder, entries, cache_dir, contents.weights)
        check_architecture(subject, contents.artifacts, target)
        dependencies = install_dependencies(folder, target, cache_dir)
        _check_names(subject, contents, dependencies)
        outside = _outside(contents, dependencies)
        if _kind(folder, outside) == "image":
            return _image(
                subject, contents, dependencies, target, cache_dir, base_image, image_builder
            )
        if outside is None:
            raise sizes.too_large_for_zip(subject, _parts(contents, dependencies))
        external = _external(contents, outside)
        entries = {name: entry for name, entry in contents.entries.items() if name not in outside}
        room = sizes.ZIP_LIMIT_BYTES - sizes.LIST_RESERVE_BYTES - _size(entries)
        room -= _size(dependencies.entries)
        byte_code = add_byte_code(contents.code, dependencies, target, room, cache_dir)
        entries |= byte_code.own
        if external:
            said = _list(external, entries, Path(temporary) / EXTERNAL_LIST)
            entries |= {EXTERNAL_LIST: said, FETCHER: Entry(fetcher_path())}
        package = _zip(folder, entries, cache_dir, contents.weights, dependencies, byte_code)
        return replace(package, target=target, external_artifacts=tuple(external))


def _zip(
    folder: HandlerFolder,
    entries: Mapping[str, Entry],
    cache_dir: Path,
    weights: str | None,
    dependencies: Dependencies | None = None,
    byte_code: ByteCode | None = None,
) -> Package:
    brought = {**dependencies.entries, **byte_code.brought} if dependencies and byte_code else {}
    more = [dependencies.content_sha256] if dependencies and brought else []
    more += [byte_code.key] if byte_code and byte_code.key else []
    name = f"{folder.name}-{folder.engine}-{content_key(entries, *more)}.zip"
    zip_path = cache_dir / "packages" / name
    everything = {**entries, **brought}
    if not zip_path.is_file():
        write_zip(zip_path, everything)
    digest = file_sha256(zip_path)
    return Package(
        zip_path=zip_path,
        sha256=digest,
        code_sha256=base64.b64encode(bytes.fromhex(digest)).decode(),
        size_bytes=zip_path.stat().st_size,
        weights=weights,
        unzipped_bytes=_size(everything),
        notes=byte_code.notes if byte_code else (),
    )


def _image(
    subject: str,
    contents: Contents,
    dependencies: Dependencies,
    target: Target,
    cache_dir: Path,
    base_image: str | None,
    image_builder: str,
) -> Package:
    parts = _parts(contents, dependencies)
    sizes.check_image_size(subject, parts)
    room = sizes.IMAGE_LIMIT_BYTES - sum(parts.values())
    byte_code = add_byte_code(contents.code, dependencies, target, room, cache_dir)
    code = {**contents.entries, **byte_code.own}
    brought = {**dependencies.entries, **byte_code.brought}
    image = build_image(
        code,
        brought,
        f"{dependencies.content_sha256} {byte_code.key}",
        target=target,
        base_image=base_image,
        builder=image_builder,
        cache_dir=cache_dir,
    )
    digest = image.digest.removeprefix("sha256:")
    return Package(
        kind="image",
        zip_path=None,
        image=image,
        sha256=digest,
        code_sha256=digest,
        size_bytes=image.size_bytes,
        unzipped_bytes=_size(code) + _size(brought),
        weights=contents.weights,
        target=target,
        notes=byte_code.notes,
    )


def _kind(folder: HandlerFolder, outside: Sequence[str] | None) -> str:
    if folder.package is not None:
        return folder.package
    return "image" if outside is None and folder.extra == IMAGE_EXTRA else "zip"


def _outside(contents: Contents, dependencies: Dependencies) -> tuple[str, ...] | None:
    artifacts = {name: entry.size_bytes for name, entry in contents.artifacts.items()}
    parts = _parts(contents, dependencies)
    code_bytes = sum(parts.values()) - sum(artifacts.values())
    return sizes.artifacts_outside(code_bytes, artifacts, sizes.ZIP_LIMIT_BYTES)


def _external(contents: Contents, outside: Sequence[str]) -> list[ExternalArtifact]:
    return [
        ExternalArtifact(
            name=name,
            path=contents.artifacts[name].path,
            sha256=file_sha256(contents.artifacts[name].path),
            size_bytes=contents.artifacts[name].size_bytes,
        )
        for name in outside
    ]


def _list(external: Sequence[ExternalArtifact], entries: Mapping[str, Entry], path: Path) -> Entry:
    """The file by which a function knows what to fetch, and what to put beside it."""
    fetched = {
        item.name: {"sha256": item.sha256, "size_bytes": item.size_bytes} for item in external
    }
    said = {"files": sorted(entries.keys() - {WRAPPER}), "external": fetched}
    path.write_text(json.dumps(said, indent=1, sort_keys=True), encoding="utf-8")
    return Entry(path)


def _size(entries: Mapping[str, Entry]) -> int:
    return sum(entry.size_bytes for entry in entries.values())


def _parts(contents: Contents, dependencies: Dependencies) -> dict[str, int]:
    """What takes how many bytes, by distribution and artifact."""
    rest = _size(dependencies.entries) - sum(dependencies.distributions.values())
    return {
        **{name: entry.size_bytes for name, entry in contents.artifacts.items()},
        **dependencies.distributions,
        **({"other files of distributions": rest} if rest > 0 else {}),
        OWN_CODE: _size(contents.code),
    }


def _check_names(subject: str, contents: Contents, dependencies: Dependencies) -> None:
    taken = {*dependencies.entries, EXTERNAL_LIST, FETCHER}
    clashes = sorted(contents.entries.keys() & taken)
    if clashes:
        raise ArtifactError(
            f"{subject}: {', '.join(clashes)} would be in the package twice: a distribution of "
            "requirements.txt or the plugin has a file of that name; rename the handler's"
        )
