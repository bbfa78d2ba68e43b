"""Read base images by the registry API: manifest, configuration, and layers when they are needed.

https://github.com/opencontainers/distribution-spec; the token exchange is the one described at
https://distribution.github.io/distribution/spec/auth/token/. Only what anybody may read is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from pytest_lambda_ml.artifact.archive import CHUNK_BYTES, created_atomically
from pytest_lambda_ml.artifact.image import MANIFEST_TYPES, BaseImage, Layer
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from pathlib import Path

    from pytest_lambda_ml.artifact.target import Target

__all__ = ["Reference", "read_base_image"]

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$")
REFERENCE = re.compile(
    r"(?P<host>[^/]+[.:][^/]*|localhost)/(?P<name>[a-z0-9][a-z0-9._/-]*)"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64})|:(?P<tag>[\w][\w.-]*))?$"
)
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
TIMEOUT_S = 60
MANIFEST_LIMIT_BYTES = 4 * 2**20  # what registries accept (distribution-spec)


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's address: host, name, and a tag or digest."""

    host: str
    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Take ``host/name:tag`` or ``host/name@sha256:…`` apart.

        Raises `ArtifactError` when it is neither.
        """
        match = REFERENCE.match(text)
        if match is None:
            raise ArtifactError(
                f"base image {text!r} is not HOST/NAME:TAG or HOST/NAME@sha256:DIGEST "
                "(public.ecr.aws/lambda/python:3.13, for example)"
            )
        return cls(match["host"], match["name"], match["digest"] or match["tag"] or "latest")

    @property
    def url(self) -> str:
        """The root of the image in the registry's API; loopback is spoken to without TLS."""
        scheme = "http" if LOOPBACK.match(self.host) else "https"
        return f"{scheme}://{self.host}/v2/{self.name}"


def read_base_image(text: str, target: Target, cache_dir: Path) -> BaseImage:
    """The image of the target's architecture that a reference names.

    Manifest and configuration are read now and checked against their digests; each layer is
    downloaded to the cache when it is first needed. Raises `ArtifactError`.
    """
    registry = _Registry(text, Reference.parse(text))
    manifest = registry.manifest(registry.reference.version)
    if manifest.get("mediaType") in INDEX_TYPES or "manifests" in manifest:
        manifest = registry.manifest(_of_architecture(manifest, target, text))
    if manifest.get("mediaType") not in MANIFEST_TYPES:
        raise ArtifactError(
            f"base image {text} has a manifest of type {manifest.get('mediaType')!r}; known are "
            f"{', '.join(MANIFEST_TYPES)}"
        )
    config = registry.blob(manifest["config"]["digest"], manifest["config"]["size"])
    layers = tuple(
        Layer(
            digest=layer["digest"],
            size_bytes=layer["size"],
            media_type=layer["mediaType"],
            fetch=partial(registry.download, layer["digest"], cache_dir / "blobs"),
        )
        for layer in manifest["layers"]
    )
    return BaseImage(
        manifest_media_type=manifest["mediaType"], config=json.loads(config), layers=layers
    )


def _of_architecture(index: dict[str, Any], target: Target, text: str) -> str:
    """The digest of the manifest for the target's architecture."""
    wanted = ("linux", target.oci_architecture)
    platforms: dict[tuple[str | None, str | None], str] = {}
    for entry in index["manifests"]:
        platform = entry.get("platform", {})
        platforms.setdefault((platform.get("os"), platform.get("architecture")), entry["digest"])
    if wanted not in platforms:
        known = ", ".join(f"{system}/{machine}" for system, machine in platforms)
        raise ArtifactError(
            f"base image {text} is not there for {'/'.join(wanted)}, but for {known}"
        )
    return platforms[wanted]


class _Registry:
    """One image in one registry, with the token that it asks for."""

    def __init__(self, text: str, reference: Reference) -> None:
        self._text = text
        self.reference = reference
        self._authorization: str | None = None

    def manifest(self, version: str) -> dict[str, Any]:
        """A manifest or an index, with its media type in it."""
        path = f"manifests/{version}"
        with self._get(path, accept=(*MANIFEST_TYPES, *INDEX_TYPES)) as response:
            content = response.read(MANIFEST_LIMIT_BYTES)
            media_type = response.headers.get_content_type()
        if version.startswith("sha256:"):
            self._check(hashlib.sha256(content).hexdigest(), version)
        return {"mediaType": media_type, **json.loads(content)}

    def blob(self, digest: str, size_bytes: int) -> bytes:
        """A small blob's content."""
        with self._get(f"blobs/{digest}") as response:
            content: bytes = response.read(size_bytes + 1)
        self._check(hashlib.sha256(content).hexdigest(), digest)
        return content

    def download(self, digest: str, folder: Path) -> Path:
        """The file with a blob's content, in this folder; it is downloaded once."""
        path = folder / digest.replace(":", "-")
        if path.is_file():
            return path
        content = hashlib.sha256()
        with self._get(f"blobs/{digest}") as response, created_atomically(path) as file:
            try:
                while chunk := response.read(CHUNK_BYTES):
                    content.update(chunk)
                    file.write(chunk)
            except OSError as error:
                raise self._error(f"{digest} broke off ({error}); run again") from None
            self._check(content.hexdigest(), digest)
        return path

    def _check(self, found: str, digest: str) -> None:
        if digest != f"sha256:{found}":
            raise self._error(f"what came for {digest} has the digest sha256:{found}")

    def _get(self, path: str, accept: tuple[str, ...] = ()) -> HTTPResponse:
        """Open a resource; a registry that asks for a token is given one and asked again."""
        try:
            return self._open(path, accept)
        except HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code != HTTPStatus.UNAUTHORIZED or self._authorization:
                raise self._error(f"{path}: HTTP {error.code} {error.reason}") from None
            self._authorization = self._token(challenge)
        except (URLError, OSError) as error:
            raise self._error(str(error)) from None
        return self._get(path, accept)

    def _open(self, path: str, accept: tuple[str, ...]) -> HTTPResponse:
        request = Request(f"{self.reference.url}/{path}")  # noqa: S310 (http only to loopback)
        if accept:
            request.add_header("Accept", ", ".join(accept))
        if self._authorization:
            # Registries send on to a store that refuses a second kind of authorization.
            request.add_unredirected_header("Authorization", self._authorization)
        response: HTTPResponse = urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 (see above)
        return response

    def _token(self, challenge: str) -> str:
        """What to send as Authorization, for a challenge like ``Bearer realm="…",service="…"``."""
        scheme, _, rest = challenge.partition(" ")
        values = dict(CHALLENGE.findall(rest))
        realm = values.pop("realm", "")
        host = realm.removeprefix("http://").partition("/")[0]
        secure = realm.startswith("https://") or LOOPBACK.match(host)
        if scheme.lower() != "bearer" or not secure:
            raise self._error("it is not open to everybody: give a base image that is")
        values.setdefault("scope", f"repository:{self.reference.name}:pull")
        try:
            with urlopen(f"{realm}?{urlencode(values)}", timeout=TIMEOUT_S) as response:  # noqa: S310 (checked above)
                answer = json.load(response)
        except (URLError, OSError) as error:
            raise self._error(f"no token: {error}") from None
        return f"Bearer {answer.get('token') or answer['access_token']}"

    def _error(self, what: str) -> ArtifactError:
        return ArtifactError(f"base image {self._text} cannot be read: {what}")
