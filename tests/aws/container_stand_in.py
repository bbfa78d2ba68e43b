"""An executable in place of docker or buildah: it notes how it is called, and saves an image."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path

PROGRAM = """#!{python}
import json, pathlib, shutil, sys
here, words = pathlib.Path({folder!r}), sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
if (here / "failure").exists():
    sys.stderr.write((here / "failure").read_text())
    sys.exit(3)
if words[0] == "build":
    shutil.rmtree(here / "context", ignore_errors=True)
    shutil.copytree(words[-1], here / "context")
    platform = words[words.index("--platform") + 1]
    shutil.copyfile(here / (platform.partition("/")[2] + ".tar"), here / "built.tar")
elif words[0] == "save":
    shutil.copyfile(here / "built.tar", words[words.index("--output") + 1])
elif words[0] == "push":
    shutil.copyfile(here / "built.tar", words[-1].split(":")[1])
"""


class ToolStandIn:
    """``layers`` are the plain layers of the image that it "builds"; the second one it compresses,
    as docker does with some of its stores.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder
        folder.mkdir()
        self.layers = [b"layer of the base" * 100, b"layer of the code" * 100]
        for architecture in ("amd64", "arm64"):
            self.save_as(architecture, architecture)
        program = folder / name
        program.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH with the stand-in alone in front."""
        return f"{self._folder}{os.pathsep}{os.environ['PATH']}"

    @property
    def context(self) -> Path:
        """What the last build was given."""
        return self._folder / "context"

    def calls(self) -> list[list[str]]:
        """The words of every call so far."""
        return [json.loads(line) for line in (self._folder / "calls").read_text().splitlines()]

    def fail(self, message: str) -> None:
        """Let every call fail from now on."""
        (self._folder / "failure").write_text(message)

    def save_as(self, asked: str, made: str, diff_ids: list[str] | None = None) -> None:
        """What a build for one architecture gives: an image for another, or with other layers."""
        if diff_ids is None:
            diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in self.layers]
        config = {
            "architecture": made,
            "os": "linux",
            "config": {"Cmd": ["wrapper.lambda_handler"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        files = {
            "blobs/sha256/one": self.layers[0],
            "blobs/sha256/two": gzip.compress(self.layers[1]),
            "blobs/sha256/config": json.dumps(config).encode(),
        }
        names = list(files)
        said = [{"Config": names[2], "RepoTags": ["x:y"], "Layers": names[:2]}]
        files["manifest.json"] = json.dumps(said).encode()
        with tarfile.open(self._folder / f"{asked}.tar", "w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
