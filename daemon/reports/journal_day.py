"""Questions about a day that only reports ask, beside those of `journal.queries`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import ColumnElement, Engine, Table, func, select

from daemon.domain.decision import StrategyId
from daemon.domain.fill import execution_stem
from daemon.domain.order import CheckResult
from daemon.domain.records import CommissionRecorded, Record, RunStarted, TradingStateChanged
from daemon.journal import schema
from daemon.journal.queries import Span
from daemon.journal.rows import FIELD_NAMES, record_from_row
from daemon.reports.values import GapLine, Refusal

R = TypeVar("R", bound=Record)


def sessions(engine: Engine) -> dict[str, frozenset[str]]:
    """Return the exchange dates (ISO) that the daemon has seen, oldest first, with the phases it saw."""
    table = schema.SESSION
    phases: dict[str, frozenset[str]] = {}
    with engine.connect() as connection:
        for day, phase in connection.execute(select(table.c.day, table.c.phase).order_by(table.c.day, table.c.seq)):
            phases[day] = phases.get(day, frozenset()) | {phase}
    return phases


def runs(engine: Engine, span: Span) -> tuple[RunStarted, ...]:
    """Return the daemons that had begun by the end of `span`, oldest first."""
    return _records(engine, RunStarted, _within(schema.RUN, Span(end=span.end)))


def strategies(engine: Engine, span: Span) -> tuple[str, ...]:
    """Return the strategies that were valued, decided or traded within `span`, by name."""
    found: set[str] = set()
    with engine.connect() as connection:
        for table in (schema.EQUITY, schema.DECISION, schema.INTENT, schema.FILL):
            query = select(table.c.strategy).where(*_within(table, span)).distinct()
            found.update(connection.scalars(query))
    return tuple(sorted(found - {"*"}))


def decisions(engine: Engine, span: Span) -> Mapping[str, Mapping[str, int]]:
    """Return strategy -> outcome -> decisions, the most frequent outcome first."""
    table = schema.DECISION
    count = func.count()
    query = (
        select(table.c.strategy, table.c.outcome, count)
        .where(*_within(table, span))
        .group_by(table.c.strategy, table.c.outcome)
        .order_by(count.desc(), table.c.outcome)
    )
    counts: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        for strategy, outcome, decided in connection.execute(query):
            counts.setdefault(strategy, {})[outcome] = decided
    return counts


def refusals(engine: Engine, span: Span) -> Mapping[str, tuple[Refusal, ...]]:
    """Return strategy -> what refused its orders, the most frequent control first."""
    check, decision = schema.RISK_CHECK, schema.DECISION
    query = (
        select(decision.c.strategy, check.c.checks)
        .join(decision, decision.c.decision_id == check.c.decision_id)
        .where(check.c.passed.is_(False), *_within(check, span))
        .order_by(check.c.seq)
    )
    examples: dict[tuple[str, str, str], str] = {}
    counts: dict[tuple[str, str, str], int] = {}
    with engine.connect() as connection:
        for strategy, checks in connection.execute(query):
            failed = CheckResult(*checks[-1])
            key = (strategy, failed.control, failed.scope)
            counts[key] = counts.get(key, 0) + 1
            examples.setdefault(key, f"{failed.offered}, allowed {failed.allowed}")
    found: dict[str, tuple[Refusal, ...]] = {}
    for key in sorted(counts, key=lambda key: (-counts[key], key)):
        strategy, control, scope = key
        refusal = Refusal(control=control, scope=scope, count=counts[key], example=examples[key])
        found[strategy] = (*found.get(strategy, ()), refusal)
    return found


def commissions(engine: Engine, span: Span) -> tuple[CommissionRecorded, ...]:
    """Return the commissions reported within `span`, of a corrected execution the last one."""
    found = _records(engine, CommissionRecorded, _within(schema.COMMISSION, span))
    return tuple({execution_stem(commission.exec_id): commission for commission in found}.values())


def commissions_of(engine: Engine, executions: Sequence[str]) -> Mapping[str, Decimal]:
    """Return what each of these executions cost, whenever that was reported."""
    wanted = frozenset(executions)
    found = _records(engine, CommissionRecorded, ()) if wanted else ()
    return {commission.exec_id: commission.amount for commission in found if commission.exec_id in wanted}


def gaps(engine: Engine, span: Span) -> tuple[GapLine, ...]:
    """Return the bars that never came, counted by instrument, timeframe and cause."""
    table = schema.GAP
    by = (table.c.instrument, table.c.timeframe, table.c.cause)
    query = select(*by, func.count()).where(*_within(table, span)).group_by(*by).order_by(*by)
    with engine.connect() as connection:
        return tuple(
            GapLine(instrument=instrument, timeframe=timeframe, cause=cause, count=count)
            for instrument, timeframe, cause, count in connection.execute(query)
        )


def state_changes(engine: Engine, span: Span) -> tuple[TradingStateChanged, ...]:
    """Return what changed about what may be sent."""
    return _records(engine, TradingStateChanged, _within(schema.CONTROL_ACTION, span))


def has_strategy(engine: Engine, strategy: StrategyId) -> bool:
    """Return whether the journal knows this strategy at all."""
    query = select(func.count()).select_from(schema.EQUITY).where(schema.EQUITY.c.strategy == strategy)
    with engine.connect() as connection:
        return bool(connection.scalar(query))


def _within(table: Table, span: Span) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if span.start is not None:
        wanted.append(table.c.at >= span.start)
    if span.end is not None:
        wanted.append(table.c.at < span.end)
    return wanted


def _records(engine: Engine, record_type: type[R], wanted: Sequence[ColumnElement[bool]]) -> tuple[R, ...]:
    table = schema.METADATA.tables[record_type.TABLE]
    columns = [table.c[name] for name in FIELD_NAMES[record_type]]
    query = select(*columns).where(*wanted).order_by(table.c.seq)
    with engine.connect() as connection:
        return tuple(record_from_row(record_type, row) for row in connection.execute(query))
