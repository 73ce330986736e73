"""Questions to a journal, answered in records and plain values. Engines come from `reader.open_reader`.

All of them only read, so they may run beside the writer; from asyncio call them in a thread.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import ColumnElement, Engine, Table, and_, func, select, true, union_all

from daemon.domain.decision import Outcome, StrategyId
from daemon.domain.fill import execution_stem
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderRef, OrderState
from daemon.domain.records import (
    AlertRaised,
    BarSeen,
    DecisionMade,
    EquityMarked,
    ExecutionChecked,
    FillRecorded,
    GapSeen,
    HistorySeen,
    IntentRecorded,
    OrderEventSeen,
    PositionMarked,
    QuoteSeen,
    Record,
    RunStarted,
)
from daemon.journal import schema
from daemon.journal.rows import FIELD_NAMES, record_from_row

R = TypeVar("R", bound=Record)

_GRACE = timedelta(seconds=15)  # bars of a close are final a little after it

WHOLE_ACCOUNT = StrategyId("*")
"""The strategy of the equity rows that sum over all strategies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which rows are asked for: those of a time, those written after another, or both."""

    start: datetime | None = None  # market time, the first moment that belongs
    end: datetime | None = None  # market time, the first moment that no longer belongs
    after_seq: int = 0  # only rows with a higher `seq`


EVERYTHING = Span()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """An order with where it stands."""

    intent: IntentRecorded
    state: OrderState | None  # None: no event yet
    text: str  # what the last event said
    filled: Decimal  # units, corrections taken into account
    average_price: Decimal | None
    commission: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySummary:
    """What the report of a day is made of. Money is in the account's currency."""

    bars: Mapping[str, int]  # timeframe -> bars of all instruments
    gaps: int
    decisions: Mapping[Outcome, int]
    orders: tuple[OrderLine, ...]
    fills: tuple[FillRecorded, ...]
    commission: Decimal
    realized_pnl: Decimal
    equity: tuple[EquityMarked, ...]  # of the whole account
    checks: tuple[ExecutionChecked, ...]
    positions: tuple[PositionMarked, ...]  # held at the end of the day
    alerts: tuple[AlertRaised, ...]


def day_summary(engine: Engine, day_start: datetime, day_end: datetime) -> DaySummary:
    """Return what happened at or after `day_start` and before `day_end` (market time)."""
    span = Span(start=day_start, end=day_end)
    return DaySummary(
        bars=bars_by_timeframe(engine, span),
        gaps=_count(engine, schema.GAP, span),
        decisions=decisions_by_outcome(engine, span),
        orders=orders(engine, span),
        fills=fills(engine, span),
        commission=total_commission(engine, span),
        realized_pnl=realized_pnl(engine, span),
        equity=equity_series(engine, span),
        checks=execution_checks(engine, span),
        positions=positions(engine, before=day_end),
        alerts=alerts(engine, span),
    )


def last_seq(engine: Engine) -> int:
    """Return the highest `seq` of all tables, 0 for an empty journal."""
    each = [select(func.max(table.c.seq).label("top")) for table in schema.METADATA.sorted_tables]
    tops = union_all(*each).subquery()
    with engine.connect() as connection:
        return connection.scalar(select(func.max(tops.c.top))) or 0


def last_at(engine: Engine) -> datetime | None:
    """Return the market time of the newest row of all tables, None in an empty journal."""
    with engine.connect() as connection:
        newest = [
            connection.execute(select(table.c.at).order_by(table.c.seq.desc()).limit(1)).scalar_one_or_none()
            for table in schema.METADATA.sorted_tables
        ]
    return max((at for at in newest if at is not None), default=None)


def last_bar_ends(engine: Engine) -> dict[str, int]:
    """Return the end of the newest bar of each timeframe, epoch seconds; one that never came was decided on too."""
    ends: dict[str, int] = {}
    with engine.connect() as connection:
        for table in (schema.BAR, schema.GAP):
            newest = select(table.c.timeframe, func.max(table.c.end)).group_by(table.c.timeframe)
            for timeframe, end in connection.execute(newest):
                ends[str(timeframe)] = max(ends.get(str(timeframe), 0), int(end))
    return ends


