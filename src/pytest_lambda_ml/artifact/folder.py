"""Handler folders: where they are found, what they hold, and what handler.toml says of them."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.artifact.carried import carried_handlers
from pytest_lambda_ml.errors import HandlerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["REFERENCE", "HandlerFolder", "file_sha256", "find_handler"]

REFERENCE = "reference"
REQUIRED_FILES = ("handler.py", "requirements.txt")
SETTINGS: dict[str, type] = {
    "dataset": str,
    "timeout_s": int,
    "weights": str,
    "extra": str,
    "include": list,
    "agreement_floor": float,
    "difference_ceiling": float,
    "quality_floors": dict,
    "large": str,
    "training_s": int,
    "package": str,
}
"""The keys of handler.toml and the type of each."""
PACKAGE_KINDS = ("zip", "image")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFolder:
    """One algorithm executed by one engine.

    ``name`` is the algorithm's; ``path`` is the folder itself for the engine ``reference``, else
    its sub-folder of the engine's name. ``dataset`` is the kind of data it takes. ``timeout_s`` is
    the function timeout that it needs (``None``: the default does), ``weights`` says where a
    model's weights come from (``None``: train.py says, or there is nothing to say), ``extra`` is
    the optional dependency set of this project that has what requirements.txt asks for.

    ``include`` are further folders whose files are packed beside the handler's: what several
    handlers share. ``agreement_floor`` is the least share of predictions equal to the reference's
    that this engine promises, ``difference_ceiling`` the largest absolute difference of numbers;
    ``None``: it promises nothing, and nothing is compared.

    ``quality_floors`` are the least values, by name, that training may have measured of the model
    (see quality.json in handlers/README.md). ``large`` says what makes the algorithm too much for
    a machine to be measured on unasked (``"2.2 GB of weights"``). ``training_s`` is about how long
    its training takes on one core, 0 where nobody has said: what takes long is begun first.

    ``package`` is what it is deployed to AWS as, one of `PACKAGE_KINDS` (``None``: what fits).
    """

    path: Path
    name: str
    engine: str = REFERENCE
    dataset: str = "emotion"
    timeout_s: int | None = None
    weights: str | None = None
    extra: str | None = None
    include: tuple[Path, ...] = ()
    agreement_floor: float | None = None
    difference_ceiling: float | None = None
    quality_floors: Mapping[str, float] = field(default_factory=dict)
    large: str | None = None
    training_s: int = 0
    package: str | None = None

    @property
    def root(self) -> Path:
        """The algorithm's folder: that of the engine ``reference``."""
        return self.path if self.engine == REFERENCE else self.path.parent

    @property
    def derived(self) -> bool:
        """Whether an engine's own train.py or export.py makes it of the reference or its data."""
        made = any((self.path / script).is_file() for script in ("train.py", "export.py"))
        return made and self.path != self.root

    @property
    def promised(self) -> tuple[str, ...]:
        """The names of the figures of which it promises something, as cells have them."""
        outputs = {"agreement": self.agreement_floor, "max_difference": self.difference_ceiling}
        held = (name for name, value in outputs.items() if value is not None)
        return (*held, *self.quality_floors)

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every file of this engine as (POSIX name, path), sorted by name.

        Those of the included folders come after them. Left out: hidden files, byte code, and
        sub-folders that are engines of their own.
        """
        return chain.from_iterable(_named(folder, folder) for folder in (self.path, *self.include))

    def content_sha256(self) -> str:
        """One digest of the names and contents of all `files`, in hex.

        What train.py of an engine writes is made from the reference or a neighbour, so the files
        of the whole algorithm count for an engine that has one.
        """
        whole = self.derived and (self.path / "train.py").is_file()
        folders = [self.root, *_engine_folders(self.root)] if whole else [self.path]
        named = [_named(folder, self.root) for folder in folders]
        named += [_named(folder, folder.parent) for folder in self.include]
        digest = hashlib.sha256()
        for files in named:
            for name, path in files:
                digest.update(f"{name}\0{file_sha256(path)}\n".encode())
        return digest.hexdigest()


def find_handler(handler: str | Path, *, engine: str, search: Sequence[Path]) -> HandlerFolder:
    """The folder that ``handler`` names, for ``engine``.

    A relative path is tried under each folder of ``search`` in turn, then among the carried
    handlers, where ``handlers/svm`` and ``svm`` mean the same. Raises `HandlerError` naming the
    places tried, the engines that are there, or the key of handler.toml that is wrong.
    """
    places = _places(Path(handler).expanduser(), search)
    root = next((place for place in places if (place / "handler.py").is_file()), None)
    if root is None:
        tried = "".join(f"\n  {place}" for place in places)
        raise HandlerError(
            f"no folder with a handler.py for handler {str(handler)!r}; tried{tried}"
        )
    path = root if engine == REFERENCE else root / engine
    if not (path / "handler.py").is_file():
        raise HandlerError(
            f"handler {str(handler)!r} has no engine {engine!r}: {path} has no handler.py; "
            f"its engines are {', '.join(_engines(root))}"
        )
    missing = [name for name in REQUIRED_FILES if not (path / name).is_file()]
    if missing:
        raise HandlerError(
            f"{path} has no {', '.join(missing)}; every handler folder has "
            f"{', '.join(REQUIRED_FILES)} (requirements.txt may be empty)"
        )
    settings = _settings(root) | (_settings(path) if path != root else {})
    settings["include"] = tuple(_included(str(name), root) for name in settings.get("include", ()))
    return HandlerFolder(path=path, name=root.name, engine=engine, **settings)


def _included(name: str, root: Path) -> Path:
    """A folder that handler.toml includes: beside the algorithm's, else a carried one."""
    places = list(dict.fromkeys((root.parent / name, carried_handlers() / name)))
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        tried = ", ".join(map(str, places))
        raise HandlerError(f"{root}: handler.toml includes {name!r}, which is not there: {tried}")
    return found


