"""Values refuse what cannot be, and their small sums are right."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from daemon.domain.bar import check_bar, flat_bar
from daemon.domain.decision import Decision, Signal, StrategyId
from daemon.domain.errors import BadMarketData
from daemon.domain.fill import Fill, execution_stem
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import CheckResult, OrderIntent, OrderRef, OrderType, Refused, Side
from daemon.domain.position import Position
from daemon.domain.price import UNSET
from daemon.domain.quote import QuoteFault, quote_fault
from daemon.domain.records import RECORD_TYPES
from daemon.domain.trading_state import TradingState

AT = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)


def intent(**changed: object) -> OrderIntent:
    values: dict[str, object] = {
        "order_ref": OrderRef("r"),
        "strategy": StrategyId("s"),
        "instrument": Instrument(symbol="AAA"),
        "side": Side.BUY,
        "quantity": Decimal(1),
        "decision_id": "d",
        "decision_price": Decimal(1),
        "bar_end": AT,
        "decided_at": AT,
        "reduces": False,
    }
    return OrderIntent(**{**values, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"quantity": Decimal(0)},
        {"quantity": Decimal(-1)},
        {"limit_price": Decimal(1)},
        {"order_type": OrderType.LIMIT},
        {"order_type": OrderType.STOP},
    ],
)
def test_an_order_no_broker_could_take_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        intent(**changed)


def test_a_refusal_names_the_check_that_failed() -> None:
    checks = tuple(
        CheckResult(control=c, scope="account", offered="", allowed="", passed=p)
        for c, p in [("a", True), ("b", False)]
    )
    assert Refused(intent=intent(), checks=checks).failed.control == "b"


@pytest.mark.parametrize("confidence", [-0.01, 1.01, float("nan")])
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(ValueError):
        Decision(signal=Signal.BUY, confidence=confidence)


@pytest.mark.parametrize(
    ("exec_id", "stem"), [("0000e0d5.01.02", "0000e0d5.01"), ("a.01", "a"), ("plain", "plain"), ("", "")]
)
def test_a_correction_shares_the_stem_of_what_it_corrects(exec_id: str, stem: str) -> None:
    assert execution_stem(exec_id) == stem


def test_an_execution_of_nothing_is_refused_and_a_sale_counts_negative() -> None:
    values = {
        "exec_id": "a",
        "order_ref": OrderRef("r"),
        "instrument": InstrumentId("A"),
        "price": Decimal(1),
        "at": AT,
        "executed_at": AT,
    }
    with pytest.raises(ValueError):
        Fill(side=Side.BUY, quantity=Decimal(0), **values)  # type: ignore[arg-type]
    assert Fill(side=Side.SELL, quantity=Decimal(2), **values).signed_quantity == -2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("price", "tick", "expected"),
    [
        (100.004, "0.01", "100.00"),
        (100.006, "0.01", "100.01"),
        (0.1 + 0.2, "0.01", "0.30"),
        (100.005, "0.01", "100.00"),
        (100.015, "0.01", "100.02"),
        (100.13, "0.05", "100.15"),
        (1e4, "0.01", "10000.00"),
        (Decimal("99.999"), "0.01", "100.00"),
    ],
)
def test_prices_go_to_the_nearest_tick(price: float | Decimal, tick: str, expected: str) -> None:
    assert Instrument(symbol="A", tick_size=Decimal(tick)).to_tick(price) == Decimal(expected)


@pytest.mark.parametrize(
    "values", [{"symbol": ""}, {"symbol": "A", "tick_size": Decimal(0)}, {"symbol": "A", "tick_size": Decimal(-1)}]
)
def test_an_instrument_that_could_not_be_priced_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Instrument(**values)  # type: ignore[arg-type]


def test_a_position_is_valued_at_a_price_and_at_its_cost() -> None:
    short = Position(instrument=InstrumentId("A"), quantity=Decimal(-3), total_cost=Decimal(-301))
    assert short.average_cost * 3 == pytest.approx(Decimal(301))
    assert (short.market_value(Decimal(100)), short.unrealized_pnl(Decimal(100))) == (-300, 1)
    assert Position(instrument=InstrumentId("A")).average_cost == 0


def test_a_flat_bar_is_sound_and_marked() -> None:
    bar = flat_bar(start=0, end=60, close=10.0)
    check_bar(bar, "A")
    assert bar.no_trades
    with pytest.raises(BadMarketData):
        check_bar(flat_bar(start=0, end=60, close=0.0), "A")


def test_only_running_may_open() -> None:
    assert [state for state in TradingState if state.may_open] == [TradingState.RUNNING]


def test_every_record_has_a_table_of_its_own() -> None:
    tables = [record.TABLE for record in RECORD_TYPES]
    assert all(tables)
    assert len(set(tables)) == len(tables)


@pytest.mark.parametrize("value", [UNSET, -UNSET, float("inf"), float("-inf"), float("nan")])
def test_what_ib_has_not_set_is_no_price(value: float) -> None:
    assert quote_fault(100.0, value) is QuoteFault.NOT_FINITE
    assert quote_fault(value, 100.0) is QuoteFault.NOT_FINITE
    with pytest.raises(BadMarketData, match="finite"):
        check_bar(flat_bar(start=0, end=5, close=value), "AAA")
