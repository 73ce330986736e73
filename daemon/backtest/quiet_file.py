"""Decisions without consequences as a Parquet file: far too many for a table, and too good to be thrown away."""

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

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
        self._waiting: list[pa.Table] = []
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
        same = pa.array(np.zeros(kept.size, np.int32))
        self._waiting.append(
            pa.table(
                [
                    *(pa.DictionaryArray.from_arrays(same, [name]) for name in names),
                    decisions.bar_end[kept],
                    pa.DictionaryArray.from_arrays(decisions.signal[kept] + np.int8(1), _SIGNALS),
                    decisions.confidence[kept],
                    pa.DictionaryArray.from_arrays(decisions.outcome[kept], _OUTCOMES),
                ],
                schema=_SCHEMA,
            )
        )
        self._rows += kept.size
        if self._rows >= _ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting).unify_dictionaries())
        self._waiting, self._rows = [], 0
