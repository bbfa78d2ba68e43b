"""A container registry on loopback, as public ones are: tokens, an index, blobs elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
NAME = "lambda/python"
TOKEN = "let-me-in"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class ImageRegistry:
    """Holds one image for two architectures; manifests ask for a token, blobs lie on a store.

    ``requests`` are the paths asked for, in order. ``tamper`` makes blobs other than promised.
    """

    def __init__(self, manifest_type: str = DOCKER) -> None:
        self.requests: list[str] = []
        self.tamper = False
        self.locked = False
        self._servers = [self._serve(self._answer_registry), self._serve(self._answer_store)]
        self.host, self._store = (f"127.0.0.1:{x.server_address[1]}" for x in self._servers)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        entries = [self._add_image(manifest_type, name) for name in ("amd64", "arm64")]
        entries.append({**entries[0], "platform": {"os": "unknown", "architecture": "unknown"}})
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
        self.manifests["3.13"] = INDEX, index.encode()

    @property
    def reference(self) -> str:
        return f"{self.host}/{NAME}:3.13"

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _add_image(self, manifest_type: str, architecture: str) -> dict[str, object]:
        plain = [f"layer {number} for {architecture}".encode() * 1000 for number in range(2)]
        kind = "docker.image.rootfs.diff.tar.gzip" if manifest_type == DOCKER else "oci.layer"
        config = {
            "architecture": architecture,
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {
                "Env": ["PATH=/usr/bin", "LAMBDA_TASK_ROOT=/var/task"],
                "Entrypoint": ["/lambda-entrypoint.sh"],
                "WorkingDir": "/var/task",
            },
            "rootfs": {"type": "layers", "diff_ids": [sha256(content) for content in plain]},
            "history": [{"created_by": "base"}] * 2,
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": self._add_blob(json.dumps(config).encode(), "config"),
            "layers": [self._add_blob(gzip.compress(content, mtime=0), kind) for content in plain],
        }
        content = json.dumps(manifest).encode()
        self.manifests[sha256(content)] = manifest_type, content
        return {
            "digest": sha256(content),
            "size": len(content),
            "platform": {"os": "linux", "architecture": architecture},
        }

    def _add_blob(self, content: bytes, media_type: str) -> dict[str, object]:
        self.blobs[sha256(content)] = content
        return {"digest": sha256(content), "size": len(content), "mediaType": media_type}

    def _answer_registry(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        version = path.rpartition("/")[2]
        if path == "/token":
            _answer(request, 200, json.dumps({"token": TOKEN}).encode())
        elif request.headers.get("Authorization") != f"Bearer {TOKEN}" or self.locked:
            realm = f'Bearer realm="http://{self.host}/token",service="fake"'
            _answer(request, 401, b"", {"WWW-Authenticate": realm})
        elif path == f"/v2/{NAME}/manifests/{version}" and version in self.manifests:
            media_type, content = self.manifests[version]
            accepted = media_type in request.headers.get("Accept", "")
            _answer(request, 200 if accepted else 406, content, {"Content-Type": media_type})
        elif path == f"/v2/{NAME}/blobs/{version}" and version in self.blobs:
            _answer(request, 307, b"", {"Location": f"http://{self._store}/{version}"})
        else:
            _answer(request, 404, b"")

    def _answer_store(self, request: BaseHTTPRequestHandler) -> None:
        """Like the stores behind registries, it refuses a token that is not for it."""
        content = self.blobs[request.path.strip("/")]
        if "Authorization" in request.headers:
            _answer(request, 400, b"")
        else:
            _answer(request, 200, content[::-1] if self.tamper else content)

    def _serve(self, answer) -> ThreadingHTTPServer:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.requests.append(self.path)
                answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        poll = {"poll_interval": 0.02}
        threading.Thread(target=server.serve_forever, kwargs=poll, daemon=True).start()
        return server


def _answer(request, status: int, content: bytes, headers=None) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
