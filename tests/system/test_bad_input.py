"""What a person may get wrong: each is refused with an exit code, a cause and a cure."""

import asyncio
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.scripted_gateway import ScriptedGateway
from tests.system.books import Books
from tests.system.programs import (
    DRY_RUN,
    PAPERD,
    PATIENCE_S,
    Plays,
    environment,
    eventually,
    free_port,
    paperd,
    running,
)

PLACE_ORDER = 3


def test_all_faults_of_a_configuration_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("mode: paper\nib: {prot: 4002}\nmarket: {seed: many, commission_rate: -3}\n")
    done = paperd("run", "-c", file, "--state", tmp_path / "state", "--json", cwd=tmp_path)
    assert done.code == 78
    key, kind, value = done.json()["faults"]
    assert "ib.prot" in key
    assert "did you mean port" in key
    assert "line 2" in key
    assert "market.seed" in kind
    assert "'many'" in kind
    assert "whole number" in kind
    assert "market.commission_rate" in value
    assert "-3" in value
    assert "≥ 0" in value
    assert done.err.count("error: ") == 3
    assert not (tmp_path / "state" / "journal.db").exists()


@pytest.mark.parametrize("port", [4001, 7496])
def test_live_port_is_refused_before_connecting(tmp_path: Path, port: int) -> None:
    env = {"PAPERD_IB__PORT": str(port)}
    done = paperd("run", "--mode", "ibkr_paper", "--state", tmp_path / "state", cwd=tmp_path, env=env)
    assert done.code == 77
    assert f"ib.port: {port} is the live port" in done.err
    assert "4002" in done.err
    assert "7497" in done.err


async def test_live_account_is_refused_before_the_first_order(tmp_path: Path) -> None:
    async with ScriptedGateway(accounts="U1234567") as live:
        process = await asyncio.create_subprocess_exec(
            PAPERD, "run", "--mode", "ibkr_paper", "--state", str(tmp_path / "state"), cwd=tmp_path,
            env=environment({"PAPERD_IB__PORT": str(live.port)}), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 77
        assert b"U1234567" in said
        assert b"paper" in said
        assert live.sessions
        assert [message for session in live.sessions for message in session.messages(PLACE_ORDER)] == []


def test_unknown_symbols_are_refused_together(tmp_path: Path) -> None:
    arguments = ("--symbol", "NOPE", "--symbol", "SPY", "--symbol", "NADA", "--speed", "max", "--days", 1)
    done = paperd("run", *arguments, "--state", tmp_path / "state", cwd=tmp_path)
    assert done.code == 78
    assert "symbol NOPE" in done.err
    assert "symbol NADA" in done.err
    assert "SPY" not in done.err


def test_start_before_what_was_traded_is_refused(tmp_path: Path, plays: Plays) -> None:
    traded = plays("dry-run", *DRY_RUN)
    traded.summary()
    state = tmp_path / "state"
    shutil.copytree(traded.state, state)
    done = paperd("run", "--start", "2025-11-26", "--state", state, "--days", 1, "--speed", "max", cwd=tmp_path)
    assert done.code == 78
    assert "market.start: 2025-11-26 lies before 2025-11-28" in done.err
    assert "--state" in done.err


def test_start_on_a_day_without_trading_is_refused(tmp_path: Path) -> None:
    done = paperd("run", "--start", "2026-07-04", "--state", tmp_path / "state", cwd=tmp_path, within_s=PATIENCE_S)
    assert done.code == 78
    assert "market.start" in done.err
    assert "2026-07-04" in done.err


def test_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = paperd("gateway", "--port", port, cwd=tmp_path, within_s=PATIENCE_S)
    assert done.code == 78
    assert f"127.0.0.1:{port} cannot be used" in done.err
    assert "choose another port" in done.err
    assert "Traceback" not in done.err


def test_gateway_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "state"
    arguments = ("run", "--mode", "ibkr_paper", "--strategy", "pulse", "--symbol", "SPY", "--state", state)
    env = {"PAPERD_IB__PORT": str(port)}
    with running(*arguments, folder=tmp_path / "logs", env=env) as program:
        eventually((state / "paperd.sock").exists, "the control socket")
        eventually(lambda: connection_of(state, tmp_path)["attempts"] >= 2, "a second attempt")
        connection = connection_of(state, tmp_path)
        assert connection["up"] is False
        assert connection["port"] == port
        assert connection["last_error"]
        assert str(port) in paperd("status", "--state", state, cwd=tmp_path).out
        asked = time.monotonic()
        assert program.end() == 0
        assert time.monotonic() - asked < 10
        faults = [line for line in program.out.read_text().splitlines() if "connection" in line and "warning" in line]
        assert faults
        assert len(faults) <= 2  # told once, not at every attempt
    with running(*arguments, folder=tmp_path / "logs", env=env) as program:
        eventually((state / "paperd.sock").exists, "the control socket")
        with running("gateway", "--port", port, "--speed", "max", folder=tmp_path / "gateway"):
            program.wait_for("connection.opened")
            eventually(lambda: Books(state).rows("bar"), "bars once the gateway is there")
            assert program.end() == 0


def connection_of(state: Path, cwd: Path) -> dict[str, Any]:
    done = paperd("status", "--json", "--state", state, cwd=cwd)
    assert done.code == 0, done.err
    found = done.json()["connection"]
    assert isinstance(found, dict)
    return found


def test_truncated_file_is_named(tmp_path: Path, shared_data: Path) -> None:
    folder = tmp_path / "data" / "equity-second"
    folder.mkdir(parents=True)
    whole = (shared_data / "equity-second" / "SPY.trade.lean.parquet").read_bytes()
    (folder / "SPY.trade.lean.parquet").write_bytes(whole[: len(whole) // 2])
    done = paperd("run", "--data", tmp_path / "data", "--state", tmp_path / "state", cwd=tmp_path, within_s=PATIENCE_S)
    assert done.code == 78
    assert str(folder / "SPY.trade.lean.parquet") in done.err
    assert "Traceback" not in done.err


def test_impossible_row_is_named(tmp_path: Path, shared_data: Path) -> None:
    import pandas as pd

    folder = tmp_path / "data" / "equity-second"
    folder.mkdir(parents=True)
    rows = pd.read_parquet(shared_data / "equity-second" / "IBM.trade.lean.parquet").head(400)
    rows.loc[rows.index[123], "low"] = -1.0
    rows.to_parquet(folder / "IBM.trade.lean.parquet")
    done = paperd("run", "--data", tmp_path / "data", "--state", tmp_path / "state", cwd=tmp_path, within_s=PATIENCE_S)
    assert done.code == 78
    assert "IBM.trade.lean.parquet" in done.err
    assert "row 123" in done.err


def test_folder_without_data_is_refused(tmp_path: Path) -> None:
    done = paperd("run", "--data", tmp_path, "--state", tmp_path / "state", cwd=tmp_path, within_s=PATIENCE_S)
    assert done.code == 78
    assert "holds no recorded trades" in done.err
