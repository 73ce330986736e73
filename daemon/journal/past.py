"""What a journal knows of earlier runs: all that a start needs before it writes its first row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from daemon.domain.instrument import InstrumentId
from daemon.domain.records import Record
from daemon.domain.timeframe import Timeframe
from daemon.journal.migrate import database_failure
from daemon.journal.queries import last_at, last_bar_ends, last_series_ends
from daemon.journal.reader import open_reader
from daemon.journal.writer import JournalWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Earlier runs, empty in a new journal."""

    records: Sequence[Record]  # from which heart and executor are rebuilt
    last_at: datetime | None  # market time of the newest row
    bars_until: Mapping[Timeframe, int]  # end of the newest bar of each timeframe, epoch seconds
    history_until: Mapping[tuple[InstrumentId, Timeframe], int]  # the same of each series, bars from history too


async def read_past(journal: JournalWriter) -> Past:
    """Return what `journal` knows.

    Raises:
        JournalFailed: it cannot be read, or does not answer.
    """
    records = await journal.restore()
    return await journal.answered(lambda: _past(journal.url, records))


def _past(url: URL, records: Sequence[Record]) -> Past:
    engine = open_reader(url)
    try:
        return Past(
            records=records,
            last_at=last_at(engine),
            bars_until={Timeframe.parse(label): end for label, end in last_bar_ends(engine).items()},
            history_until={
                (instrument, Timeframe.parse(label)): end
                for (instrument, label), end in last_series_ends(engine).items()
            },
        )
    except SQLAlchemyError as error:
        raise database_failure(url, error) from error
    finally:
        engine.dispose()
