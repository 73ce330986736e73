"""The broker of a backtest: what it keeps of orders and quotes, and for how long."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from daemon.backtest.simulated_broker import SimulatedBroker, from_us, to_us
from daemon.domain.callbacks import BrokerCallback, CommissionReported, ExecutionReported, OrderStatusReported
from daemon.domain.events import QuoteChanged
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import Side
from daemon.market.sessions import Session
from daemon.matching.commission import PercentOfNotional
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.ports import OrderTicket

OPEN = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
NOON = OPEN + timedelta(hours=2)


def broker(at: datetime = NOON) -> SimulatedBroker:
    made = SimulatedBroker(SimulatedExchange(LatencyModel(seed=1)), PercentOfNotional(rate=Decimal("0.002")))
    made.open_session(Session(day=date(2024, 3, 5), open=OPEN, close=OPEN + timedelta(hours=6, minutes=30)))
    made.now = at
    return made


def quote(ask: float, at: datetime = NOON) -> QuoteChanged:
    return QuoteChanged(at=at, instrument=InstrumentId("AAA"), bid=ask - 0.02, ask=ask, bid_size=500, ask_size=500)


def ticket(order_id: int) -> OrderTicket:
    return OrderTicket(
        order_id=order_id, order_ref=f"pd-t-{order_id}", instrument=Instrument(symbol="AAA"), side=Side.BUY,
        quantity=Decimal(10), order_type="MKT", limit_price=None, time_in_force="DAY",
    )  # fmt: skip


def later(sim: SimulatedBroker, seconds: float) -> list[BrokerCallback]:
    sim.now += timedelta(seconds=seconds)
    return sim.due(sim.now)


def prices(told: list[BrokerCallback]) -> list[Decimal]:
    return [each.price for each in told if isinstance(each, ExecutionReported)]


def test_an_order_is_acknowledged_worked_filled_and_paid_for() -> None:
    sim = broker()
    sim.quote(quote(100.0), NOON)
    sim.submit(ticket(1))
    told = later(sim, 1)
    assert [type(each) for each in told] == [
        OrderStatusReported, OrderStatusReported, ExecutionReported, CommissionReported,
    ]  # fmt: skip
    assert [each.status for each in told if isinstance(each, OrderStatusReported)] == ["PreSubmitted", "Submitted"]
    assert (prices(told), sim.is_working) == ([Decimal("100.00")], False)


def test_a_noted_quote_is_the_one_an_order_fills_at() -> None:
    sim = broker()
    sim.quote(quote(100.0), NOON)
    sim.note(quote(101.0))
    sim.submit(ticket(1))
    assert prices(later(sim, 1)) == [Decimal("101.00")]


def test_a_quote_that_is_told_takes_the_place_of_a_noted_one() -> None:
    sim = broker()
    sim.note(quote(101.0))
    sim.quote(quote(102.0), NOON)
    sim.submit(ticket(1))
    assert prices(later(sim, 1)) == [Decimal("102.00")]


def test_a_noted_quote_ends_with_its_session() -> None:
    sim = broker()
    sim.note(quote(101.0))
    tomorrow = OPEN + timedelta(days=1)
    sim.open_session(Session(day=date(2024, 3, 6), open=tomorrow, close=tomorrow + timedelta(hours=6, minutes=30)))
    sim.now = tomorrow
    sim.submit(ticket(1))
    assert prices(later(sim, 1)) == []
    assert sim.is_working


def test_of_an_order_that_has_ended_there_is_nothing_to_cancel() -> None:
    sim = broker()
    sim.quote(quote(100.0), NOON)
    sim.submit(ticket(1))
    later(sim, 1)
    sim.cancel(1)
    assert later(sim, 5) == []


def test_a_working_order_can_be_cancelled() -> None:
    sim = broker()  # without a quote nothing fills
    sim.submit(ticket(1))
    later(sim, 1)
    sim.cancel(1)
    told = later(sim, 1)
    assert [each.status for each in told if isinstance(each, OrderStatusReported)] == ["Cancelled"]
    assert not sim.is_working


def test_moments_are_microseconds_exactly() -> None:
    at = datetime(2024, 3, 5, 14, 30, 0, 123457, tzinfo=UTC)
    assert from_us(to_us(at)) == at
