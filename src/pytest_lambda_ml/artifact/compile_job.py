"""Compile modules to byte code: a program, run by an interpreter of the function's own version.

Reads a JSON list of ``[source, shown, target]`` on standard input: the module's file, the path that
tracebacks are to show, and where the byte code goes. Every module is compiled in a process of its
own, forked from the same state, since what the compiler interned before decides which strings
marshal shares: so a module's byte code depends on the module alone. One that does not compile (a
template, or for another Python) is passed over. Needs nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import py_compile
import sys

__all__ = ["main"]


def main() -> int:
    """Compile what standard input names, as many modules at a time as there are cores."""
    running = 0
    for source, shown, target in json.load(sys.stdin):
        if running == (os.cpu_count() or 1):
            os.wait()
            running -= 1
        if os.fork() == 0:
            _compile(source, shown, target)
        running += 1
    for _ in range(running):
        os.wait()
    return 0


def _compile(source: str, shown: str, target: str) -> None:
    """Write one module's byte code and end this process.

    It bears the hash of its source, and is taken without a look at the source (PEP 552): times of
    files, which differ from machine to machine, count for nothing.
    """
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(source, target, shown, doraise=True, invalidation_mode=mode)
    except (py_compile.PyCompileError, ValueError, RecursionError):
        os._exit(1)
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
