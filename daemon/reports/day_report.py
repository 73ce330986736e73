"""Collects the report of one day from the journal."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import Engine

from daemon.domain.decision import StrategyId
from daemon.domain.errors import ConfigError
from daemon.domain.records import CommissionRecorded, EquityMarked, PositionMarked, RunStarted
from daemon.domain.timeframe import Timeframe
from daemon.journal import queries
from daemon.journal.queries import WHOLE_ACCOUNT, Span
from daemon.market.sessions import OutOfCalendar, Session, TradingCalendar
from daemon.reports import journal_day
from daemon.reports.errors import DayNotThere, NothingToReport
from daemon.reports.execution_quality import execution_quality
from daemon.reports.values import (
    DayReport,
    EquityPoint,
    FillLine,
    HeldPosition,
    Refusal,
    Result,
    StateChange,
    StrategyDay,
)

_DEFAULT_EXCHANGE: Final = "XNYS"


def last_day(engine: Engine) -> date:
    """Return the last session that the journal tells of.

    Raises:
        NothingToReport: there is none yet.
    """
    days = journal_day.sessions(engine)
    if not days:
        raise NothingToReport(
            "The journal tells of no trading day yet.", "Let the daemon trade first: `paperd run`, then ask again."
        )
    return date.fromisoformat(max(days))


def day_report(engine: Engine, day: date, *, strategy: str | None = None) -> DayReport:
    """Return the report of the exchange's date `day`, of all strategies or of one.

    Raises:
        DayNotThere: no trading day, or the journal tells nothing of it.
        NothingToReport: the journal tells of no day at all.
        ConfigError: the journal knows no such strategy.
    """
    calendar = TradingCalendar(_exchange(queries.runs(engine)))
    session = _session(engine, calendar, day)
    if strategy is not None and not journal_day.has_strategy(engine, StrategyId(strategy)):
        raise ConfigError(f"--strategy: {strategy!r} is not in this journal; leave it out to see all of them")
    return _Collector(engine, calendar, session, strategy).report()


def _exchange(runs: Sequence[RunStarted]) -> str:
    """Return the exchange that the daemon was configured for when it last started."""
    section = runs[-1].config.get("calendar") if runs else None
    exchange = section.get("exchange") if isinstance(section, dict) else None
    return str(exchange) if exchange else _DEFAULT_EXCHANGE


def _session(engine: Engine, calendar: TradingCalendar, day: date) -> Session:
    last = last_day(engine)
    try:
        session = calendar.session_on(day)
    except OutOfCalendar as error:
        raise DayNotThere(f"{day} is no day to report: {error}.", "Name another --date.") from error
    if session is None:
        cause = f"{calendar.name} was closed on {day:%A}, {day}: there is nothing to report."
        raise DayNotThere(cause, f"Name a trading day; the last one in the journal is {last}.")
    if day > last:
        raise DayNotThere(f"{day} has not been traded yet: the journal ends with {last}.", f"Name {last} or earlier.")
    known = journal_day.sessions(engine)
    if day.isoformat() not in known:
        cause = f"The daemon did not trade on {day}: the journal tells nothing of it."
        raise DayNotThere(cause, f"It knows {len(known)} days from {min(known)} to {max(known)}.")
    return session


class _Collector:
    """Asks for everything about one day, from midnight to midnight of the exchange."""

    def __init__(self, engine: Engine, calendar: TradingCalendar, session: Session, only: str | None) -> None:
        self._engine = engine
        self._calendar = calendar
        self._session = session
        self._only = only
        self._span = _whole_day(session.day, calendar)
        self._fills = [fill for fill in queries.fills(engine, self._span) if self._is_wanted(fill.strategy)]
        self._commissions = [
            commission
            for commission in journal_day.commissions(engine, self._span)
            if self._is_wanted(commission.strategy)
        ]
        self._orders = [order for order in queries.orders(engine, self._span) if self._is_wanted(order.intent.strategy)]

    def report(self) -> DayReport:
        engine, span, session = self._engine, self._span, self._session
        runs = journal_day.runs(engine, span)
        last_run = runs[-1] if runs else None
        scope = StrategyId(self._only) if self._only else WHOLE_ACCOUNT
        curve = queries.equity_series(engine, span, strategy=scope)
        checks = [check for check in queries.execution_checks(engine, span) if self._is_wanted(check.strategy)]
        return DayReport(
            day=session.day,
            exchange=self._calendar.name,
            timezone=self._calendar.timezone.key,
            opened=session.open,
            closes=session.close,
            closed="CLOSED" in journal_day.sessions(engine)[session.day.isoformat()],
            only=self._only,
            mode=last_run.mode if last_run else "",
            account=last_run.account if last_run else "",
            version=last_run.version if last_run else "",
            seed=last_run.seed if last_run else None,
            starts=sum(1 for run in runs if span.start is not None and run.at >= span.start),
            currency=_only_currency(self._commissions),
            result=self._result(scope, curve, self._commissions),
            strategies=self._strategies(),
            curve=tuple(EquityPoint(at=mark.at, equity=mark.equity) for mark in curve),
            bars=_by_length(queries.bars_by_timeframe(engine, span)),
            gaps=journal_day.gaps(engine, span),
            quality=execution_quality(checks),
            fills=self._fill_lines(),
            positions=self._positions(),
            changes=self._changes(),
            alerts=tuple(
                alert
                for alert in queries.alerts(engine, span)
                if alert.strategy is None or self._is_wanted(alert.strategy)
            ),
        )

    def _is_wanted(self, strategy: str) -> bool:
        return self._only is None or strategy == self._only

    def _strategies(self) -> tuple[StrategyDay, ...]:
        decisions = journal_day.decisions(self._engine, self._span)
        refusals = journal_day.refusals(self._engine, self._span)
        names = [name for name in journal_day.strategies(self._engine, self._span) if self._is_wanted(name)]
        return tuple(self._strategy(name, decisions.get(name, {}), refusals.get(name, ())) for name in names)

    def _strategy(self, name: str, decisions: Mapping[str, int], refusals: tuple[Refusal, ...]) -> StrategyDay:
        strategy = StrategyId(name)
        fills = [fill for fill in self._fills if fill.strategy == strategy]
        orders = [order for order in self._orders if order.intent.strategy == strategy]
        commissions = [commission for commission in self._commissions if commission.strategy == strategy]
        marks = queries.equity_series(self._engine, self._span, strategy=strategy)
        return StrategyDay(
            strategy=name,
            result=self._result(strategy, marks, commissions),
            orders=len(orders),
            filled_orders=sum(1 for order in orders if order.filled),
            fills=len(fills),
            traded_value=sum((fill.quantity * fill.price for fill in fills), Decimal(0)),
            decisions=decisions,
            refusals=refusals,
        )

    def _result(
        self, strategy: StrategyId, marks: Sequence[EquityMarked], commissions: Iterable[CommissionRecorded]
    ) -> Result:
        start = marks[-1].day_start_equity if marks else None
        end = marks[-1].equity if marks else None
        pnl = end - start if start is not None and end is not None else None
        drawdown, fraction = _drawdown(start, marks)
        return Result(
            start=start,
            end=end,
            pnl=pnl,
            pnl_fraction=float(pnl / start) if pnl is not None and start else None,
            realized=queries.realized_pnl(self._engine, self._span, strategy=strategy),
            commission=sum((commission.amount for commission in commissions), Decimal(0)),
            drawdown=drawdown,
            drawdown_fraction=fraction,
        )

    def _fill_lines(self) -> tuple[FillLine, ...]:
        costs = journal_day.commissions_of(self._engine, [fill.exec_id for fill in self._fills])
        return tuple(
            FillLine(
                at=fill.at,
                strategy=fill.strategy,
                instrument=fill.instrument,
                side=fill.side.value,
                quantity=fill.quantity,
                price=fill.price,
                commission=costs.get(fill.exec_id),
            )
            for fill in sorted(self._fills, key=lambda fill: fill.at)
        )

    def _positions(self) -> tuple[HeldPosition, ...]:
        held = queries.positions(self._engine, before=self._span.end)
        wanted = [_held(position) for position in held if self._is_wanted(position.strategy)]
        return tuple(sorted(wanted, key=lambda position: (position.strategy, position.instrument)))

    def _changes(self) -> tuple[StateChange, ...]:
        return tuple(
            StateChange(at=change.at, state=change.state, strategy=change.strategy, who=change.who, why=change.why)
            for change in journal_day.state_changes(self._engine, self._span)
            if change.strategy is None or self._is_wanted(change.strategy)
        )


def _whole_day(day: date, calendar: TradingCalendar) -> Span:
    midnight = datetime.combine(day, time(), calendar.timezone)
    next_midnight = datetime.combine(day + timedelta(days=1), time(), calendar.timezone)
    return Span(start=midnight.astimezone(UTC), end=next_midnight.astimezone(UTC))


def _held(position: PositionMarked) -> HeldPosition:
    return HeldPosition(
        strategy=position.strategy,
        instrument=position.instrument,
        quantity=position.quantity,
        average_cost=position.total_cost / position.quantity,
        price=position.price,
        value=position.quantity * position.price,
        unrealized=position.unrealized_pnl,
    )


def _drawdown(start: Decimal | None, marks: Sequence[EquityMarked]) -> tuple[Decimal | None, float | None]:
    """Return the deepest fall from the peak so far, and as a fraction of it; the day's start is the first peak."""
    if start is None:
        return None, None
    peak, deepest, fraction = start, Decimal(0), 0.0
    for mark in marks:
        peak = max(peak, mark.equity)
        deepest = max(deepest, peak - mark.equity)
        if peak > 0:
            fraction = max(fraction, float((peak - mark.equity) / peak))
    return deepest, fraction


def _only_currency(commissions: Iterable[CommissionRecorded]) -> str | None:
    named = {commission.currency for commission in commissions}
    return named.pop() if len(named) == 1 else None


def _by_length(bars: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(bars.items(), key=lambda item: Timeframe.parse(item[0])))