def last_series_ends(engine: Engine) -> dict[tuple[InstrumentId, str], int]:
    """Return the end of the newest bar of each instrument and timeframe, seen or had from history, epoch seconds."""
    ends: dict[tuple[InstrumentId, str], int] = {}
    with engine.connect() as connection:
        for table in (schema.HISTORY_BAR, schema.BAR):
            columns = (table.c.instrument, table.c.timeframe)
            for instrument, timeframe, end in connection.execute(
                select(*columns, func.max(table.c.end)).group_by(*columns)
            ):
                key = (InstrumentId(instrument), str(timeframe))
                ends[key] = max(ends.get(key, 0), int(end))
    return ends


def history_seen(engine: Engine) -> tuple[HistorySeen, ...]:
    """Return the bars that were had from history, in the order of writing."""
    return _records(engine, HistorySeen)


def bars_seen(
    engine: Engine, *, since: datetime | None = None, until: datetime | None = None, before: datetime | None = None
) -> tuple[BarSeen, ...]:
    """Return the bars as seen with since <= at <= until (or before), the last ones a moment after a close included."""
    return _records(engine, BarSeen, _instants(schema.BAR, since, until or before))


def gaps_seen(engine: Engine, *, since: datetime, until: datetime) -> tuple[GapSeen, ...]:
    """Return the bars that never came, as `bars_seen` does."""
    return _records(engine, GapSeen, _instants(schema.GAP, since, until))


def quotes_seen(engine: Engine, *, since: datetime, until: datetime) -> tuple[QuoteSeen, ...]:
    """Return the quotes that were kept, as `bars_seen` does."""
    return _records(engine, QuoteSeen, _instants(schema.QUOTE, since, until))


def _instants(table: Table, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(table.c.at >= since)
    if until is not None:
        wanted.append(table.c.at <= until + _GRACE)
    return wanted


def runs(engine: Engine) -> tuple[RunStarted, ...]:
    """Return every start of a daemon, oldest first."""
    return _records(engine, RunStarted)


def bars_by_timeframe(engine: Engine, span: Span = EVERYTHING) -> dict[str, int]:
    """Return how many bars were seen of each timeframe, over all instruments."""
    return _counts(engine, schema.BAR, schema.BAR.c.timeframe, span)


def decisions_by_outcome(engine: Engine, span: Span = EVERYTHING) -> dict[Outcome, int]:
    """Return how many decisions ended in each outcome."""
    counts = _counts(engine, schema.DECISION, schema.DECISION.c.outcome, span)
    return {Outcome(outcome): count for outcome, count in counts.items()}


def decisions(
    engine: Engine,
    span: Span = EVERYTHING,
    *,
    instrument: InstrumentId | None = None,
    strategy: StrategyId | None = None,
) -> tuple[DecisionMade, ...]:
    """Return the decisions of an instrument and a strategy (None = any), in the order in which they were made."""
    table = schema.DECISION
    wanted = within(table, span)
    if instrument is not None:
        wanted.append(table.c.instrument == instrument)
    if strategy is not None:
        wanted.append(table.c.strategy == strategy)
    return _records(engine, DecisionMade, wanted)


def orders(engine: Engine, span: Span = EVERYTHING) -> tuple[OrderLine, ...]:
    """Return the orders intended within `span`, with all that became of them up to now."""
    intents = _records(engine, IntentRecorded, within(schema.INTENT, span))
    refs = select(schema.INTENT.c.order_ref).where(and_(true(), *within(schema.INTENT, span)))
    events = _records(engine, OrderEventSeen, [schema.ORDER_EVENT.c.order_ref.in_(refs)])
    last_event = {event.order_ref: event for event in events}
    executions = _by_order(_effective(_records(engine, FillRecorded, [schema.FILL.c.order_ref.in_(refs)])))
    commission = _commission_by_order(engine, [schema.COMMISSION.c.order_ref.in_(refs)])
    return tuple(
        _order_line(intent, last_event.get(intent.order_ref), executions.get(intent.order_ref, []), commission)
        for intent in intents
    )


def _order_line(
    intent: IntentRecorded,
    event: OrderEventSeen | None,
    executions: list[FillRecorded],
    commission: Mapping[OrderRef, Decimal],
) -> OrderLine:
    filled = sum((fill.quantity for fill in executions), Decimal(0))
    value = sum((fill.quantity * fill.price for fill in executions), Decimal(0))
    return OrderLine(
        intent=intent,
        state=event.state if event else None,
        text=event.text if event else "",
        filled=filled,
        average_price=value / filled if filled else None,
        commission=commission.get(intent.order_ref, Decimal(0)),
    )


def _by_order(executions: Iterable[FillRecorded]) -> dict[OrderRef, list[FillRecorded]]:
    grouped: dict[OrderRef, list[FillRecorded]] = {}
    for fill in executions:
        grouped.setdefault(fill.order_ref, []).append(fill)
    return grouped


def _effective(executions: tuple[FillRecorded, ...]) -> tuple[FillRecorded, ...]:
    """Return the executions without those that a later one replaces."""
    replaced = {fill.replaces for fill in executions}
    return tuple(fill for fill in executions if fill.exec_id not in replaced)


def fills(engine: Engine, span: Span = EVERYTHING) -> tuple[FillRecorded, ...]:
    """Return the executions within `span` that stand: one that was corrected within it is left out."""
    return _effective(_records(engine, FillRecorded, within(schema.FILL, span)))


def count_fills(engine: Engine, span: Span = EVERYTHING) -> int:
    """Return how many executions `fills` would return."""
    table = schema.FILL
    replaced = select(table.c.replaces).where(table.c.replaces.is_not(None), *within(table, span))
    query = select(func.count()).select_from(table).where(table.c.exec_id.not_in(replaced), *within(table, span))
    with engine.connect() as connection:
        return connection.scalar(query) or 0


def total_commission(engine: Engine, span: Span = EVERYTHING) -> Decimal:
    """Return the sum of the commissions reported within `span`, exactly; of a corrected execution the last one."""
    return sum(_commission_by_order(engine, within(schema.COMMISSION, span)).values(), Decimal(0))


def _commission_by_order(engine: Engine, wanted: list[ColumnElement[bool]]) -> dict[OrderRef, Decimal]:
    """Add up in Python: SQLite would add decimals as binary fractions."""
    table = schema.COMMISSION
    query = select(table.c.exec_id, table.c.order_ref, table.c.amount).where(and_(true(), *wanted))
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(table.c.seq))
        standing = {execution_stem(exec_id): (order_ref, amount) for exec_id, order_ref, amount in rows}
    totals: dict[OrderRef, Decimal] = {}
    for order_ref, amount in standing.values():
        totals[order_ref] = totals.get(order_ref, Decimal(0)) + amount
    return totals


