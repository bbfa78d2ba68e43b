"""Wheels made on the spot, and pip and uv told to know no others: nothing is downloaded."""

from __future__ import annotations

import zipfile
from pathlib import Path


class WheelShop:
    """A folder of wheels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, name, version="1.0", *, tags="py3-none-any", requires=(), files=None, meta=()):
        """Add a wheel with a module of its name, or these files."""
        info = f"{name}-{version}.dist-info"
        content = {f"{name}/__init__.py": f"VERSION = '{version}'\n"} if files is None else files
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *meta]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        wheel = ["Wheel-Version: 1.0", "Generator: shop", "Root-Is-Purelib: false"]
        python, abi, platforms = tags.split("-")
        wheel += [f"Tag: {python}-{abi}-{platform}" for platform in platforms.split(".")]
        content = {
            **content,
            f"{info}/METADATA": "\n".join(lines) + "\n",
            f"{info}/WHEEL": "\n".join(wheel) + "\n",
        }
        content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
        with zipfile.ZipFile(self.folder / f"{name}-{version}-{tags}.whl", "w") as archive:
            for path, text in content.items():
                archive.writestr(path, text)

    def close_all_others(self, monkeypatch) -> None:
        """Let pip and uv find these wheels alone, by what users configure them with."""
        for name, value in {
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_FIND_LINKS": str(self.folder),
            "PIP_NO_INDEX": "1",
            "PIP_NO_CACHE_DIR": "1",
            "UV_NO_CONFIG": "1",
            "UV_FIND_LINKS": str(self.folder),
            "UV_OFFLINE": "1",
            "UV_NO_INDEX": "1",
            "UV_NO_CACHE": "1",
        }.items():
            monkeypatch.setenv(name, value)
