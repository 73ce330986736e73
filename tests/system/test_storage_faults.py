"""The whole daemon when its storage fails: it sends nothing more, says why, ends with 74, and goes on once cured."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.books import Books
from tests.system.programs import Program, eventually, gateway, paperd, running
from tests.system.test_gateway_apart import SMALL, until_fills

MARKET = ("--speed", 1000, "--seed", 7)


def said_at_the_end(state: Path) -> list[dict[str, Any]]:
    """Return the lines of the last words."""
    return [json.loads(line) for line in (state / "last-words.jsonl").read_text().splitlines()]


def check_halted(program: Program, code: int) -> None:
    """Check that it ended for its journal's sake, and said so once."""
    assert code == 74, (program.err.read_text() + program.out.read_text())[-3000:]
    (failed,) = program.said("journal.failed")
    assert failed["level"] == "critical"
    assert failed["unkept"] >= 1


def check_recovers(folder: Path, env: dict[str, str], state: Path, books: Books) -> None:
    """Check that a restart trades on, and that it and the gateway tell of the same orders and executions."""
    before = books.count("fill")
    with running("run", *SMALL, "--state", state, folder=folder, env=env) as program:
        until_fills(program, books, before + 2)
        assert program.end() == 0
    assert [fill["exec_id"] for fill in books.rows("fill")] == [row.exec_id for row in books.executions()]
    assert books.positions() == books.gateway_positions()
    assert paperd("db", "verify", "--state", state, cwd=folder, env=env).code == 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Keep a disk of some size mounted at `folder`."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_halts_the_daemon_and_room_cures_it(tmp_path: Path) -> None:
    ledger = tmp_path / "gateway.db"
    with (
        small_disk(tmp_path / "state", "1m") as state,
        gateway(*MARKET, "--state-file", ledger, folder=tmp_path / "gateway") as (_, port),
    ):
        env = {"PAPERD_IB__PORT": str(port)}
        books = Books(state, ledger=ledger)
        with running("run", *SMALL, "--state", state, folder=tmp_path / "logs", env=env) as program:
            until_fills(program, books, 2)
            filler = state / "filler"
            with filler.open("wb") as file:
                _fill(file.fileno())
            check_halted(program, program.ended())
        sent = {row.order_ref for row in books.executions()}
        assert sent <= {row["order_ref"] for row in books.rows("intent")}
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", str(state)], check=True)
        check_recovers(tmp_path / "logs", env, state, books)


def _fill(descriptor: int) -> None:
    """Write until nothing more fits."""
    block = b"x" * 4096
    while True:
        try:
            os.write(descriptor, block)
        except OSError:
            return


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_a_sync_that_fails_halts_the_daemon(tmp_path: Path) -> None:
    state, ledger, trace = tmp_path / "state", tmp_path / "gateway.db", tmp_path / "trace"
    inject = "inject=fsync,fdatasync:error=EIO:when=60"
    wrapper = ("strace", "-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-e", inject, "-o", str(trace))
    with gateway(*MARKET, "--state-file", ledger, folder=tmp_path / "gateway") as (_, port):
        env = {"PAPERD_IB__PORT": str(port)}
        books = Books(state, ledger=ledger)
        with running("run", *SMALL, "--state", state, folder=tmp_path / "logs", env=env, wrapper=wrapper) as program:
            check_halted(program, program.ended())
        words = said_at_the_end(state)
        assert "disk I/O error" in words[0]["failure"]
        assert words[0]["unkept"] == len(words) - 1
        sent = {row.order_ref for row in books.executions()}
        assert sent <= {row["order_ref"] for row in books.rows("intent")}
        check_recovers(tmp_path / "logs", env, state, books)


@pytest.mark.parametrize("way", [signal.SIGSTOP, signal.SIGKILL])
def test_a_server_that_dies_or_falls_silent_halts_the_daemon(tmp_path: Path, postgres_url: str, way: int) -> None:
    psycopg = pytest.importorskip("psycopg")
    state, ledger = tmp_path / "state", tmp_path / "gateway.db"
    with gateway(*MARKET, "--state-file", ledger, folder=tmp_path / "gateway") as (_, port):
        env = {"PAPERD_IB__PORT": str(port), "PAPERD_JOURNAL__URL": postgres_url}
        with running("run", *SMALL, "--state", state, folder=tmp_path / "logs", env=env) as program:

            def ask(query: str) -> list[tuple[Any, ...]]:
                with psycopg.connect(postgres_url) as connection:
                    return list(connection.execute(query).fetchall())

            program.wait_for("fill.received", 2)
            ((backend,),) = ask("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")
            began = time.monotonic()
            os.kill(backend, way)
            try:
                eventually(lambda: program.said("journal.failed"), "the daemon to notice")
                noticed = time.monotonic() - began
                check_halted(program, program.ended())
            finally:
                if way == signal.SIGSTOP:
                    os.kill(backend, signal.SIGCONT)
        assert noticed < 30  # the figure is 4 s and what a busy machine adds
        assert said_at_the_end(state)[0]["unkept"] >= 1

        def recovered() -> bool:
            try:
                return bool(ask("SELECT 1"))
            except psycopg.OperationalError:
                return False

        eventually(recovered, "the server to recover")
        with running("run", *SMALL, "--state", state, folder=tmp_path / "logs", env=env) as program:
            program.wait_for("fill.received", 2)
            assert program.end() == 0
        executed = [row.exec_id for row in Books(state, ledger=ledger).executions()]
        assert [exec_id for (exec_id,) in ask("SELECT exec_id FROM fill ORDER BY seq")] == executed
        assert paperd("db", "verify", "--state", state, cwd=tmp_path, env=env).code == 0


def test_a_full_log_disk_stops_no_trading_and_is_counted(tmp_path: Path) -> None:
    state, ledger = tmp_path / "state", tmp_path / "gateway.db"
    with (
        small_disk(tmp_path / "logdisk", "64k") as logs,
        gateway(*MARKET, "--state-file", ledger, folder=tmp_path / "gateway") as (_, port),
    ):
        env = {"PAPERD_IB__PORT": str(port), "PAPERD_LOGS__PAPER_LOG_FILE": str(logs / "paper.log")}
        books = Books(state, ledger=ledger)
        with running("run", *SMALL, "--state", state, folder=tmp_path / "logs", env=env) as program:
            until_fills(program, books, 2)
            with (logs / "filler").open("wb") as file:
                _fill(file.fileno())
            until_fills(program, books, 8)

            def dropped() -> int:
                told = paperd("status", "--state", state, "--json", cwd=tmp_path, env=env)
                return int(_found(told.json(), "logs_dropped") or 0)

            eventually(dropped, "lines that were dropped")
            assert program.end() == 0
        assert books.positions() == books.gateway_positions()


def _found(value: Any, name: str) -> Any:
    """Return the first value of that name, however deep."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        return next((found for each in value.values() if (found := _found(each, name)) is not None), None)
    return None