def equity_series(
    engine: Engine, span: Span = EVERYTHING, *, strategy: StrategyId = WHOLE_ACCOUNT
) -> tuple[EquityMarked, ...]:
    """Return the valuations of a strategy, or of the whole account."""
    return _records(engine, EquityMarked, [schema.EQUITY.c.strategy == strategy, *within(schema.EQUITY, span)])


def equity_ends(
    engine: Engine, span: Span = EVERYTHING, *, strategy: StrategyId = WHOLE_ACCOUNT
) -> tuple[EquityMarked, EquityMarked] | None:
    """Return the first and the last valuation, None without any."""
    table = schema.EQUITY
    wanted = [table.c.strategy == strategy, *within(table, span)]
    with engine.connect() as connection:
        bounds = connection.execute(select(func.min(table.c.seq), func.max(table.c.seq)).where(*wanted)).one()
    found = _records(engine, EquityMarked, [table.c.seq.in_(list(bounds))])
    return (found[0], found[-1]) if found else None


def strategies_valued(engine: Engine, span: Span = EVERYTHING) -> tuple[StrategyId, ...]:
    """Return the strategies with equity rows in `span`, their sum left out."""
    strategy = schema.EQUITY.c.strategy
    wanted = [*within(schema.EQUITY, span), strategy != WHOLE_ACCOUNT]
    with engine.connect() as connection:
        rows = connection.execute(select(strategy).where(*wanted).distinct().order_by(strategy))
        return tuple(StrategyId(name) for (name,) in rows)


def last_equity_before(engine: Engine, span: Span, *, strategy: StrategyId = WHOLE_ACCOUNT) -> EquityMarked | None:
    """Return the last valuation before `span` begins."""
    table = schema.EQUITY
    wanted = [table.c.strategy == strategy]
    wanted.append(table.c.at < span.start if span.start is not None else table.c.seq <= span.after_seq)
    found = _latest(engine, EquityMarked, wanted, [table.c.strategy])
    return found[0] if found else None


