"""Where the handlers that come with the project are: in the source tree, or in the wheel."""

from __future__ import annotations

from pathlib import Path

from pytest_lambda_ml.errors import HandlerError

__all__ = ["carried_handlers", "fetcher_path", "only_required_path", "wrapper_path"]

PACKAGE = Path(__file__).resolve().parents[1]


def carried_handlers() -> Path:
    """The folder that holds wrapper.py and a folder per algorithm.

    A source tree's own ``handlers/`` is preferred, so that an edit takes effect at once; an
    installed wheel carries a copy as data. Raises `HandlerError` when neither is there.
    """
    root = PACKAGE.parents[1]
    in_tree = PACKAGE.parent.name == "src" and (root / "pyproject.toml").is_file()
    handlers = root / "handlers" if in_tree else PACKAGE / "_handlers"
    if not (handlers / "wrapper.py").is_file():
        raise HandlerError(f"{handlers}/wrapper.py is missing: install pytest-lambda-ml again")
    return handlers


def wrapper_path() -> Path:
    """The file that is every function's entry point."""
    return carried_handlers() / "wrapper.py"


def fetcher_path() -> Path:
    """The module by which wrapper.py fetches artifacts that are not in the package."""
    return carried_handlers() / "fetch_artifacts.py"


def only_required_path() -> Path:
    """What hides from a function on this machine what it did not ask for."""
    return carried_handlers() / "only_required.py"
