"""Load a data set of one kind from the bundled corpora, a CSV file, or an https URL."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.error import URLError
from urllib.parse import urldefrag, urlsplit
from urllib.request import urlopen

from pytest_lambda_ml.datasets.bundled import bundled_csv, write_atomically
from pytest_lambda_ml.errors import DatasetError

__all__ = ["KINDS", "Dataset", "load_dataset"]

KINDS: dict[str, tuple[str, ...]] = {"emotion": ("Text", "Emotion"), "questions": ("question",)}
"""Columns that the CSV of each kind needs: the items, then their labels if it has any."""

URL_TIMEOUT_S = 30
CHECKSUM = "sha256="


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Items to invoke functions with, and the CSV at ``path`` that train.py reads.

    ``labels`` is as long as ``items`` (``None`` for kinds without labels); ``sha256`` is the
    file's, in hex; ``description`` is what a result says of its data.
    """

    kind: str
    items: tuple[str, ...]
    labels: tuple[str, ...] | None
    path: Path
    sha256: str
    description: str


def load_dataset(kind: str, source: str | None, cache_dir: Path) -> Dataset:
    """Load the data set of this kind: the bundled one, or the one that ``source`` names.

    ``source`` is a path (``~`` is the home folder) or an https URL, to which ``#sha256=<hex>`` may
    be added: then a copy in the cache is used, and other content refused. Rows without text are
    left out. Raises `DatasetError` naming the file, what is missing and what is needed.
    """
    if kind not in KINDS:
        raise DatasetError(f"unknown kind of data set {kind!r}: it is one of {', '.join(KINDS)}")
    if source is None:
        path, name = bundled_csv(kind, cache_dir), None
    elif "://" in source:
        path, name = _download(source, cache_dir), PurePosixPath(urlsplit(source).path).name
    else:
        path = Path(source).expanduser().resolve()
        name = path.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"data set {kind}={source}: cannot read {path} ({error.strerror or error}); "
            f"{_needed(kind)}"
        ) from None
    sha256 = hashlib.sha256(content).hexdigest()
    columns = _columns(kind, content, source or str(path))
    return Dataset(
        kind=kind,
        items=columns[0],
        labels=columns[1] if len(columns) > 1 else None,
        path=path,
        sha256=sha256,
        description="bundled" if name is None else f"file {name} sha256:{sha256[:12]}",
    )


def _columns(kind: str, content: bytes, source: str) -> list[tuple[str, ...]]:
    """The columns that this kind needs, rows without an item left out."""
    needed = KINDS[kind]
    try:
        text = content.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise DatasetError(
                f"data set {kind}={source} has no column {', '.join(missing)}; it has "
                f"{', '.join(reader.fieldnames or ()) or 'no header'}; {_needed(kind)}"
            )
        rows = [tuple(row[name] or "" for name in needed) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"data set {kind}={source} cannot be read as CSV: {error}; {_needed(kind)}"
        ) from None
    rows = [row for row in rows if row[0].strip()]
    if not rows:
        raise DatasetError(f"data set {kind}={source} has no rows with text; {_needed(kind)}")
    return [tuple(column) for column in zip(*rows, strict=True)]


def _needed(kind: str) -> str:
    return f"a CSV file in UTF-8 with the columns {','.join(sorted(KINDS[kind]))} is needed"


def _download(source: str, cache_dir: Path) -> Path:
    """The file behind the URL, in the cache. One with a checksum is downloaded once."""
    url, fragment = urldefrag(source)
    if not url.startswith("https://"):
        raise DatasetError(f"data set {source}: only https URLs and paths of files are read")
    if fragment and not fragment.startswith(CHECKSUM):
        raise DatasetError(f"data set {source}: what follows # must be {CHECKSUM}<hex>")
    wanted = fragment.removeprefix(CHECKSUM).lower()
    name = wanted or hashlib.sha256(url.encode()).hexdigest()
    path = cache_dir / "datasets" / f"url-{name[:16]}.csv"
    if wanted and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted:
        return path
    try:
        with urlopen(url, timeout=URL_TIMEOUT_S) as response:  # noqa: S310 (https, checked above)
            content: bytes = response.read()
    except (URLError, OSError) as error:
        raise DatasetError(
            f"data set {source} cannot be downloaded: {error}; download it by other means and "
            "give its path"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if wanted and found != wanted:
        raise DatasetError(f"data set {source} has another content: its sha256 is {found}")
    write_atomically(path, content)
    return path
