"""What a person can see and do: the `Control` port over the running orchestrator."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from daemon.domain.adjustment import AdjustmentState
from daemon.domain.decision import StrategyId
from daemon.domain.errors import ConfigError
from daemon.domain.events import TradingStateSet
from daemon.domain.order import OrderRef
from daemon.domain.records import AdjustmentRecorded
from daemon.domain.trading_state import TradingState
from daemon.orchestrator.orchestrator import Orchestrator
from daemon.orchestrator.plan import Parts
from daemon.ports import Told


class DaemonControl:
    """Implements `ports.Control`."""

    def __init__(self, parts: Parts, orchestrator: Callable[[], Orchestrator]) -> None:
        self._parts = parts
        self._orchestrator = orchestrator

    def status(self) -> Mapping[str, object]:
        """Return the state of the daemon as JSON values."""
        parts, orchestrator = self._parts, self._orchestrator()
        now = parts.clock.now()
        prices = parts.engine.marks.prices()
        slots = parts.engine.accounts.slots
        equity = sum((slot.ledger.equity(prices) for slot in slots), Decimal(0))
        day_start = sum((slot.day_start_equity for slot in slots), Decimal(0))
        session = parts.schedule.calendar.session_at(now)
        return {
            "mode": parts.mode,
            "trading": parts.engine.state.value,
            "stopping": orchestrator.is_stopping,
            "dry_run": parts.engine.setup.dry_run,
            "market_time": now.isoformat(),
            "market_open": session is not None,
            "connection": {**parts.connection_state(), "state": orchestrator.link.state.value},
            "equity": f"{equity:.2f}",
            "day_pnl": f"{equity - day_start:.2f}",
            "strategies": [
                {
                    "id": slot.id,
                    "state": slot.state.value,
                    "failure": slot.failure or None,
                    "equity": f"{slot.ledger.equity(prices):.2f}",
                    "orders_today": slot.orders_today,
                    "positions": {
                        instrument: str(position.quantity)
                        for instrument, position in slot.ledger.positions.items()
                        if position.quantity
                    },
                }
                for slot in slots
            ],
            "disputes": dict(parts.engine.disputes),
            "health": dict(orchestrator.health.figures()),
        }

    async def pause(self, who: str, strategy: str | None = None) -> Mapping[str, object]:
        """Stop opening positions; exits go on."""
        return await self._set(TradingState.PAUSED, who, strategy)

    async def resume(self, who: str, strategy: str | None = None) -> Mapping[str, object]:
        """Allow opening positions again."""
        return await self._set(TradingState.RUNNING, who, strategy)

    def stop(self, who: str) -> Mapping[str, object]:
        """Begin the orderly shutdown."""
        self._orchestrator().request_stop()
        return {"stopping": True, "who": who}

    def adjustments(self) -> Mapping[str, object]:
        """Return the adjustments that wait for a person, oldest first."""
        return {"adjustments": [_adjustment(each) for each in self._orchestrator().reconciler.proposed]}

    async def confirm(self, who: str, adjustment_id: str, price: Decimal, order: str | None) -> Mapping[str, object]:
        """Book an adjustment at `price` per unit."""
        ref = OrderRef(order) if order is not None else None
        await self._orchestrator().reconciler.settle(adjustment_id, price=price, order_ref=ref, who=who)
        return {"id": adjustment_id, "state": AdjustmentState.CONFIRMED.value, "price": str(price)}

    async def reject(self, who: str, adjustment_id: str) -> Mapping[str, object]:
        """Count an adjustment as somebody else's."""
        await self._orchestrator().reconciler.settle(adjustment_id, price=None, order_ref=None, who=who)
        return {"id": adjustment_id, "state": AdjustmentState.REJECTED.value}

    async def _set(self, state: TradingState, who: str, strategy: str | None) -> Mapping[str, object]:
        known = [slot.id for slot in self._parts.engine.accounts.slots]
        if strategy is not None and strategy not in known:
            raise ConfigError(f"strategy: {strategy!r} is not running; use one of {', '.join(known)}")
        named = StrategyId(strategy) if strategy is not None else None
        orchestrator = self._orchestrator()
        is_waiting = not orchestrator.link.synchronisations  # market time is not known yet
        if is_waiting:
            self._parts.inbox.post(self._word(state, named, who))
        else:
            await orchestrator.sequencer.take_over(self._taken(state, named, who))
        return {"state": state.value, "strategy": strategy, "waiting": is_waiting}

    def _taken(self, state: TradingState, strategy: StrategyId | None, who: str) -> Iterator[Told]:
        """Yield a person's word when its turn has come, with the time of that."""
        yield Told((self._word(state, strategy, who),))

    def _word(self, state: TradingState, strategy: StrategyId | None, who: str) -> TradingStateSet:
        now = self._parts.clock.now()
        return TradingStateSet(at=now, state=state, strategy=strategy, who=who, why="asked by a person")


def _adjustment(proposal: AdjustmentRecorded) -> Mapping[str, object]:
    return {
        "id": proposal.adjustment_id,
        "proposed_at": proposal.at.isoformat(),
        "instrument": proposal.instrument,
        "quantity": str(proposal.quantity),
        "order": proposal.order_ref,
        "strategy": proposal.strategy,
        "why": proposal.why,
    }
