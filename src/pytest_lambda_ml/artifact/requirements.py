"""requirements.txt against the distributions that are installed here."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from pytest_lambda_ml.errors import HandlerError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lambda_ml.artifact.folder import HandlerFolder

__all__ = ["check_requirements", "installed_versions", "read_requirements"]


def check_requirements(folder: HandlerFolder) -> None:
    """Do nothing when everything in requirements.txt is installed here.

    An engine with a train.py or export.py also needs what the reference needs, of which it is
    made. Raises `UnsupportedError`, saying what is missing and how to install it, when something
    is not.
    """
    versions = installed_versions(folder)
    wrong = [
        f"{requirement}" + (f" (installed: {version})" if version else "")
        for requirement, version in versions.items()
        if version is None or not requirement.specifier.contains(version, prereleases=True)
    ]
    if wrong:
        install = (
            f"pip install 'pytest-lambda-ml[{folder.extra}]'"
            if folder.extra
            else f"pip install -r {folder.path / 'requirements.txt'}"
        )
        raise UnsupportedError(f"{folder.name} needs {', '.join(wrong)}: {install}")


def installed_versions(folder: HandlerFolder) -> dict[Requirement, str | None]:
    """The installed version of each distribution that is needed here; None where there is none.

    Those are the ones in requirements.txt, and for training an engine also the reference's.
    Requirements whose marker excludes this interpreter are left out, as pip does.
    """
    return {
        requirement: _version(requirement.name)
        for path in _files(folder)
        for requirement in read_requirements(path)
        if requirement.marker is None or requirement.marker.evaluate()
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _files(folder: HandlerFolder) -> list[Path]:
    folders = [folder.path, *([folder.root] if folder.derived else [])]
    return [path / "requirements.txt" for path in folders]


def read_requirements(path: Path) -> list[Requirement]:
    """What a requirements.txt names; comments and options for pip alone are passed over.

    Raises `HandlerError` with the line that is neither.
    """
    requirements = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith(("#", "-")):  # comments, and options for pip alone
            continue
        try:
            requirements.append(Requirement(text))
        except InvalidRequirement as error:
            raise HandlerError(f"{path}:{number}: not a requirement: {text!r} ({error})") from None
    return requirements
