"""The gateway as a process: announced, stopped by signals and by the end of its input, and resumed after a kill."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from ib_insync import LimitOrder, MarketOrder

from daemon.gateway.ledger import ExecutionRow, Ledger
from tests.fakes.gateway_stage import PATIENCE_S, SECOND, client, stock

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from datetime import date
from pathlib import Path
from daemon.gateway.options import GatewayOptions
from daemon.gateway.process import main
from tests.fakes.tiny_market import TinyMarket
options = GatewayOptions(start=date(2024, 3, 5), state_path=Path(sys.argv[1]))
main(options, TinyMarket(), lambda event, facts: None, stop_on_stdin_eof=True)
"""


async def launch(path: Path) -> tuple[asyncio.subprocess.Process, int]:
    """Start a gateway and return it with its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(path),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = json.loads(await asyncio.wait_for(process.stdout.readline(), 3 * PATIENCE_S))
    assert line["event"] == "gateway.listening"
    assert line["host"] == "127.0.0.1"
    return process, line["port"]


async def ended(process: asyncio.subprocess.Process) -> int:
    """Return the exit code."""
    if process.stdin is not None:
        process.stdin.close()
    return await asyncio.wait_for(process.wait(), PATIENCE_S)


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "end of input"])
async def test_it_ends_cleanly(tmp_path: Path, how: str) -> None:
    process, port = await launch(tmp_path / "gateway.db")
    async with client(port) as ib:
        await ib.advance(7)
        reached = ib.now_us
    if how != "end of input":
        process.send_signal(getattr(signal, how))
    assert await ended(process) == 0
    books = Ledger.open_readonly(tmp_path / "gateway.db")
    assert books.number("market_us") == reached
    books.close()


async def test_a_killed_gateway_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    process, port = await launch(path)
    async with client(port) as ib:
        ib.placeOrder(stock(), MarketOrder("BUY", 100, orderRef="a"))
        ib.placeOrder(stock(), LimitOrder("BUY", 7, 1.0, tif="GTC", orderRef="b"))
        await ib.advance(125)
        fills = {fill.execution.execId for fill in ib.fills()}
        value = next(v.value for v in ib.accountValues() if v.tag == "TotalCashValue")
        killed_us = ib.now_us
        process.kill()
        await ended(process)
    books = Ledger.open_readonly(path)
    assert {row.exec_id for row in books.executions()} == fills
    assert f"{books.cash():.2f}" == value
    books.close()
    process, port = await launch(path)
    async with client(port) as ib:
        assert killed_us - 60 * SECOND <= ib.now_us <= killed_us
        assert ib.now_us > max(row.at_us for row in rows_of(path))
        assert {fill.execution.execId for fill in ib.fills()} == fills
        assert [trade.order.orderRef for trade in ib.openTrades()] == ["b"]
        assert ib.positions()[0].position == 100
        ib.placeOrder(stock(), MarketOrder("SELL", 100, orderRef="c"))
        await ib.advance(5)
        assert ib.positions() == [] or ib.positions()[0].position == 0
        assert len({row.exec_id for row in rows_of(path)}) == len(rows_of(path)) > len(fills)
    process.terminate()
    assert await ended(process) == 0


def rows_of(path: Path) -> list[ExecutionRow]:
    books = Ledger.open_readonly(path)
    rows = books.executions()
    books.close()
    return rows
