"""The process as its surroundings see it: a hang, a changed file, secrets, and who may reach it."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.books import Books
from tests.system.programs import PATIENCE_S, Program, eventually, paperd, running

ROOT = Path(__file__).parents[2]
CANARY = "canary-7f3a9e51c2"
SECRETS = {name: f"{CANARY}-{name.lower()}" for name in ("ALPACA_API_KEY", "ALPACA_SECRET_KEY", "ALPACA_API_SECRET")}
PULSE = ("--strategy", "pulse", "--symbol", "SPY", "--timeframes", "1m", "--seed", 7)
HANG_S = 8.0  # host seconds: longer than the watchdog's interval and the lag that it allows
BLOCKING = '''
import time
from pathlib import Path

from daemon.domain.decision import Decision, Signal
from pydantic import BaseModel


class Nothing(BaseModel):
    """No parameters."""


class Blocking:
    """Holds the loop up at its third bar."""

    Parameters = Nothing
    warmup = 1

    def __init__(self, parameters, timeframes):
        self.parameters, self.timeframes, self.bars = parameters, tuple(timeframes), 0

    def features(self, bars, timeframe):
        return {"close": bars.close.copy()}

    def decide(self, moment):
        self.bars += 1
        if self.bars == 3:
            Path("blocked").write_text("")
            time.sleep(HANG_S)
        return Decision(signal=Signal.HOLD, confidence=0.0, expected_price=moment.close)
'''


class Manager:
    """What systemd would hear: each message with the monotonic time of its arrival."""

    def __init__(self, path: Path) -> None:
        self.heard: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def times(self, message: str) -> list[float]:
        return [at for at, text in self.heard if text == message]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while data := self._socket.recv(4096):
            self.heard.append((time.monotonic(), data.decode()))


@contextmanager
def manager(path: Path) -> Iterator[Manager]:
    listening = Manager(path)
    try:
        yield listening
    finally:
        listening.close()


@pytest.mark.parametrize("how", ["stopped", "blocked"])
def test_hung_loop_gives_no_sign_of_life(tmp_path: Path, how: str) -> None:
    """WatchdogSec is thirty seconds: a daemon that is silent for that long is killed and started again."""
    strategy = ("--strategy", "pulse")
    config = tmp_path / "paperd.yaml"
    if how == "blocked":
        (tmp_path / "blocking.py").write_text(BLOCKING.replace("HANG_S", str(HANG_S)))
        kind = f"{tmp_path / 'blocking.py'}:Blocking"
        config.write_text(
            f"strategies: [{{id: blocking, type: '{kind}', capital: 10000, symbols: [SPY], timeframes: [1m]}}]\n"
        )
        strategy = ("-c", str(config))
    arguments = ("run", *strategy, "--symbol", "SPY", "--timeframes", "1m", "--speed", 60, "--state", tmp_path / "s")
    with manager(tmp_path / "notify") as systemd:
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with running(*arguments, folder=tmp_path, env=env) as program:
            eventually(lambda: systemd.times("READY=1"), "READY=1")
            if how == "stopped":
                eventually(lambda: systemd.times("WATCHDOG=1"), "the first sign of life")
                program.process.send_signal(signal.SIGSTOP)
                eventually(lambda: state_of(program) == "T", "it to stand still")
                began = time.monotonic()
                time.sleep(HANG_S)
                ended = time.monotonic()
                program.process.send_signal(signal.SIGCONT)
            else:
                eventually((tmp_path / "blocked").exists, "the strategy to block")
                began = time.monotonic()
                time.sleep(HANG_S - 0.5)
                ended = time.monotonic()
            (lagged,) = program.wait_for("loop.lagged")
            assert lagged["lag_s"] > 2
            assert [at for at in systemd.times("WATCHDOG=1") if began < at <= ended] == []
            after = time.monotonic()
            eventually(lambda: [at for at in systemd.times("WATCHDOG=1") if at > after], "a sign of life afterwards")
            program.process.send_signal(signal.SIGTERM)
            eventually(lambda: systemd.times("STOPPING=1"), "the word that it stops")


def state_of(program: Program) -> str:
    return Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


class Watched:
    """A run with secrets in its environment and everything logged; and what a person did to it meanwhile."""

    def __init__(self, folder: Path, program: Program) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.program = program
        self.books = Books(self.state)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    config = folder / "paperd.yaml"
    config.write_text("logs: {level: debug, format: json}\nlimits: {account: {daily_trades: 40}}\n")
    arguments = ("run", "-c", config, *PULSE, "--speed", 600, "--state", folder / "state")
    with running(*arguments, folder=folder, env=SECRETS) as program:
        found = Watched(folder, program)
        eventually(lambda: found.books.count("fill") >= 2, "fills")
        yield found


def test_changed_file_changes_nothing_at_run_time(watched: Watched) -> None:
    (run,) = watched.books.rows("run")
    (watched.folder / "paperd.yaml").write_text("limits: {account: {daily_trades: 0}}\nnonsense: true\n")
    moved = watched.state / "logs" / "paper.log.1"
    (watched.state / "logs" / "paper.log").rename(moved)
    watched.program.process.send_signal(signal.SIGHUP)
    eventually((watched.state / "logs" / "paper.log").exists, "the log file to be opened anew")
    orders = watched.books.count("intent")
    eventually(lambda: watched.books.count("intent") > orders, "another order")  # daily_trades: 0 would refuse it
    assert watched.books.rows("run") == [run]
    assert {row["limits_hash"] for row in watched.books.rows("risk_check")} == {run["limits_hash"]}


def test_no_secret_is_in_logs_journal_status_or_reports(watched: Watched) -> None:
    status = paperd("status", "--json", "--state", watched.state, cwd=watched.folder)
    shown = paperd("config", "show", cwd=watched.folder, env=SECRETS)
    assert status.code == shown.code == 0
    watched.program.process.send_signal(signal.SIGTERM)
    assert watched.program.ended() == 0
    for path in [path for path in watched.folder.rglob("*") if path.is_file()]:
        assert CANARY.encode() not in path.read_bytes(), path
    for done in (status, shown):
        assert CANARY not in done.out + done.err
    assert (watched.state / "journal.db").exists()
    assert '"level":"debug"' in watched.program.out.read_text().replace(" ", "")


def test_password_of_a_database_that_is_not_there_is_not_told(tmp_path: Path) -> None:
    env = {"PAPERD_JOURNAL__URL": f"postgresql://paperd:{CANARY}@127.0.0.1:1/paperd", "PAPERD_LOGS__LEVEL": "debug"}
    done = paperd("run", "--state", tmp_path / "state", cwd=tmp_path, env=env, within_s=PATIENCE_S)
    assert done.code not in {0, 1}
    assert CANARY not in done.out + done.err
    assert "127.0.0.1" in done.err
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        assert CANARY.encode() not in path.read_bytes(), path


def test_service_leaves_no_core_behind() -> None:
    """A core would hold what logs may not."""
    unit = (ROOT / "systemd" / "paperd.service").read_text().splitlines()
    assert "LimitCORE=0" in unit


def test_nothing_listens_but_the_control_socket_and_the_embedded_gateway(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running("run", *PULSE, "--speed", 60, "--state", state, folder=tmp_path) as program:
        eventually(lambda: listening_inodes(program.process.pid, "unix"), "the control socket")
        eventually(lambda: Books(state).count("bar"), "a bar")
        assert listening_inodes(program.process.pid, "tcp") == set()
        assert listening_inodes(program.process.pid, "tcp6") == set()
        paths = unix_paths(program.process.pid)
        assert paths == {str(state / "paperd.sock")}
        children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
        hosts = {host for child in children for host in listening_hosts(int(child))}
        assert hosts == {"0100007F"}  # 127.0.0.1: the gateway of paper mode is for this machine alone


def socket_inodes(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def listening_inodes(pid: int, family: str) -> set[str]:
    """Return the sockets of a process that take connections."""
    if family == "unix":
        return {row[6] for row in unix_rows(pid)}
    return {row[9] for row in tcp_rows(pid, family)}


def tcp_rows(pid: int, family: str) -> list[list[str]]:
    mine = socket_inodes(pid)
    table = Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]
    rows = [line.split() for line in table]
    return [row for row in rows if row[9] in mine and row[3] == "0A"]


def listening_hosts(pid: int) -> set[str]:
    return {row[1].partition(":")[0] for family in ("tcp", "tcp6") for row in tcp_rows(pid, family)}


def unix_rows(pid: int) -> list[list[str]]:
    mine = socket_inodes(pid)
    rows = [line.split() for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]]
    return [row for row in rows if row[6] in mine and row[3] == "00010000"]


def unix_paths(pid: int) -> set[str]:
    return {row[7] for row in unix_rows(pid) if len(row) > 7}
