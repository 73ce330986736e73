"""What seeds have found once, told without chance."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.domain.instrument import InstrumentId
from daemon.domain.records import BarSeen, GapSeen
from daemon.domain.timeframe import Timeframe
from daemon.journal.past import read_past
from daemon.journal.writer import JournalWriter
from daemon.simulation.faults import Fault, FaultKind
from daemon.simulation.seeds import verdict
from daemon.simulation.setting import Setting

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


@pytest.mark.parametrize("seed", [0, 15])
def test_bar_seen_before_a_start_that_failed_once_is_not_taken_for_new_by_the_next_attempt(seed: int) -> None:
    """The first attempt had used up what the journal knew: bar and decision came twice, and the daemon ended."""
    setting = Setting.drawn(seed, minutes=2)
    to_a_bar_s = -setting.start.timestamp() % 30 + 30
    after = timedelta(seconds=to_a_bar_s - 0.1)
    refused = Fault(
        kind=FaultKind.GATEWAY, after=after, aimed=False, count=3, seconds=1.0, detail="history refused, pacing"
    )
    killed = Fault(kind=FaultKind.KILL_AFTER_COMMIT, after=after, aimed=False, count=1, seconds=0.5)
    found = verdict(seed, minutes=2, plan=(refused, refused, killed))
    assert found.struck == {refused.label: 2, killed.label: 1}
    assert found.violations == ()


def test_cancel_of_a_shutdown_is_not_journaled_behind_the_fill_that_came_first() -> None:
    """The cancel was worked out while the fill was being journaled, so that the order's last row was not its end."""
    found = verdict(668, minutes=6)
    assert found.violations == ()
