"""The paper book outlives both programs: daemon and embedded gateway are killed in the same moment."""

import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from daemon.gateway.ledger import ExecutionRow, OrderRow
from tests.reliability.stage import eventually
from tests.reliability.world import WorldPlan
from tests.system.books import Books
from tests.system.programs import PATIENCE_S, Program, running
from tests.system.test_restart import agree

CASH = Decimal(2_000_000)
MARKET = {"source": "synthetic", "seed": 7, "speed": 30, "initial_cash": int(CASH)}
ATTEMPTS = 20  # to catch a moment with an order at rest


def resting(books: Books) -> list[OrderRow]:
    """Return the orders that the gateway still works."""
    return [row for row in books.gateway_orders() if row.completed_us is None]


def cash_after(executions: list[ExecutionRow]) -> Decimal:
    """Return what executions leave of the cash."""
    flows = (row.quantity * row.price * (-1 if row.side == "BUY" else 1) - row.commission for row in executions)
    return CASH + sum(flows, Decimal(0))


def gateway_of(program: Program) -> int:
    """Return the process id of the embedded gateway."""

    def look() -> int | None:
        children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
        return next((int(child) for child in children if b"gateway" in command_of(int(child))), None)

    return int(eventually(look, "the embedded gateway"))


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def kill_both(program: Program) -> None:
    gateway = gateway_of(program)
    os.kill(gateway, signal.SIGKILL)
    program.process.kill()
    program.process.wait()
    eventually(lambda: not command_of(gateway), "the gateway to be gone")


@pytest.mark.slow
def test_book_outlives_a_kill_of_daemon_and_gateway(tmp_path: Path) -> None:
    state, config = tmp_path / "state", tmp_path / "paperd.yaml"
    WorldPlan.made(3).write_config(config, 4002)
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "mode": "paper", "market": MARKET}))
    books = Books(state)
    arguments = ("run", "-c", config, "--state", state)
    for _ in range(ATTEMPTS):
        with running(*arguments, folder=tmp_path / "logs") as program:
            program.wait_for("startup.completed")
            eventually(lambda: resting(books) and books.gateway_positions(), "an order at rest, and a position")
            kill_both(program)
        if resting(books) and books.gateway_positions():
            break
    left, executions, held, cash = resting(books), books.executions(), books.gateway_positions(), books.gateway_cash()
    assert left, f"no order was at rest at any of {ATTEMPTS} kills"
    assert held
    assert cash == cash_after(executions)

    with running(*arguments, folder=tmp_path / "logs") as program:
        (found,) = program.wait_for("reconciliation.completed")
        assert found["differences"] == 0
        assert found["open_orders"] <= len(left)  # one that was on its way may fill before the broker is asked
        program.wait_for("startup.completed")
        eventually(lambda: len(books.executions()) > len(executions), "trading to go on")
        assert program.end(within_s=PATIENCE_S) == 0
    assert books.executions()[: len(executions)] == executions
    assert books.gateway_cash() == cash_after(books.executions())
    known = {row.perm_id: row for row in books.gateway_orders()}
    assert all(known[row.perm_id].quantity == row.quantity for row in left)
    agree(books)
