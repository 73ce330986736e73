"""A budget of memory becomes batches and marks, and is refused where a session has no room."""

import pytest

from daemon.backtest.memory import PROGRAM_MB, MemoryBudget
from daemon.domain.errors import ConfigError
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import TradingCalendar
from daemon.market.windows import BarSchedule

SCHEDULE = BarSchedule(calendar=TradingCalendar("XNYS"))
M1 = Timeframe.parse("1m")


def test_more_files_are_read_in_smaller_batches() -> None:
    budget = MemoryBudget(megabytes=PROGRAM_MB + 96)
    rows = [budget.batch_rows(files) for files in (1, 20, 50, 10_000)]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] == 16_384
    assert rows[-1] == 1_024
    assert rows[1] * 20 * 320 <= 32 << 20


def test_the_page_measures_what_fits() -> None:
    assert MemoryBudget(megabytes=PROGRAM_MB + 120).marks == 60 * (1 << 20) // 120
    assert MemoryBudget(megabytes=1).marks == 10_000


@pytest.mark.parametrize(("symbols", "tapes"), [(60, False), (30, True)])
def test_a_session_without_room_is_refused_with_what_it_needs(symbols: int, *, tapes: bool) -> None:
    small = MemoryBudget(megabytes=PROGRAM_MB + 50)
    with pytest.raises(ConfigError, match=f"one session of {symbols} symbols, 390 bars each") as refused:
        small.refuse_too_small(SCHEDULE, [M1], symbols=symbols, tapes=tapes)
    needed = int(str(refused.value).partition("give --memory ")[2].split()[0])
    MemoryBudget(megabytes=needed).refuse_too_small(SCHEDULE, [M1], symbols=symbols, tapes=tapes)
    with pytest.raises(ConfigError):
        MemoryBudget(megabytes=needed - 1).refuse_too_small(SCHEDULE, [M1], symbols=symbols, tapes=tapes)


def test_one_symbol_has_room_in_a_small_budget() -> None:
    MemoryBudget(megabytes=PROGRAM_MB + 5).refuse_too_small(SCHEDULE, [M1], symbols=1, tapes=False)
