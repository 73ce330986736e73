"""The gateway in one terminal, the daemon in another; and what reaches the disk before the wire."""

import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.books import Books
from tests.system.programs import Program, eventually, gateway, paperd, running

SMALL = ("--mode", "ibkr_paper", "--symbol", "SPY", "--symbol", "QQQ", "--timeframes", "1m")
SYNCS, SENDS = {"fsync", "fdatasync"}, {"write", "writev", "sendto"}
PLACE_ORDER = r"\x33\x00"  # the first field of the frame
FRAME_OF_AN_ORDER = re.compile(
    r'"\\x00\\x00(?:\\x[0-9a-f]{2}){2}\\x33\\x00'
)  # behind its length; no message to PostgreSQL
COMMITTED = "".join(f"\\x{byte:02x}" for byte in b"C\0\0\0\x0bCOMMIT\0")  # the server's answer
CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<fd>\d+)(?P<rest>.*)$")


def until_fills(program: Program, books: Books, count: int) -> None:
    def look() -> bool:
        assert program.process.poll() is None, program.out.read_text()[-2000:]
        return books.count("fill") >= count

    eventually(look, f"{count} fills")


def test_daemon_trades_on_a_gateway_of_its_own_and_leaves_it_running(tmp_path: Path) -> None:
    state, ledger = tmp_path / "state", tmp_path / "gateway.db"
    with gateway("--speed", 1000, "--seed", 7, "--state-file", ledger, folder=tmp_path / "gateway") as (apart, port):
        env = {"PAPERD_IB__PORT": str(port)}
        tried = paperd("test", "--mode", "ibkr_paper", "--json", "--state", state, cwd=tmp_path, env=env)
        assert tried.code == 0, tried.out
        assert tried.json()["ok"] is True
        books = Books(state, ledger=ledger)
        for fills in (4, 8):
            with running("run", *SMALL, "--state", state, folder=tmp_path / "logs", env=env) as program:
                until_fills(program, books, fills)
                asked = time.monotonic()
                assert program.end() == 0
                assert time.monotonic() - asked < 10
                assert [line["differences"] for line in program.said("reconciliation.completed")] == [0]
            assert [fill["exec_id"] for fill in books.rows("fill")] == [row.exec_id for row in books.executions()]
            assert books.positions() == books.gateway_positions()
            assert apart.process.poll() is None
        assert {row["mode"] for row in books.rows("run")} == {"ibkr_paper"}
        bars = [(bar["instrument"], bar["end"]) for bar in books.rows("bar")]
        assert len(set(bars)) == len(bars)
        assert apart.end() == 0


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_order_is_on_disk_before_it_leaves(tmp_path: Path) -> None:
    state, trace = tmp_path / "state", tmp_path / "trace"
    calls = "trace=fdatasync,fsync,sendto,write,writev,pwrite64"
    wrapper = ("strace", "-f", "--seccomp-bpf", "-xx", "-s", "60000", "-e", calls, "-o", str(trace))
    with gateway("--speed", 1000, "--seed", 7, folder=tmp_path / "gateway") as (_, port):
        env = {"PAPERD_IB__PORT": str(port)}
        with running("run", *SMALL, "--state", state, folder=tmp_path / "logs", env=env, wrapper=wrapper) as program:
            until_fills(program, Books(state), 4)
            paperd("stop", "--state", state, cwd=tmp_path)  # a signal would reach strace, not the daemon
            program.ended()
    refs = [row["order_ref"] for row in Books(state).rows("intent")]
    assert len(refs) >= 3
    calls_made = finished_calls(trace.read_text().splitlines())
    for ref in refs:
        wanted = "".join(f"\\x{byte:02x}" for byte in ref.encode())
        about = [(number, *call) for number, call in enumerate(calls_made) if wanted in call[1]]
        files = {fd for _, name, _, fd in about if name == "pwrite64"}
        written = min(number for number, name, _, _ in about if name == "pwrite64")
        sent = min(number for number, name, rest, _ in about if name in SENDS and PLACE_ORDER in rest[:60])
        between = calls_made[written + 1 : sent]
        assert [1 for name, _, fd in between if name in SYNCS and fd in files], f"{ref} left before it was durable"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_order_is_committed_by_postgresql_before_it_leaves(tmp_path: Path, postgres_url: str) -> None:
    """The server answers a COMMIT once it has synced its log (synchronous_commit=on)."""
    psycopg = pytest.importorskip("psycopg")

    def rows(statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(postgres_url) as connection:
            found: list[tuple[Any, ...]] = connection.execute(statement).fetchall()
            return found

    state, trace = tmp_path / "state", tmp_path / "trace"
    calls = "trace=sendto,write,writev,recvfrom"
    wrapper = ("strace", "-f", "--seccomp-bpf", "-xx", "-s", "60000", "-e", calls, "-o", str(trace))
    with gateway("--speed", 1000, "--seed", 7, folder=tmp_path / "gateway") as (_, port):
        env = {"PAPERD_IB__PORT": str(port), "PAPERD_JOURNAL__URL": postgres_url}
        with running("run", *SMALL, "--state", state, folder=tmp_path / "logs", env=env, wrapper=wrapper) as program:
            program.wait_for("startup.completed")
            eventually(lambda: rows("SELECT count(*) FROM fill")[0][0] >= 4, "4 fills")
            paperd("stop", "--state", state, cwd=tmp_path)  # a signal would reach strace, not the daemon
            program.ended()
    refs = [ref for (ref,) in rows("SELECT order_ref FROM intent")]
    assert len(refs) >= 3
    lines = trace.read_text().splitlines()
    committed = [number for number, line in enumerate(lines) if "recvfrom" in line and COMMITTED in line]
    for ref in refs:
        wanted = "".join(f"\\x{byte:02x}" for byte in ref.encode())
        about = [(number, line) for number, line in enumerate(lines) if wanted in line and "recvfrom" not in line]
        sent = min(number for number, line in about if FRAME_OF_AN_ORDER.search(line[:90]))
        stored = min(number for number, _ in about)
        assert stored < sent
        assert [number for number in committed if stored < number < sent], f"{ref} left before it was committed"


def finished_calls(lines: list[str]) -> list[tuple[str, str, str]]:
    """Return name, arguments and file descriptor of each call; a sync counts where it has returned."""
    begun: dict[str, tuple[str, str, str]] = {}
    calls: list[tuple[str, str, str]] = []
    for line in lines:
        match = CALL.match(line)
        if match is not None:
            call = (match["name"], match["rest"], match["fd"])
            if "<unfinished" in line and "sync" in match["name"]:
                begun[match["pid"]] = call
            else:
                calls.append(call)
        elif "resumed>" in line and "sync" in line and (pid := line.split()[0]) in begun:
            calls.append(begun.pop(pid))
    return calls
