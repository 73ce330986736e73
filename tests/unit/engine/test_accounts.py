"""All ledgers together: the loss ladder at its limits, sums, and the digest of what a restart must bring back."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from dataclasses import replace
from decimal import Decimal

import pytest

from daemon.domain.decision import Signal
from daemon.domain.records import EquityMarked, PositionMarked
from daemon.domain.trading_state import TradingState
from daemon.engine.accounts import ALL, Accounts, _trips
from daemon.engine.marks import Marks
from daemon.risk.limits import AccountLimits, SharedLimits
from tests.fakes.engine_stage import AAA, M5, WIDE, EngineStage, strategy_setup
from tests.fakes.scripted_strategy import ScriptedStrategy, says

LIMITS = SharedLimits(
    daily_loss_value=Decimal(2_000), daily_loss_fraction=Decimal("0.02"), emergency_loss=Decimal(5_000)
)
START = Decimal(100_000)


def states(loss: str, start: Decimal = START, **changed: object) -> list[TradingState]:
    return [trip.state for trip in _trips(None, Decimal(loss), start, replace(LIMITS, **changed))]  # type: ignore[arg-type]


REDUCE, HALT = TradingState.REDUCE_ONLY, TradingState.HALTED


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("-50", []),
        ("0", []),
        ("1999.99", []),
        ("2000", [REDUCE]),
        ("2000.01", [REDUCE]),
        ("4999.99", [REDUCE]),
        ("5000", [HALT, REDUCE]),
        ("5000.01", [HALT, REDUCE]),
    ],
)
def test_the_ladder_of_losses(loss: str, expected: list[TradingState]) -> None:
    assert states(loss) == expected


def test_the_fraction_trips_where_it_is_the_tighter_limit() -> None:
    assert states("999.99", Decimal(50_000)) == []
    assert states("1000", Decimal(50_000)) == [REDUCE]


def test_each_limit_has_its_switch() -> None:
    assert states("5000", emergency_stop=False) == [REDUCE]
    assert states("5000", auto_stop_on_daily_limit=False) == [HALT]
    assert states("5000", emergency_stop=False, auto_stop_on_daily_limit=False) == []


def two_accounts() -> Accounts:
    quiet = ScriptedStrategy([M5], says(Signal.HOLD))
    return Accounts(
        [
            strategy_setup("one", quiet),
            strategy_setup("two", quiet, limits=replace(WIDE, daily_loss_value=Decimal(500))),
        ]
    )


def test_account_and_strategies_trip_each_by_their_own_loss_and_the_account_comes_first() -> None:
    accounts = two_accounts()
    accounts.begin_day("2024-03-05", Marks())
    accounts.slots[0].ledger.book_commission("a", Decimal(600))
    accounts.slots[1].ledger.book_commission("b", Decimal(500))
    trips = accounts.trips(Marks(), AccountLimits(daily_loss_value=Decimal(1_100), daily_loss_fraction=Decimal(1)))
    assert [(trip.strategy, trip.state) for trip in trips] == [(None, REDUCE), ("two", REDUCE)]
    assert all(trip.why for trip in trips)


def test_a_new_day_counts_losses_from_its_own_start() -> None:
    accounts = two_accounts()
    accounts.slots[1].ledger.book_commission("b", Decimal(700))
    accounts.begin_day("2024-03-06", Marks())
    assert accounts.trips(Marks(), AccountLimits()) == []
    assert accounts.slots[1].day_start_equity == Decimal(99_300)


def stage_with_a_position() -> EngineStage:
    stage = EngineStage(
        strategy_setup("one", ScriptedStrategy([M5], says(Signal.BUY))),
        strategy_setup("two", ScriptedStrategy([M5], says(Signal.HOLD))),
    )
    stage.open()
    stage.step()
    stage.fill_all(stage.orders[0], "100.01")
    return stage


def test_equity_is_cash_and_value_and_the_sum_is_the_sum() -> None:
    stage = stage_with_a_position()
    stage.quote(100.99, 101.01)
    stage.mark()
    rows = {str(row.strategy): row for row in stage.of(EquityMarked)}
    one, everything = rows["one"], rows[ALL]
    assert one.cash == 100_000 - 500 * Decimal("100.01")
    assert one.market_value == 500 * 101
    assert one.equity == 100_000 + 500 * Decimal("0.99")
    assert one.unrealized_pnl == Decimal("495.00")
    assert everything.equity == one.equity + 100_000
    assert everything.day_start_equity == 200_000


def test_a_mark_without_equity_values_open_positions_only() -> None:
    stage = stage_with_a_position()
    stage.mark(equity=False)
    assert [type(record) for record in stage.last] == [PositionMarked]
    assert stage.of(PositionMarked)[0].quantity == 500


def test_books_of_a_strategy_and_of_the_account() -> None:
    stage = stage_with_a_position()
    accounts, marks = stage.engine.accounts, stage.engine.marks
    two, everything = accounts.books(accounts.slots[1], AAA, marks)
    assert (two.position, everything.position) == (0, 500)
    assert (two.orders_today, everything.orders_today) == (0, 1)
    assert everything.unrealized_pnl == Decimal("-5.00")
    assert (two.day_loss, everything.day_loss) == (0, Decimal("5.00"))


def test_the_digest_tells_positions_orders_and_states_apart() -> None:
    digests = set()
    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5], says(Signal.BUY))))
    digests.add(stage.engine.state_hash())
    stage.open()
    digests.add(stage.engine.state_hash())
    stage.step()
    digests.add(stage.engine.state_hash())
    stage.fill(stage.orders[0], 100)
    digests.add(stage.engine.state_hash())
    stage.set_state(TradingState.PAUSED)
    digests.add(stage.engine.state_hash())
    stage.set_state(TradingState.PAUSED, "one")
    digests.add(stage.engine.state_hash())
    assert len(digests) == 6
