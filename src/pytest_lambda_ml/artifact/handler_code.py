"""Whether a handler.py can be what the wrapper calls, told from its text: it is not run."""

from __future__ import annotations

import ast
import symtable
import sys
import tokenize
import warnings
from typing import TYPE_CHECKING

from pytest_lambda_ml.errors import HandlerError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lambda_ml.artifact.folder import HandlerFolder

__all__ = ["check_handler"]

REQUIRED_FUNCTIONS = ("initialize", "process")


def check_handler(folder: HandlerFolder, python_version: str | None = None) -> None:
    """Raise `HandlerError` for a syntax error, or a function that handler.py lacks.

    ``python_version`` is the function's (``"3.13"``), ``None`` this interpreter's. The syntax of a
    newer Python than this one is not known here, so it is not judged.
    """
    path = folder.path / "handler.py"
    try:
        tree, names = _read(path)
    except OSError as error:
        raise HandlerError(f"{path} cannot be read: {error.strerror or error}") from error
    except (SyntaxError, ValueError) as error:
        if _is_newer(python_version):
            return
        at = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else error
        raise HandlerError(f"{path}{at}: {said}; correct it, nothing was deployed") from None
    missing = [f"{name}()" for name in REQUIRED_FUNCTIONS if name not in names]
    if missing and not _takes_any_name(tree):
        raise HandlerError(
            f"{path} has no {' and no '.join(missing)}: every handler.py has initialize(), which "
            "loads what it needs, and process(batch), which returns one output for each item"
        )


def _read(path: Path) -> tuple[ast.Module, set[str]]:
    """The syntax tree, and the names that the module binds by whatever statement."""
    with tokenize.open(path) as file:  # in the encoding that it declares
        source = file.read()
    with warnings.catch_warnings(action="ignore"):  # they are for whoever runs the file
        tree = ast.parse(source, path)
        compile(tree, path, "exec", dont_inherit=True)  # finds a few errors more
        table = symtable.symtable(source, str(path), "exec")
    symbols = table.get_symbols()
    return tree, {each.get_name() for each in symbols if each.is_assigned() or each.is_imported()}


def _is_newer(python_version: str | None) -> bool:
    if python_version is None:
        return False
    return tuple(map(int, python_version.split("."))) > sys.version_info[:2]


def _takes_any_name(tree: ast.Module) -> bool:
    """Whether ``from … import *`` may bring names that are not to be seen here."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return any(alias.name == "*" for node in imports for alias in node.names)
