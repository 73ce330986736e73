"""Questions to a journal whose answers may be longer than memory: records one by one, valuations as columns."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Select, func, select

from daemon.domain.decision import StrategyId
from daemon.domain.records import Record
from daemon.journal import schema
from daemon.journal.queries import WHOLE_ACCOUNT
from daemon.journal.rows import FIELD_NAMES, record_from_row

R = TypeVar("R", bound=Record)

_ROWS_AT_ONCE: Final = 2_000
_NIGHT_S: Final = 4 * 3_600  # no session pauses for so long
_MARKS_OF_A_STRETCH: Final = 4  # first, lowest, highest, last


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Valuations:
    """What an account or a strategy was worth, shape (n,), in the order of writing."""

    times: NDArray[np.float64]  # epoch seconds
    equity: NDArray[np.float64]  # account currency
    stretch: int  # marks of the journal that up to four here stand for; 1 = these are all there are


def each(engine: Engine, record_type: type[R]) -> Iterator[R]:
    """Yield all records of a kind in the order of writing; a block of them is in memory at a time."""
    table = schema.METADATA.tables[record_type.TABLE]
    query = select(*(table.c[name] for name in FIELD_NAMES[record_type])).order_by(table.c.seq)
    for row in _rows(engine, query):
        yield record_from_row(record_type, row)


def valuations(engine: Engine, *, most: int, strategy: StrategyId = WHOLE_ACCOUNT) -> Valuations:
    """Return what a strategy, or the whole account, was worth, in at most about `most` marks.

    Where the journal holds more, stretches of equal length are told by their first, lowest, highest and last mark, and
    by those before and after a night: no day's end, peak or trough is lost.
    """
    table = schema.EQUITY
    wanted = table.c.strategy == strategy
    with engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(table).where(wanted)) or 0
    stretch = 1 if count <= most else -(-_MARKS_OF_A_STRETCH * count // most)
    query = select(table.c.at, table.c.equity).where(wanted).order_by(table.c.seq)
    times: list[NDArray[np.float64]] = [np.empty(0)]
    equity: list[NDArray[np.float64]] = [np.empty(0)]
    for block_times, block_equity in _blocks(_rows(engine, query), max(stretch, _ROWS_AT_ONCE // stretch * stretch)):
        kept = _told(block_times, block_equity, stretch)
        times.append(block_times[kept])
        equity.append(block_equity[kept])
    return Valuations(times=np.concatenate(times), equity=np.concatenate(equity), stretch=stretch)


def _rows(engine: Engine, query: Select[Any]) -> Iterator[Sequence[Any]]:
    with engine.connect() as connection:
        yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)


def _blocks(rows: Iterable[Sequence[Any]], size: int) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield times and values of `size` rows at a time."""
    times: list[float] = []
    values: list[float] = []
    for at, value in rows:
        times.append(at.timestamp())
        values.append(float(value))
        if len(times) == size:
            yield np.array(times), np.array(values)
            times.clear()
            values.clear()
    if times:
        yield np.array(times), np.array(values)


def _told(times: NDArray[np.float64], values: NDArray[np.float64], stretch: int) -> NDArray[np.intp]:
    """Return the places of a block's marks that tell of its stretches."""
    if stretch == 1:
        return np.arange(values.size)
    nights = np.flatnonzero(np.diff(times) > _NIGHT_S)
    places: set[int] = {*nights.tolist(), *(nights + 1).tolist()}
    for start in range(0, values.size, stretch):
        part = values[start : start + stretch]
        places |= {start, start + int(part.argmin()), start + int(part.argmax()), start + part.size - 1}
    return np.array(sorted(places), dtype=np.intp)
