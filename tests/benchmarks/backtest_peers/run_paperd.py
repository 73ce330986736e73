"""paperd: RATE FILES... OUT, through CSV, with its journal."""
# ruff: noqa: ANN001, ANN201, ANN202, E501
# mypy: ignore-errors

import asyncio
import sqlite3
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import bars

from daemon.app import backtest_plan
from daemon.backtest.bars_file_history import BarFileHistory, QuoteRule
from daemon.backtest.bars_file_request import file_form, opened_files
from daemon.backtest.runner import run_backtest
from daemon.cli.settings_options import loaded
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe

RATE = sys.argv[1]
FILES = {InstrumentId(f"S{number}"): Path(path) for number, path in enumerate(sys.argv[2:-1])}
NO_LIMITS = {
    "position_fraction": 1, "position_shares": 100_000_000, "position_value": 1e12, "position_loss": None, "daily_trades": 1_000_000,
    "daily_loss_fraction": 1, "daily_loss_value": 1e12, "emergency_loss": 1e12,
}  # fmt: skip


def prepare():
    strategy = {
        "id": "cross", "type": "sma_cross", "symbols": list(FILES), "timeframes": ["1m"], "capital": bars.CASH,
        "position_fraction": bars.SHARE, "allow_short": False, "parameters": {"fast": bars.FAST, "slow": bars.SLOW}, "limits": NO_LIMITS,
    }  # fmt: skip
    free = {"messages_per_second": 10_000, "messages_per_minute": 100_000, "open_orders": 10_000}
    given = {"strategies": [strategy], "limits.account": {**NO_LIMITS, **free}, "market.commission_rate": RATE}
    settings = loaded(None, given)
    plan = backtest_plan(settings, instance="peers", seed=1, as_live=False)
    journal = Path(tempfile.mkdtemp(prefix="paperd-peers-")) / "journal.db"

    def run():
        files = opened_files(FILES, file_form(bar="1m", timezone=None, stamps="start"))
        history = BarFileHistory(
            files=files, schedule=plan.setup.schedule, timeframes=[Timeframe.parse("1m")], history=plan.setup.history,
            quotes=QuoteRule(spread_bps=0, fill="open"),
        )  # fmt: skip
        asyncio.run(run_backtest(plan, history, journal, lambda session, count: None))
        return journal

    return run


def fills(journal):
    book = sqlite3.connect(journal)
    paid = {key: float(amount) for key, amount in book.execute("SELECT exec_id, amount FROM commission")}
    rows = book.execute(
        "SELECT at, side, quantity, price, exec_id FROM fill WHERE instrument = 'S0' ORDER BY seq"
    ).fetchall()
    return [
        [
            int(datetime.fromisoformat(at).timestamp()) // 60 * 60,
            int(float(quantity)) * (1 if side == "BUY" else -1),
            float(price),
            paid[key],
        ]
        for at, side, quantity, price, key in rows
    ]


bars.say(prepare, fills)
