"""Hides from a function what its requirements.txt does not ask for, where it runs without AWS.

On AWS a package holds its requirements. The local endpoint runs functions by the interpreter that
pytest runs in, where more may be installed: an import that fails on AWS would work, and an import
that a library tries at every start (scikit-learn tries pandas) would take its time. Python imports
this file, which lies in local packages as ``sitecustomize``, before anything else;
``sitecustomize.txt`` beside it has the modules that the requirements and the runtime bring.
"""

import site
import sys
from importlib.machinery import PathFinder
from pathlib import Path

IMPORTABLE = frozenset(Path(__file__).with_suffix(".txt").read_text().split())
# Python's own library comes before what is installed; what a function adds itself comes later.
installed = [sys.path.index(folder) for folder in site.getsitepackages() if folder in sys.path]
INSTALLED = frozenset(sys.path[min(installed, default=len(sys.path)) :])


class OnlyRequired(PathFinder):
    """Finds modules as Python does, but most installed ones it does not see."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        """Like `PathFinder.find_spec`; ``path`` is None for whatever is not in a package."""
        if path is None and fullname not in IMPORTABLE:
            path = [folder for folder in sys.path if folder not in INSTALLED]
        return PathFinder.find_spec(fullname, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = OnlyRequired
