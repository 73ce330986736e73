r"""The chain of seals, by which it shows when a row that tells of orders was changed, lost, added or moved.

Each append that holds rows of `SEALED` ends in a row of `seal`, in the same transaction. Its digest is the SHA-256, in
hex, of these bytes:

1. the digest of the seal before, or `GENESIS`;
2. one line: the JSON array `["seal", seq, at, first_seq, last_seq, rows]` of the seal itself;
3. one line for each row of `SEALED` from `first_seq` to `last_seq`, by `seq`: the JSON array of the table's name and of
   all its values in the order of the schema.

Lines end in `\n`; JSON is UTF-8 without spaces. A text is a string, a whole number a number, a flag 1 or 0, nothing
null, a time `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`, a decimal the string of its plain digits without zeros at the end of a
fraction, a mapping or list the string of its JSON with sorted keys. A journal has the same seals on either database.

A chain cannot tell that its end was cut off together with everything after it: only somebody who kept a later digest
can. `paperd db verify` prints the last one for that.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Dialect, select

from daemon.domain.records import (
    AdjustmentRecorded,
    ArrivalQuoteTaken,
    CommissionRecorded,
    FillRecorded,
    IntentRecorded,
    OrderEventSeen,
    OrderRefAssigned,
    Record,
    RiskChecked,
    RowsSealed,
    RunStarted,
    TradingStateChanged,
)
from daemon.journal import schema
from daemon.journal.columns import time_text
from daemon.journal.rows import RowCanon

SEALED: Final[tuple[type[Record], ...]] = (
    RunStarted,
    TradingStateChanged,
    RiskChecked,
    IntentRecorded,
    ArrivalQuoteTaken,
    OrderRefAssigned,
    OrderEventSeen,
    FillRecorded,
    CommissionRecorded,
    AdjustmentRecorded,
)
"""What was allowed, ordered and executed. A table can only join in the migration that creates it."""

GENESIS: Final = "0" * 64

_CANON: Final = {record_type: RowCanon(record_type) for record_type in SEALED}

NumberedRow = tuple[type[Record], tuple[object, ...]]  # the row begins with its `seq`


class SealChain:
    """The chain's end, from which it is carried on."""

    __slots__ = ("head",)

    def __init__(self, head: str = GENESIS) -> None:
        """Go on after the seal with the digest `head`."""
        self.head = head

    def seal(self, rows: Iterable[NumberedRow], *, at: datetime, first_seq: int, last_seq: int) -> RowsSealed | None:
        """Return the next seal, which is to be row `last_seq` + 1; None when there is nothing to seal among `rows`."""
        lines = [_CANON[record_type].line(row) for record_type, row in rows if record_type in _CANON]
        if not lines:
            return None
        self.head = digest(self.head, lines, seq=last_seq + 1, at=at, first_seq=first_seq, last_seq=last_seq)
        return RowsSealed(at=at, first_seq=first_seq, last_seq=last_seq, rows=len(lines), digest=self.head)


def sealed_line(record_type: type[Record], row: Sequence[object]) -> bytes:
    """Return the line of a row of `SEALED`.

    Raises:
        TypeError, ValueError: a value is none that this program writes.
    """
    return _CANON[record_type].line(row)


def digest(before: str, lines: Sequence[bytes], *, seq: int, at: datetime, first_seq: int, last_seq: int) -> str:
    """Return the digest of the seal with number `seq` over `lines`."""
    head = f'["seal",{seq},"{time_text(at)}",{first_seq},{last_seq},{len(lines)}]\n'
    return hashlib.sha256(b"".join((before.encode(), head.encode(), *lines))).hexdigest()


def last_seal_statement(dialect: Dialect) -> str:
    """Return the query for the digest of the last seal."""
    query = select(schema.SEAL.c.digest).order_by(schema.SEAL.c.seq.desc()).limit(1)
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def sealed_rows_statements(dialect: Dialect) -> list[tuple[type[Record], str]]:
    """Return the queries for all rows of `SEALED`, `seq` first."""
    tables = [(record_type, schema.METADATA.tables[record_type.TABLE]) for record_type in SEALED]
    return [(record_type, str(select(table).compile(dialect=dialect))) for record_type, table in tables]
