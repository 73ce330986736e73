"""Long answers come piece by piece, and thinned valuations keep what a page is about."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from daemon.domain.decision import StrategyId
from daemon.domain.records import EquityMarked
from daemon.journal.queries import WHOLE_ACCOUNT, equity_ends, equity_series
from daemon.journal.reader import open_reader
from daemon.journal.streams import each, valuations
from daemon.journal.writer import JournalWriter

DAY = datetime(2024, 6, 13, 14, 0, tzinfo=UTC)
COUNT = 500  # a day


def mark(number: int, strategy: StrategyId) -> EquityMarked:
    day, place = divmod(number, COUNT)
    equity = Decimal(1000) + Decimal(int(100 * np.sin(number / 9))) + Decimal(place % 7)
    zero = Decimal(0)
    return EquityMarked(
        at=DAY + timedelta(days=day, seconds=30 * place), strategy=strategy, cash=equity, market_value=zero,
        equity=equity, realized_pnl=zero, unrealized_pnl=zero, commission=zero, day_start_equity=equity,
    )  # fmt: skip


@pytest.fixture
async def marks(location: str) -> list[EquityMarked]:
    written = [mark(number, name) for number in range(3 * COUNT) for name in (WHOLE_ACCOUNT, StrategyId("one"))]
    async with await JournalWriter.open(location) as journal:
        await journal.append(written)
    return written


async def test_records_are_those_of_the_journal(location: str, marks: list[EquityMarked]) -> None:
    engine = open_reader(location)
    assert list(each(engine, EquityMarked)) == marks
    first, last = equity_ends(engine) or (None, None)
    assert (first, last) == (marks[0], marks[-2])
    assert equity_ends(engine, strategy=StrategyId("nobody")) is None
    engine.dispose()


async def test_valuations_that_fit_are_all_there(location: str, marks: list[EquityMarked]) -> None:
    engine = open_reader(location)
    found = valuations(engine, most=3 * COUNT)
    whole = equity_series(engine)
    engine.dispose()
    assert found.stretch == 1
    assert found.times.tolist() == [one.at.timestamp() for one in whole]
    assert found.equity.tolist() == [float(one.equity) for one in whole]


async def test_thinned_valuations_keep_peaks_troughs_and_ends_of_days(location: str, marks: list[EquityMarked]) -> None:
    engine = open_reader(location)
    found = valuations(engine, most=400)
    engine.dispose()
    whole = {one.at.timestamp(): float(one.equity) for one in marks}
    values = list(whole.values())
    assert found.stretch > 4
    assert found.times.size < 3 * COUNT / 2
    assert (np.diff(found.times) > 0).all()
    kept = dict(zip(found.times.tolist(), found.equity.tolist(), strict=True))
    assert kept.items() <= whole.items()
    assert (min(kept.values()), max(kept.values())) == (min(values), max(values))
    for day in range(3):
        for place in (0, COUNT - 1):
            assert (DAY + timedelta(days=day, seconds=30 * place)).timestamp() in kept


async def test_an_empty_journal_has_no_valuations(location: str) -> None:
    async with await JournalWriter.open(location):
        engine = open_reader(location)
        assert valuations(engine, most=10).times.size == 0
        engine.dispose()