def realized_pnl(engine: Engine, span: Span = EVERYTHING, *, strategy: StrategyId = WHOLE_ACCOUNT) -> Decimal:
    """Return what the ledger realised within `span`, before commission: the change from one valuation to another."""
    before = last_equity_before(engine, span, strategy=strategy)
    last = _latest(
        engine,
        EquityMarked,
        [schema.EQUITY.c.strategy == strategy, *within(schema.EQUITY, span)],
        [schema.EQUITY.c.strategy],
    )
    if not last:
        return Decimal(0)
    return last[0].realized_pnl - (before.realized_pnl if before else Decimal(0))


def execution_checks(engine: Engine, span: Span = EVERYTHING) -> tuple[ExecutionChecked, ...]:
    """Return the finished orders' comparisons with their decisions."""
    return _records(engine, ExecutionChecked, within(schema.EXECUTION_CHECK, span))


def alerts(engine: Engine, span: Span = EVERYTHING, *, levels: tuple[str, ...] = ()) -> tuple[AlertRaised, ...]:
    """Return what people were told, of some levels or of all."""
    wanted = within(schema.ALERT, span)
    if levels:
        wanted.append(schema.ALERT.c.level.in_(levels))
    return _records(engine, AlertRaised, wanted)


def positions(engine: Engine, *, before: datetime | None = None) -> tuple[PositionMarked, ...]:
    """Return what each strategy holds by its latest valuation (`before` a moment), without what is flat."""
    table = schema.POSITION
    latest = _latest(engine, PositionMarked, within(table, Span(end=before)), [table.c.strategy, table.c.instrument])
    return tuple(position for position in latest if position.quantity)


def session_days(engine: Engine, span: Span = EVERYTHING) -> tuple[str, ...]:
    """Return the exchange dates (ISO) of the sessions that closed."""
    table = schema.SESSION
    wanted = [table.c.phase == "CLOSED", *within(table, span)]
    with engine.connect() as connection:
        return tuple(connection.scalars(select(table.c.day).where(and_(*wanted)).distinct().order_by(table.c.day)))


def count_orders(engine: Engine, span: Span = EVERYTHING) -> int:
    """Return how many intents were approved and recorded."""
    return _count(engine, schema.INTENT, span)


def within(table: Table, span: Span) -> list[ColumnElement[bool]]:
    """Return the conditions that keep a table's rows to `span`."""
    wanted: list[ColumnElement[bool]] = []
    if span.start is not None:
        wanted.append(table.c.at >= span.start)
    if span.end is not None:
        wanted.append(table.c.at < span.end)
    if span.after_seq:
        wanted.append(table.c.seq > span.after_seq)
    return wanted


def _records(engine: Engine, record_type: type[R], wanted: Iterable[ColumnElement[bool]] = ()) -> tuple[R, ...]:
    """Return the records that fulfil all of `wanted`, in the order of writing."""
    table = schema.METADATA.tables[record_type.TABLE]
    columns = [table.c[name] for name in FIELD_NAMES[record_type]]
    query = select(*columns).where(and_(true(), *wanted)).order_by(table.c.seq)
    with engine.connect() as connection:
        return tuple(record_from_row(record_type, row) for row in connection.execute(query))


def _latest(
    engine: Engine, record_type: type[R], wanted: Iterable[ColumnElement[bool]], by: list[ColumnElement[str]]
) -> tuple[R, ...]:
    """Return of each group the record written last."""
    table = schema.METADATA.tables[record_type.TABLE]
    newest = select(func.max(table.c.seq)).where(and_(true(), *wanted)).group_by(*by)
    return _records(engine, record_type, [table.c.seq.in_(newest)])


def _counts(engine: Engine, table: Table, by: ColumnElement[str], span: Span) -> dict[str, int]:
    query = select(by, func.count()).where(and_(true(), *within(table, span))).group_by(by).order_by(by)
    with engine.connect() as connection:
        return {str(value): count for value, count in connection.execute(query)}


def _count(engine: Engine, table: Table, span: Span) -> int:
    query = select(func.count()).select_from(table).where(and_(true(), *within(table, span)))
    with engine.connect() as connection:
        return connection.scalar(query) or 0
