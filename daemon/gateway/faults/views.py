"""The catalogue of faults and the gateway's books as plain values, for JSON and for tests."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from daemon.gateway.broker import Broker
from daemon.gateway.faults.catalogue import FAULTS


def catalogue_view() -> list[dict[str, Any]]:
    """Return every fault there is: name, what it does, the clock of `for`, JSON schema of its parameters."""
    return [
        {
            "name": name,
            "description": " ".join((kind.__doc__ or "").split()),
            "clock": kind.clock,
            "schema": kind.model_json_schema(),
        }
        for name, kind in FAULTS.items()
    ]


def ledger_view(broker: Broker, now_us: int) -> dict[str, Any]:
    """Return orders, executions, positions and cash as they really are, at the market time `now_us`."""
    return {
        "market_us": now_us,
        "account": broker.account.name,
        "cash": str(broker.account.cash),
        "orders": [_plain(order) for order in broker.orders.values()],
        "executions": [_plain(execution) for execution in broker.executions],
        "positions": [_plain(position) for position in broker.account.positions.values()],
    }


def _plain(value: Any) -> dict[str, Any]:
    """Return a row with decimals as texts, as the ledger keeps them."""
    return {
        name: str(item) if isinstance(item, Decimal) else item
        for name, item in asdict(value).items()
        if item is None or isinstance(item, Decimal | str | int | float | bool)
    }
