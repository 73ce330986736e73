"""A `Control` that keeps what it was asked."""

from collections.abc import Mapping
from decimal import Decimal

from daemon.domain.errors import ConfigError

WAITING: Mapping[str, object] = {
    "id": "adj-0123456789ab",
    "proposed_at": "2026-03-03T14:30:00+00:00",
    "instrument": "SPY",
    "quantity": "-100",
    "order": "pd-s1-01",
    "strategy": "trend",
    "why": "the broker holds it, and what became of the order is not known (UNKNOWN)",
}


class RecordingControl:
    """Implements `daemon.ports.Control` for one strategy called "trend"."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []

    def status(self) -> Mapping[str, object]:
        return {
            "mode": "paper",
            "trading": "RUNNING",
            "stopping": False,
            "dry_run": False,
            "market_time": "2026-03-02T15:30:05+00:00",
            "market_open": True,
            "connection": {"connected": True, "account": "DU1000001"},
            "equity": "100123.45",
            "day_pnl": "-23.40",
            "strategies": [
                {
                    "id": "trend",
                    "state": "RUNNING",
                    "failure": None,
                    "equity": "50123.45",
                    "orders_today": 3,
                    "positions": {"SPY": "100", "IWM": "-20"},
                }
            ],
            "health": {"inbox": 0, "loop_lag_ms": 1.5},
        }

    async def pause(self, who: str, strategy: str | None = None) -> Mapping[str, object]:
        return self._switched("pause", who, strategy)

    async def resume(self, who: str, strategy: str | None = None) -> Mapping[str, object]:
        return self._switched("resume", who, strategy)

    def stop(self, who: str) -> Mapping[str, object]:
        self.asked.append(("stop", who, None))
        return {"stopping": True, "who": who}

    def adjustments(self) -> Mapping[str, object]:
        return {"adjustments": [dict(WAITING)]}

    async def confirm(self, who: str, adjustment_id: str, price: Decimal, order: str | None) -> Mapping[str, object]:
        self._known(adjustment_id)
        self.asked.append((f"confirm {adjustment_id} at {price} for {order}", who, None))
        return {"id": adjustment_id, "state": "CONFIRMED", "price": str(price)}

    async def reject(self, who: str, adjustment_id: str) -> Mapping[str, object]:
        self._known(adjustment_id)
        self.asked.append((f"reject {adjustment_id}", who, None))
        return {"id": adjustment_id, "state": "REJECTED"}

    def _known(self, adjustment_id: str) -> None:
        if adjustment_id != WAITING["id"]:
            raise ConfigError(f"id: no adjustment {adjustment_id!r} waits; `paperd adjustments` lists those that do")

    def _switched(self, what: str, who: str, strategy: str | None) -> Mapping[str, object]:
        if strategy not in (None, "trend"):
            raise ConfigError(f"strategy: {strategy!r} is not running; use one of trend")
        self.asked.append((what, who, strategy))
        return {"state": "PAUSED" if what == "pause" else "RUNNING", "strategy": strategy, "waiting": False}
