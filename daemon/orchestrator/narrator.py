"""Tells the day in log lines: one for each durable fact that a person tailing the log wants to read."""

from collections.abc import Callable, Mapping, Sequence

import structlog

from daemon.domain.decision import Outcome
from daemon.domain.order import OrderState
from daemon.domain.records import (
    AlertRaised,
    BarRevisionSeen,
    BarSeen,
    CommissionRecorded,
    DecisionMade,
    EquityMarked,
    ExecutionChecked,
    FillRecorded,
    GapSeen,
    IntentRecorded,
    OrderEventSeen,
    Record,
    RiskChecked,
    TradingStateChanged,
)
from daemon.engine.accounts import ALL

log = structlog.get_logger()

_QUIET = frozenset({Outcome.IN_POSITION, Outcome.COMBINED, Outcome.NONE, Outcome.NO_SIDE})
_ALWAYS_TOLD = frozenset({Outcome.ORDER, Outcome.DRY_RUN})


class Narrator:
    """An observer of the sequencer."""

    def __init__(self) -> None:
        self._tell: Mapping[type, Callable[..., None]] = {
            BarSeen: _bar,
            BarRevisionSeen: _revision,
            GapSeen: _gap,
            DecisionMade: self._decision,
            RiskChecked: self._risk_check,
            IntentRecorded: _intent,
            OrderEventSeen: _order_event,
            FillRecorded: _fill,
            CommissionRecorded: _commission,
            ExecutionChecked: _execution_check,
            EquityMarked: _equity,
            TradingStateChanged: _state,
            AlertRaised: _alert,
        }
        self._told: dict[tuple[str, str], tuple[str, str]] = {}  # strategy, instrument -> side and outcome told last
        self._refusals: dict[str, tuple[str, str]] = {}  # strategy:instrument -> control and scope told last

    def __call__(self, records: Sequence[Record]) -> None:
        """Write the lines of one transaction."""
        for record in records:
            tell = self._tell.get(type(record))
            if tell is not None:
                tell(record)

    def _decision(self, record: DecisionMade) -> None:
        """Tell what led to something, and changes of mind; the rest is for those who want every detail."""
        tell = log.debug
        if record.outcome is not Outcome.COMBINED:
            key, state = (record.strategy, record.instrument), (record.combined.value, record.outcome.value)
            changed = self._told.get(key) != state and (
                record.outcome not in _QUIET or self._told.get(key, ("", ""))[0] != state[0]
            )
            if changed or record.outcome in _ALWAYS_TOLD:
                tell = log.info
            self._told[key] = state
        tell(
            "decision.made",
            strategy=record.strategy,
            instrument=record.instrument,
            timeframe=record.timeframe,
            signal=record.signal.value,
            combined=record.combined.value,
            buy_score=round(record.buy_score, 3),
            sell_score=round(record.sell_score, 3),
            reason=record.reason.value,
            outcome=record.outcome.value,
            note=record.note or None,
        )

    def _risk_check(self, record: RiskChecked) -> None:
        """Tell a refusal once: the same control refusing the same strategy and instrument again is for the details."""
        if record.passed:
            return
        failed = record.checks[-1]
        where, what = record.decision_id.rsplit(":", 2)[0], (failed.control, failed.scope)
        tell = log.debug if self._refusals.get(where) == what else log.warning
        self._refusals[where] = what
        tell(
            "order.refused",
            order_ref=record.order_ref,
            decision=record.decision_id,
            control=failed.control,
            scope=failed.scope,
            offered=failed.offered,
            allowed=failed.allowed,
        )


def _bar(record: BarSeen) -> None:
    log.info(
        "bar.completed",
        instrument=record.instrument,
        timeframe=record.timeframe,
        end=_time(record.end),
        close=record.close,
        volume=record.volume,
        trades=record.trades,
    )