def file_sha256(path: Path) -> str:
    """The digest of a file's content in hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _places(handler: Path, search: Sequence[Path]) -> list[Path]:
    if handler.is_absolute():
        return [handler]
    carried = handler.relative_to("handlers") if handler.parts[:1] == ("handlers",) else handler
    candidates = [*(folder / handler for folder in search), carried_handlers() / carried]
    return list(dict.fromkeys(place.resolve() for place in candidates))


def _engines(root: Path) -> list[str]:
    return [REFERENCE, *(folder.name for folder in _engine_folders(root))]


def _engine_folders(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("*/handler.py"))


def _named(folder: Path, base: Path) -> Iterator[tuple[str, Path]]:
    """The files of one engine's folder, named from ``base`` on, sorted by name."""
    return iter(sorted((path.relative_to(base).as_posix(), path) for path in _walk(folder)))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.is_file():
            yield path
        elif not (path / "handler.py").is_file():
            yield from _walk(path)


def _settings(folder: Path) -> dict[str, Any]:
    """What handler.toml says, checked; nothing when there is none."""
    path = folder / "handler.toml"
    if not path.is_file():
        return {}
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HandlerError(f"{path} is not valid TOML: {error}") from None
    for key, value in settings.items():
        if key not in SETTINGS:
            raise HandlerError(f"{path}: unknown key {key!r}; known are {', '.join(SETTINGS)}")
        if type(value) is not SETTINGS[key]:
            raise HandlerError(f"{path}: {key} must be of type {SETTINGS[key].__name__}: {value!r}")
    for name, least in settings.get("quality_floors", {}).items():
        if isinstance(least, bool) or not isinstance(least, int | float):
            raise HandlerError(f"{path}: quality_floors.{name} must be a number: {least!r}")
    if settings.get("package", PACKAGE_KINDS[0]) not in PACKAGE_KINDS:
        raise HandlerError(
            f"{path}: package is one of {', '.join(PACKAGE_KINDS)}: {settings['package']!r}"
        )
    return settings
