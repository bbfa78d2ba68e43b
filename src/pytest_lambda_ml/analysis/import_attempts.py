"""Which rows of a file are attempts of one message, and which of those counts.

Nearly every message has one attempt. That is seen by hashes while a file is read, so that its rows
can be stored as they come; only where it is not so are rows changed afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.analysis.import_join import Join, codes_of, outcome_of
from pytest_lambda_ml.analysis.import_words import WORD_BYTES
from pytest_lambda_ml.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.import_logs import LogTables

    Hashes = NDArray[np.uint64]

__all__ = ["FileRows"]

HASHED_WORDS = 8
"""So many words of an id make its hash."""
MASKS = np.array([(1 << 8 * count) - 1 for count in range(WORD_BYTES + 1)], dtype=np.uint64)
FACTOR, HALF = np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(29)
OF_THE_MESSAGE = ["sample_id", "function_name", "batch_size"]


class FileRows:
    """The rows of a file, as they come and as they are at its end."""

    def __init__(self) -> None:
        self.tables: list[pa.Table] = []
        self._lost: list[NDArray[np.bool_]] = []
        self._hashes: list[Hashes] = []
        self._endings: dict[str, str] = {}
        self._join = Join()

    def of_log(self, parts: Iterable[LogTables]) -> Iterator[pa.Table]:
        """The rows of a log, part by part."""
        for part in parts:
            self._endings.update(part.endings)
            rows, has_record = self._join.rows(part)
            yield self._keep(rows, ~has_record)

    def of_table(self, rows: pa.Table) -> Iterator[pa.Table]:
        """Rows that are known whole."""
        yield self._keep(rows, np.zeros(rows.num_rows, dtype=bool))

    def _keep(self, rows: pa.Table, lost: NDArray[np.bool_]) -> pa.Table:
        self.tables.append(rows)
        self._lost.append(lost)
        self._hashes.append(_hashes(rows))
        return rows

    def amend(self) -> bool:
        """Whether some rows are not as they came; if so, they have names, outcomes, ``counts``.

        Of a message's attempts the first that succeeded counts, else the first. All attempts have
        its outcome; the kind of start is of the one that counts.
        """
        lost = np.concatenate(self._lost)
        lost &= not lost.all() or self._join.waiting.num_rows > 0
        if not (self._endings or lost.any() or _repeated(np.concatenate(self._hashes)).any()):
            return False
        import pyarrow as pa

        sizes = [len(each) for each in self._lost]
        rows = pa.concat_tables(self.tables).unify_dictionaries().combine_chunks()
        if lost.any():
            rows = self._named(rows, lost)
        rows = _counted(_ended(rows, self._endings))
        starts = np.cumsum([0, *sizes]).tolist()
        self.tables = [rows.slice(start, n) for start, n in zip(starts, sizes, strict=False)]
        return True

    def _named(self, rows: pa.Table, lost: NDArray[np.bool_]) -> pa.Table:
        """Give a REPORT without a record what its request's other attempts say of the message.

        An attempt that was timed out or killed logs no record.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        without = pa.array(lost)
        requests = rows["request_id"].filter(without)
        among = pc.and_not(pc.is_in(rows["request_id"], requests.combine_chunks()), without)
        known: dict[str, dict[str, Any]] = {}
        for table in (rows.filter(among), self._join.waiting):
            for told in table.select(["request_id", *OF_THE_MESSAGE]).to_pylist():
                known.setdefault(told["request_id"], told)
        found = [known.get(request, {"sample_id": request}) for request in requests.to_pylist()]
        for name in OF_THE_MESSAGE:
            rows = _replaced(rows, name, without, [told.get(name) for told in found])
        return rows


def _ended(rows: pa.Table, endings: Mapping[str, str]) -> pa.Table:
    """With the outcomes of requests that a line of their own says the end of."""
    import pyarrow as pa
    import pyarrow.compute as pc

    said = pc.is_in(rows["request_id"], pa.array(list(endings), pa.string()))
    outcomes = [
        outcome_of(row, endings[row["request_id"]]).value for row in rows.filter(said).to_pylist()
    ]
    return _replaced(rows, "outcome", said, outcomes) if outcomes else rows


def _counted(rows: pa.Table) -> pa.Table:
    """With ``counts``, and the outcome of the attempt that counts."""
    import pyarrow as pa

    some = np.flatnonzero(_repeated(_hashes(rows)))
    asked = rows.select(["function_name", "sample_id", "outcome", "start"]).take(some)
    attempts: dict[tuple[str, str], list[int]] = {}
    told = asked.to_pylist()
    for number, row in enumerate(told):
        attempts.setdefault((row["function_name"], row["sample_id"]), []).append(number)
    counts = np.ones(rows.num_rows, dtype=bool)
    for numbers in attempts.values():
        outcomes = [told[number]["outcome"] for number in numbers]
        good = Outcome.SUCCEEDED.value
        chosen = outcomes.index(good) if good in outcomes else 0
        for place, number in enumerate(numbers):
            told[number]["outcome"] = outcomes[chosen]
            if place != chosen:
                told[number]["start"] = None
                counts[some[number]] = False
    repeated = np.zeros(rows.num_rows, dtype=bool)
    repeated[some] = True
    for name in ("outcome", "start"):
        rows = _replaced(rows, name, pa.array(repeated), [row[name] for row in told])
    return rows.set_column(rows.column_names.index("counts"), "counts", pa.array(counts))


def _replaced(rows: pa.Table, name: str, where: pa.Array, values: list[Any]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = rows[name].combine_chunks()
    type_ = column.type
    if encoded := pa.types.is_dictionary(type_):
        column = column.dictionary_decode()
    if isinstance(where, pa.ChunkedArray):
        where = where.combine_chunks()
    column = pc.replace_with_mask(column, where, pa.array(values, column.type))
    column = column.dictionary_encode() if encoded else column
    return rows.set_column(rows.column_names.index(name), name, column)


def _repeated(hashes: Hashes) -> NDArray[np.bool_]:
    """Which of these come more than once."""
    ordered = np.sort(hashes)
    more = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.isin(hashes, more) if len(more) else np.zeros(len(hashes), dtype=bool)


def _hashes(rows: pa.Table) -> Hashes:
    """A number for each row that is the same where function and sample are."""
    codes, names = codes_of(rows["function_name"])
    own = np.array([hash(name) for name in names] + [0], dtype=np.int64).view(np.uint64)
    samples = rows["sample_id"].combine_chunks()
    offsets = np.frombuffer(samples.buffers()[1], np.int32, len(samples) + 1, 4 * samples.offset)
    if not len(samples) or offsets[0] == offsets[-1]:
        return own[codes]
    text = np.zeros(offsets[-1] + WORD_BYTES, dtype=np.uint8)
    text[:-WORD_BYTES] = np.frombuffer(samples.buffers()[2], np.uint8, offsets[-1])
    at_each = np.ndarray((offsets[-1] + 1,), "<u8", text, 0, (1,))
    starts, lengths = offsets[:-1], np.diff(offsets)
    found = own[codes] + lengths.astype(np.uint64)
    shortest = int(lengths.min())
    for ahead in range(0, min(int(lengths.max()), HASHED_WORDS * WORD_BYTES), WORD_BYTES):
        some = at_each[np.minimum(starts + ahead, offsets[-1])]
        if shortest < ahead + WORD_BYTES:
            some &= MASKS[np.clip(lengths - ahead, 0, WORD_BYTES)]
        found ^= some
        found *= FACTOR
        found ^= found >> HALF
    return found
