"""What seeds have found once, told without chance."""

from datetime import UTC, datetime
from pathlib import Path

from daemon.domain.instrument import InstrumentId
from daemon.domain.records import BarSeen, GapSeen
from daemon.domain.timeframe import Timeframe
from daemon.journal.past import read_past
from daemon.journal.writer import JournalWriter

AT = datetime(2026, 3, 3, 20, 56, 2, tzinfo=UTC)
END = int(datetime(2026, 3, 3, 20, 56, tzinfo=UTC).timestamp())
SPY = InstrumentId("SPY")


def bar(end: int) -> BarSeen:
    return BarSeen(
        at=AT,
        instrument=SPY,
        timeframe="30s",
        start=end - 30,
        end=end,
        open=1.0,
        high=1.0,
        low=1.0,
        close=1.0,
        volume=0.0,
        wap=1.0,
        trades=0,
    )


async def test_bar_that_never_came_is_not_decided_on_again_after_a_restart(tmp_path: Path) -> None:
    """A daemon that was killed within the grace of such a bar failed at each start: the decision was there already."""
    missing = GapSeen(at=AT, instrument=SPY, timeframe="30s", end=END, cause="no data came")
    async with await JournalWriter.open(tmp_path / "journal.db") as journal:
        await journal.append([bar(END - 30), missing])
        past = await read_past(journal)
    assert past.bars_until == {Timeframe(seconds=30): END}


async def test_bar_after_a_gap_counts(tmp_path: Path) -> None:
    missing = GapSeen(at=AT, instrument=SPY, timeframe="30s", end=END - 30, cause="no data came")
    async with await JournalWriter.open(tmp_path / "journal.db") as journal:
        await journal.append([missing, bar(END)])
        past = await read_past(journal)
    assert past.bars_until == {Timeframe(seconds=30): END}