def _revision(record: BarRevisionSeen) -> None:
    log.warning(
        "bar.revised",
        instrument=record.instrument,
        timeframe=record.timeframe,
        end=_time(record.end),
        close=record.close,
    )


def _gap(record: GapSeen) -> None:
    log.warning(
        "bar.missed",
        instrument=record.instrument,
        timeframe=record.timeframe,
        end=_time(record.end),
        cause=record.cause,
    )


def _intent(record: IntentRecorded) -> None:
    log.info(
        "intent.recorded",
        strategy=record.strategy,
        instrument=record.instrument,
        side=record.side.value,
        quantity=str(record.quantity),
        decision_price=str(record.decision_price),
        order_ref=record.order_ref,
    )


def _order_event(record: OrderEventSeen) -> None:
    if record.source == "wire":
        log.info("order.sent", order_ref=record.order_ref)
    elif record.source == "timeout":
        log.warning("order.timed_out", order_ref=record.order_ref, text=record.text)
    elif record.source == "error":
        log.warning(
            "order.error_reported",
            order_ref=record.order_ref,
            code=record.code,
            text=record.text,
            state=record.state.value,
        )
    elif record.state is OrderState.FILLED:
        log.info("order.filled", order_ref=record.order_ref, filled=str(record.filled))
    elif record.state is OrderState.CANCELLED:
        log.info("order.cancelled", order_ref=record.order_ref, filled=str(record.filled), text=record.text)
    elif record.state is OrderState.REJECTED:
        log.warning("order.rejected", order_ref=record.order_ref, text=record.text)
    elif record.state is OrderState.UNKNOWN:
        log.warning("order.lost_sight_of", order_ref=record.order_ref, text=record.text)
    elif record.state is OrderState.SUBMITTED:
        log.debug("order.acknowledged", order_ref=record.order_ref, source=record.source)


def _fill(record: FillRecorded) -> None:
    log.info(
        "fill.received",
        strategy=record.strategy,
        instrument=record.instrument,
        side=record.side.value,
        quantity=str(record.quantity),
        price=str(record.price),
        exec_id=record.exec_id,
        replaces=record.replaces,
        order_ref=record.order_ref,
    )


def _commission(record: CommissionRecorded) -> None:
    log.info(
        "commission.received",
        strategy=record.strategy,
        amount=str(record.amount),
        currency=record.currency,
        exec_id=record.exec_id,
    )


def _execution_check(record: ExecutionChecked) -> None:
    tell = log.warning if record.warning else log.info
    tell(
        "order.measured",
        strategy=record.strategy,
        instrument=record.instrument,
        state=record.state.value,
        decision_bps=_rounded(record.decision_bps),
        arrival_bps=_rounded(record.arrival_bps),
        touch_bps=_rounded(record.touch_bps),
        fill_ms=_rounded(record.sent_to_last_fill_ms),
        host_ms=_rounded(record.host_received_to_sent_ms, 3),
        warning=record.warning or None,
        order_ref=record.order_ref,
    )


def _equity(record: EquityMarked) -> None:
    if record.strategy == ALL:
        log.info(
            "equity.marked",
            equity=f"{record.equity:.2f}",
            day_pnl=f"{record.equity - record.day_start_equity:+.2f}",
            cash=f"{record.cash:.2f}",
            market_value=f"{record.market_value:.2f}",
            commission=f"{record.commission:.2f}",
        )


def _state(record: TradingStateChanged) -> None:
    log.warning("trading.changed", state=record.state, strategy=record.strategy, who=record.who, why=record.why)


def _alert(record: AlertRaised) -> None:
    tell = log.critical if record.level == "CRITICAL" else log.warning
    if record.level == "INFO":
        tell = log.info
    tell("alert.raised", level_raised=record.level, alert=record.name, text=record.text, strategy=record.strategy)


def _time(epoch_s: int) -> str:
    return f"{epoch_s // 3600 % 24:02d}:{epoch_s // 60 % 60:02d}:{epoch_s % 60:02d}Z"


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
