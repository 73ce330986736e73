"""Decisions without consequences as a Parquet file: far too many for a table, and too good to be thrown away."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from daemon.domain.decision import Outcome
from daemon.engine.quiet import QuietDecisions
from daemon.engine.quiet_lane import OUTCOMES, SIGNALS, TOLD

_WORD: Final = pa.dictionary(pa.int8(), pa.string())
_NAME: Final = pa.dictionary(pa.int32(), pa.string())
_SCHEMA: Final = pa.schema([
    ("strategy", _NAME),
    ("instrument", _NAME),
    ("timeframe", _NAME),
    ("bar_end", pa.int64()),      # epoch seconds
    ("signal", _WORD),
    ("confidence", pa.float64()),
    ("outcome", _WORD),
])  # fmt: skip
_ROWS_A_GROUP: Final = 50_000
_SIGNALS: Final = pa.array([SIGNALS[code].value for code in (-1, 0, 1)])
_OUTCOMES: Final = pa.array([outcome.value for outcome in OUTCOMES])


class QuietFile:
    """Takes quiet decisions and writes them group by group."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, _SCHEMA)
        self._waiting: list[tuple[tuple[str, str, str], tuple[NDArray[Any], ...]]] = []  # names, and their columns
        self._rows = 0
        self.outcomes: dict[Outcome, int] = {}  # how many decisions ended in each

    def __enter__(self) -> Self:
        """Return the file, open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the rest and close."""
        self._flush()
        self._writer.close()

    def take(self, decisions: QuietDecisions) -> None:
        """Take one session of one series; rows that have a record are left out."""
        kept = np.flatnonzero(decisions.outcome != TOLD)
        if not kept.size:
            return
        for code, count in enumerate(np.bincount(decisions.outcome[kept]).tolist()):
            if count:
                self.outcomes[OUTCOMES[code]] = self.outcomes.get(OUTCOMES[code], 0) + count
        names = (decisions.strategy, decisions.instrument, str(decisions.timeframe))
        columns = (decisions.bar_end, decisions.signal + np.int8(1), decisions.confidence, decisions.outcome)
        self._waiting.append((names, tuple(column[kept] for column in columns)))
        self._rows += kept.size
        if self._rows >= _ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(self._table())
        self._waiting, self._rows = [], 0

    def _table(self) -> pa.Table:
        names, parts = zip(*self._waiting, strict=True)
        counts = [len(columns[0]) for columns in parts]
        ends, signals, confidences, outcomes = map(np.concatenate, zip(*parts, strict=True))
        return pa.table(
            [
                *(_repeated(words, counts) for words in zip(*names, strict=True)),
                ends,
                pa.DictionaryArray.from_arrays(signals, _SIGNALS),
                confidences,
                pa.DictionaryArray.from_arrays(outcomes, _OUTCOMES),
            ],
            schema=_SCHEMA,
        )


def _repeated(words: Sequence[str], counts: Sequence[int]) -> pa.DictionaryArray:
    """Return each word as often as its count says."""
    known = list(dict.fromkeys(words))
    places = np.array([known.index(word) for word in words], np.int32)
    return pa.DictionaryArray.from_arrays(np.repeat(places, counts), known)
