"""A paper executor with a recording broker, and the broker's words in a line each."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from daemon.domain.callbacks import (
    BrokerErrorReported,
    CommissionReported,
    ExecutionReported,
    OrderReported,
    OrderStatusReported,
    PositionReported,
)
from daemon.domain.decision import StrategyId
from daemon.domain.events import Event, FillReceived
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import Approved, OrderIntent, OrderRef, OrderState, OrderType, Side
from daemon.domain.quote import Quote
from daemon.domain.records import FillRecorded, IntentRecorded, OrderEventSeen, Record
from daemon.domain.trading_state import TradingState
from daemon.execution.paper_executor import ExecutionRules, PaperExecutor
from daemon.ports import BrokerSnapshot, Inquiry, Told
from daemon.risk.gate import gate
from daemon.risk.limits import AccountGuard, AccountLimits, StrategyLimits
from daemon.risk.view import Book, RiskView
from tests.fakes.recording_broker import RecordingBroker
from tests.fakes.settable_clock import SettableClock

AT = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)
AAA = InstrumentId("AAA")
STOCK = Instrument(symbol="AAA")
ONE = StrategyId("one")
Kind = TypeVar("Kind", bound=Record)


class OrderDesk:
    """Speaks for the broker, and keeps everything the executor said as a journal would."""

    def __init__(self, rules: ExecutionRules | None = None, quote: Quote | None = None) -> None:
        self.clock = SettableClock(AT)
        self.broker = RecordingBroker()
        self.quote: Quote | None = (
            quote if quote is not None else Quote(at=AT, bid=100.00, ask=100.02, bid_size=300, ask_size=500)
        )
        self.rules = rules if rules is not None else ExecutionRules()
        self.executor = self.fresh()
        self.journal: list[Record] = []
        self.events: list[Event] = []
        self._made = 0

    def fresh(self) -> PaperExecutor:
        """Return an executor that knows nothing yet, on the same broker."""
        return PaperExecutor(
            self.broker,
            self.clock,
            quote_of=lambda _: self.quote,
            instruments={AAA: STOCK}.get,
            may_send=lambda _: True,
            rules=self.rules,
        )

    def restart(self) -> None:
        """Put a new executor in the place of the old one, rebuilt from the journal."""
        self.executor = self.fresh()
        self.executor.restore(self.journal)

    def approve(
        self,
        side: Side = Side.BUY,
        quantity: int = 10,
        *,
        reduces: bool = False,
        price: str = "100.00",
        limit: str | None = None,
    ) -> Approved:
        """Return an approved order; the intent goes into the journal."""
        self._made += 1
        intent = OrderIntent(
            order_ref=OrderRef(f"pd-t-{self._made}"),
            strategy=ONE,
            instrument=STOCK,
            side=side,
            quantity=Decimal(quantity),
            order_type=OrderType.LIMIT if limit else OrderType.MARKET,
            limit_price=Decimal(limit) if limit else None,
            decision_id=f"d{self._made}",
            decision_price=Decimal(price),
            bar_end=self.clock.at - timedelta(seconds=1),
            decided_at=self.clock.at,
            reduces=reduces,
            received_host_ns=1,
        )
        approved = gate(intent, _calm(self.clock.at))
        assert isinstance(approved, Approved), approved
        self.journal.append(
            IntentRecorded(
                at=intent.decided_at,
                order_ref=intent.order_ref,
                decision_id=intent.decision_id,
                strategy=ONE,
                instrument=AAA,
                side=side,
                quantity=intent.quantity,
                order_type=intent.order_type,
                limit_price=intent.limit_price,
                decision_price=intent.decision_price,
                bar_end=int(intent.bar_end.timestamp()),
                reduces=reduces,
                reserved_value=intent.quantity * intent.decision_price,
            )
        )
        return approved

    def prepared(self, **order: object) -> Approved:
        approved = self.approve(**order)  # type: ignore[arg-type]
        self.journal += self.executor.prepare(approved, self.clock.at)
        return approved

    def send(self, approved: Approved) -> None:
        self.journal += self.executor.send(approved, self.clock.at)

    def sent(self, **order: object) -> Approved:
        """Return an order that is on the wire."""
        approved = self.prepared(**order)
        self.send(approved)
        return approved

    def hear(self, *callbacks: object) -> Told:
        """Let the broker say something; return what the executor made of it."""
        return self.take(*(self.executor.interpret(callback, self.clock.at) for callback in callbacks))  # type: ignore[arg-type]

    def take(self, *told: Told) -> Told:
        """Keep what was told, fills as the engine records them."""
        events = tuple(event for each in told for event in each.events)
        records = tuple(record for each in told for record in each.records)
        self.events += events
        self.journal += records
        self.journal += [
            FillRecorded(
                at=event.at,
                exec_id=event.fill.exec_id,
                order_ref=event.fill.order_ref,
                strategy=ONE,
                instrument=AAA,
                side=event.fill.side,
                quantity=event.fill.quantity,
                price=event.fill.price,
                executed_at=event.fill.executed_at,
                replaces=event.replaces.exec_id if event.replaces else None,
            )
            for event in events
            if isinstance(event, FillReceived)
        ]
        return Told(events, records)

    def advance(self, seconds: float = 0) -> Told:
        return self.take(self.executor.advance(self.clock.pass_s(seconds)))

    def reconcile(
        self,
        *,
        orders: Iterable[OrderReported] = (),
        completed: Iterable[OrderReported] = (),
        executions: Iterable[ExecutionReported] = (),
        positions: Iterable[PositionReported] = (),
        unexplained: Iterable[InstrumentId] = (),
        at_connection: bool = True,
        counts: bool = True,
        over: bool = False,
    ) -> Told:
        asked = frozenset(self.executor.working)
        snapshot = BrokerSnapshot(
            taken_at=self.clock.at,
            orders=tuple(orders),
            completed=tuple(completed),
            executions=tuple(executions),
            positions=tuple(positions),
        )
        missed = self.take(self.executor.reconcile(snapshot, self.clock.at))
        inquiry = Inquiry(
            asked=asked,
            unexplained=frozenset(unexplained),
            counts=counts,
            at_connection=at_connection,
            over_before=self.clock.at if over else None,
        )
        ended = self.take(self.executor.conclude(snapshot, self.clock.at, inquiry))
        return Told(missed.events + ended.events, missed.records + ended.records)

    def state(self, approved: Approved) -> OrderState:
        """Return the state that the journal knows last."""
        ref = approved.intent.order_ref
        return next(
            record.state
            for record in reversed(self.journal)
            if isinstance(record, OrderEventSeen) and record.order_ref == ref
        )

    def kept(self, kind: type[Kind]) -> list[Kind]:
        return [record for record in self.journal if type(record) is kind]

    def order_id(self, approved: Approved) -> int:
        return next(ticket.order_id for ticket in self.broker.sent if ticket.order_ref == approved.intent.order_ref)


def _calm(at: datetime) -> RiskView:
    """Return a market in which every control passes."""
    million = Decimal(10**6)
    book = Book(
        equity=million, day_start_equity=million, position=Decimal(0), unrealized_pnl=Decimal(0), orders_today=0
    )
    return RiskView(
        at=at,
        price=Decimal(100),
        quote=Quote(at=at, bid=99.0, ask=101.0, bid_size=1, ask_size=1),
        quote_confirmed_at=at,
        state=TradingState.RUNNING,
        guard=AccountGuard(account="DU1", port=4002),
        account=book,
        strategy=book,
        account_limits=AccountLimits(),
        strategy_limits=StrategyLimits(),
        working=(),
        recent=(),
    )


def status(
    order_id: int, word: str, *, filled: int = 0, remaining: int = 0, perm_id: int = 900, client_id: int = 7
) -> OrderStatusReported:
    return OrderStatusReported(
        order_id=order_id,
        client_id=client_id,
        perm_id=perm_id,
        status=word,
        filled=Decimal(filled),
        remaining=Decimal(remaining),
    )


def execution(
    approved: Approved,
    quantity: int,
    price: str = "100.02",
    *,
    exec_id: str = "e1.01",
    ref: str | None = None,
    order_id: int = 1,
    client_id: int = 7,
) -> ExecutionReported:
    return ExecutionReported(
        exec_id=exec_id,
        order_ref=approved.intent.order_ref if ref is None else ref,
        order_id=order_id,
        client_id=client_id,
        perm_id=900,
        account="DU1",
        instrument=AAA,
        side=approved.intent.side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at=AT,
    )


def commission(exec_id: str = "e1.01", amount: str = "1.00") -> CommissionReported:
    return CommissionReported(exec_id=exec_id, amount=Decimal(amount), currency="USD")


def error(order_id: int, code: int, text: str = "words") -> BrokerErrorReported:
    return BrokerErrorReported(request_id=order_id, code=code, text=text)


def reported(
    approved: Approved,
    word: str,
    *,
    order_id: int = 1,
    perm_id: int = 900,
    completed: bool = False,
    filled: int | None = None,
) -> OrderReported:
    return OrderReported(
        order_ref=approved.intent.order_ref,
        order_id=order_id,
        client_id=7,
        perm_id=perm_id,
        instrument=AAA,
        side=approved.intent.side,
        quantity=approved.intent.quantity,
        status=word,
        completed=completed,
        filled=Decimal(filled) if filled is not None else None,
    )
