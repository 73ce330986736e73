"""What the daemon of a drill is configured with: quick back-off, wide limits, a strategy that trades on each bar."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from daemon.simulation.setting import ACCOUNT, ACCOUNT_LIMITS, CLIENT_ID, SYMBOLS, restless_strategy

INSTANCE: Final = "drill"
SPEED: Final = 30  # market seconds per host second: a bar of 30 s each second


def drill_settings(port: int, changes: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings of a daemon that trades at `port`, with `changes` over them, section by section."""
    settings: dict[str, Any] = {
        "mode": "ibkr_paper",
        "instance": INSTANCE,
        "ib": {
            "host": "127.0.0.1",
            "port": port,
            "client_id": CLIENT_ID,
            "account": ACCOUNT,
            "backoff_s": [0.2, 0.5, 1, 2],
            "request_timeout_s": 3,
            "connect_timeout_s": 3,
            "heartbeat_s": 1,
        },
        "calendar": {"history_bars": 20},
        "strategies": [restless_strategy("restless", SYMBOLS, {"seed": 1})],
        "limits": {"account": dict(ACCOUNT_LIMITS)},
        "logs": {"format": "json", "level": "debug", "paper_log": False},
    }
    return _merged(settings, changes)


def trading(symbols: tuple[str, ...]) -> dict[str, object]:
    """Return the settings that change what is traded."""
    return {"strategies": [restless_strategy("restless", symbols, {"seed": 1})]}


def gateway_arguments(port: int, control_port: int, ledger: Path, more: tuple[str, ...]) -> list[str]:
    """Return the command line of the gateway; what comes later wins."""
    return [
        "gateway", "--port", str(port), "--control", str(control_port), "--state-file", str(ledger),
        "--symbols", ",".join(SYMBOLS), "--speed", str(SPEED), "--seed", "3", "--cash", "2000000",
        "--account", ACCOUNT, "--stop-with-parent", *more,
    ]  # fmt: skip


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
