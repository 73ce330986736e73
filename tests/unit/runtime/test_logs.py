"""Log lines: their form, where they go, what they hide, and that nothing of it can hurt."""

import io
import json
import logging
import os
import pty
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.typing import FilteringBoundLogger

from daemon.domain.timeframe import Timeframe
from daemon.runtime import logs
from daemon.runtime.logs import close_logs, configure_logs, logs_dropped, redact, reopen, use_market_clock
from daemon.runtime.redaction import Redactor

MARKET = datetime(2026, 3, 2, 14, 31, 5, tzinfo=UTC)  # 09:31:05 in New York


class Side(StrEnum):
    BUY = "BUY"


@dataclass(frozen=True)
class Login:
    password: str


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(logs._PIPELINE, "redactor", Redactor())
    yield
    close_logs()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def configured(stream: Any, **options: Any) -> FilteringBoundLogger:
    configure_logs(**{"format": "json", "stream": stream, "market_clock": lambda: MARKET} | options)
    log: FilteringBoundLogger = structlog.get_logger()
    return log


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_both_times(stream: io.StringIO) -> None:
    before = datetime.now(UTC)
    configured(stream).info("bar.completed", symbol="SPY", close=512.25, volume=100)
    (line,) = lines(stream)
    assert list(line) == ["at", "level", "event", "symbol", "close", "volume", "ts"]
    assert line["at"] == "2026-03-02T14:31:05Z"
    assert before <= datetime.fromisoformat(line["ts"]) <= datetime.now(UTC)
    assert (line["level"], line["event"], line["close"]) == ("info", "bar.completed", 512.25)


def test_market_time_may_come_later_or_from_the_caller(stream: io.StringIO) -> None:
    log = configured(stream, market_clock=None)
    log.info("daemon.started")
    use_market_clock(lambda: MARKET)
    log.info("daemon.started")
    log.info("fill.received", at=datetime(2026, 3, 2, 15, 0, tzinfo=UTC))
    first, second, third = lines(stream)
    assert first["at"] == first["ts"]
    assert (second["at"], third["at"]) == ("2026-03-02T14:31:05Z", "2026-03-02T15:00:00Z")


def test_all_kinds_of_values_are_written(stream: io.StringIO) -> None:
    configured(stream).info(
        "order.sent",
        quantity=Decimal("0.10"),
        side=Side.BUY,
        timeframe=Timeframe.parse("5m"),
        path=Path("/x"),
        error=ValueError("bad"),
        nested={"a": (1, {2}), 3: None},
        infinite=float("inf"),
        text='line\nbreak "quoted" \x1b[31m',
    )
    (line,) = lines(stream)
    assert (line["quantity"], line["side"], line["timeframe"], line["path"], line["error"]) == (
        "0.10", "BUY", "5m", "/x", "bad",
    )  # fmt: skip
    assert (line["nested"], line["infinite"]) == ({"a": [1, [2]], "3": None}, None)
    assert line["text"] == 'line\nbreak "quoted" \x1b[31m'


def test_what_json_cannot_hold_is_written_as_text(stream: io.StringIO) -> None:
    endless: dict[str, object] = {}
    endless["self"] = endless
    log = configured(stream)
    log.info("wire.garbled", text="\ud800", number=1 << 80)
    log.info("wire.garbled", value=endless)
    first, second = lines(stream)
    assert (first["event"], first["number"]) == ("wire.garbled", str(1 << 80))
    assert "self" in second["value"]


def test_levels(stream: io.StringIO) -> None:
    log = configured(stream, level="warning")
    log.info("bar.completed")
    log.warning("bar.missed")
    log.critical("alert.raised")
    assert [line["level"] for line in lines(stream)] == ["warning", "critical"]


def test_exceptions_become_text(stream: io.StringIO) -> None:
    log = configured(stream)
    error = ZeroDivisionError("by nought")
    try:
        raise error
    except ZeroDivisionError:
        log.exception("service.failed", service="a")
    log.error("service.failed", exc_info=error)
    log.error("service.failed", exc_info=True)  # noqa: LOG014 - somebody will
    first, second, third = lines(stream)
    assert first["exception"].startswith("Traceback")
    assert first["exception"].endswith("ZeroDivisionError: by nought")
    assert second["exception"] == first["exception"]
    assert "exception" not in third or third["exception"] == ""
    assert first["level"] == "error"


def test_trade_lines_say_paper_and_have_a_file_of_their_own(stream: io.StringIO, tmp_path: Path) -> None:
    paper = tmp_path / "logs" / "paper.log"
    log = configured(stream, paper_log=paper)
    events = [
        "order.sent",
        "fill.received",
        "decision.made",
        "position.marked",
        "commission.received",
        "intent.recorded",
    ]
    for event in ["bar.completed", *events, "day.closed"]:
        log.info(event, symbol="SPY")
    assert [line.get("trading") for line in lines(stream)] == [None, *["PAPER"] * 6, None]
    kept = [json.loads(line) for line in paper.read_text().splitlines()]
    assert kept == [line for line in lines(stream) if "trading" in line]
    assert paper.stat().st_mode & 0o777 == 0o600


def test_the_paper_log_is_json_beside_a_console(stream: io.StringIO, tmp_path: Path) -> None:
    log = configured(stream, paper_log=tmp_path / "p", format="console")
    log.info("order.sent", symbol="SPY")
    assert json.loads((tmp_path / "p").read_text())["symbol"] == "SPY"
    assert "order.sent" in stream.getvalue()


def test_reopen_after_a_rotation(stream: io.StringIO, tmp_path: Path) -> None:
    paper = tmp_path / "paper.log"
    log = configured(stream, paper_log=paper)
    log.info("order.sent", n=1)
    paper.rename(tmp_path / "paper.log.1")
    log.info("order.sent", n=2)
    reopen()
    log.info("order.sent", n=3)
    numbers = [
        [json.loads(line)["n"] for line in file.read_text().splitlines()] for file in (tmp_path / "paper.log.1", paper)
    ]
    assert numbers == [[1, 2], [3]]


def test_a_reopen_that_fails_keeps_the_file_that_is_open(stream: io.StringIO, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = configured(stream, paper_log=folder / "paper.log")
    folder.rename(tmp_path / "moved")
    folder.write_text("in the way")
    reopen()
    log.info("order.sent", n=1)
    assert json.loads((tmp_path / "moved" / "paper.log").read_text())["n"] == 1
    assert [line["event"] for line in lines(stream)] == ["logfile.failed", "order.sent"]


def test_a_paper_log_that_cannot_be_opened_is_told_and_counted(stream: io.StringIO, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = logs_dropped()
    log = configured(stream, paper_log=tmp_path / "file" / "paper.log")
    log.info("order.sent")
    log.info("bar.completed")
    assert [line["event"] for line in lines(stream)] == ["logfile.failed", "order.sent", "bar.completed"]
    assert logs_dropped() - before == 1


def test_secrets_are_masked_by_name_and_by_value(stream: io.StringIO) -> None:
    redact("swordfish-1")
    redact('quote"d-secret')
    redact("abc")  # too short to mask
    log = configured(stream)
    error = ConnectionError("https://me:pa55word@host/?token=abcdef and swordfish-1")
    log.error(
        "connection.failed",
        api_key="k", apiKey="k", Authorization="Bearer k", twilio_token="k",
        url="x?key=swordfish-1&y",
        nested=[{"password": "k", "list": ["swordfish-1", ("swordfish-1",)], "swordfish-1": 'quote"d-secret'}],
        raw=b"swordfish-1",
        login=Login("swordfish-1"),
        error=error,
        exc_info=error,
        plain="abc 12345",
    )  # fmt: skip
    text = stream.getvalue()
    assert not [secret for secret in ("swordfish", "quote", "pa55word", "abcdef", '"k"') if secret in text]
    (line,) = lines(stream)
    assert line["plain"] == "abc 12345"
    assert line["url"] == "x?key=**********&y"


def test_secrets_are_masked_on_the_console_too(stream: io.StringIO, tmp_path: Path) -> None:
    redact("swordfish-1")
    log = configured(stream, format="console", paper_log=tmp_path / "p")
    log.error("order.refused", text="it is swordfish-1", token="k3y", exc_info=ValueError("swordfish-1"))
    assert "swordfish" not in stream.getvalue() + (tmp_path / "p").read_text()
    assert "k3y" not in stream.getvalue()


def test_libraries_are_heard_from_warning_on(stream: io.StringIO) -> None:
    configured(stream)
    redact("swordfish-1")
    logging.getLogger("asyncio").info("nothing")
    logging.getLogger("asyncio").warning("slow %s for %.1f s", "swordfish-1", 2.0)
    logging.getLogger("asyncio").log(35, "odd level")
    logging.getLogger("asyncio").error("two %s %s", 1)  # noqa: PLE1206 - libraries do
    logging.getLogger("ib_insync.wrapper").error("Error 201, reqId 3")
    try:
        int("deep")
    except ValueError:
        logging.getLogger("eventkit").exception("caused")
    found = lines(stream)
    assert [(line["level"], line["library"], line["text"]) for line in found] == [
        ("warning", "asyncio", "slow ********** for 2.0 s"),
        ("warning", "asyncio", "odd level"),
        ("error", "asyncio", "two %s %s"),
        ("error", "eventkit", "caused"),
    ]
    assert found[-1]["exception"].endswith("with base 10: 'deep'")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert lines(stream)[-1]["library"] == "py.warnings"


def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    before = logs_dropped()
    with Path("/dev/full").open("w") as full:
        log = configured(full)
        for _ in range(5):
            log.info("bar.completed")
        assert logs_dropped() - before == 5
        close_logs()


def test_a_torn_line_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    with path.open("w") as file:
        log = configured(file)
        real = os.write

        def half(descriptor: int, data: bytes) -> int:
            return real(descriptor, data[: len(data) // 2])

        monkeypatch.setattr(os, "write", half)
        before = logs_dropped()
        log.info("bar.completed", n=1)
        monkeypatch.setattr(os, "write", real)
        log.info("bar.completed", n=2)
        log.info("bar.completed", n=3)
        assert logs_dropped() - before == 1
    torn, *whole = path.read_text().splitlines()
    assert not torn.endswith("}")
    assert [json.loads(line)["n"] for line in whole] == [2, 3]


def test_a_reader_that_stops_neither_blocks_nor_tears_lines() -> None:
    reading, writing = os.pipe()
    before = logs_dropped()
    with os.fdopen(writing, "w") as pipe:
        log = configured(pipe)
        began = time.monotonic()
        for n in range(3000):
            log.info("bar.completed", n=n, pad="x" * 3000)
        assert time.monotonic() - began < 5
        lost = logs_dropped() - before
        assert 0 < lost < 3000
        read: list[bytes] = []
        thread = threading.Thread(target=_read_all, args=(reading, read))
        thread.start()
        close_logs()
    thread.join(10)
    numbers = [json.loads(line)["n"] for line in b"".join(read).splitlines()]
    assert len(numbers) == 3000 - lost
    assert numbers == sorted(set(numbers))
    assert logs_dropped() - before == lost


def test_waiting_lines_go_out_with_the_next_line() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        log = configured(pipe)
        for n in range(100):
            log.info("bar.completed", n=n, pad="x" * 9000)
        os.set_blocking(reading, False)
        read = b""
        for n in range(100, 400):
            log.info("bar.completed", n=n)
            read += _read_some(reading)
        assert [json.loads(line)["n"] for line in read.splitlines()] == list(range(400))
    os.close(reading)


def test_a_reader_that_left_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    before = logs_dropped()
    with os.fdopen(writing, "w") as pipe:
        log = configured(pipe)
        log.info("bar.completed")
        log.info("bar.completed")
        assert logs_dropped() - before == 2
        close_logs()
    log.info("bar.completed")  # closed: goes nowhere


def test_a_stream_that_is_closed_is_no_error() -> None:
    stream = io.StringIO()
    log = configured(stream)
    stream.close()
    before = logs_dropped()
    log.info("bar.completed")
    assert logs_dropped() - before == 1


def test_threads_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as file:
        log = configured(file)
        threads = [
            threading.Thread(target=lambda t=t: [log.info("bar.completed", t=t, n=n) for n in range(200)])
            for t in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seen = [(line["t"], line["n"]) for line in map(json.loads, path.read_text().splitlines())]
    assert sorted(seen) == [(t, n) for t in range(4) for n in range(200)]


def test_the_console_form(stream: io.StringIO) -> None:
    log = configured(stream, format="console")
    log.info(
        "decision.made", strategy="pulse", symbol="SPY", timeframe="1m", signal="BUY", confidence=1.0, outcome="ORDER"
    )
    log.warning(
        "order.refused", order_ref="pd-s1-01JNBX7W9PQ", control="order value", offered=25000.5, allowed=Decimal(25000)
    )
    log.info(
        "health.checked",
        at=datetime(2026, 3, 3, 21, 0, tzinfo=UTC),
        speed=0.00001,
        parts={"a": 1.5},
        none=None,
        empty="",
    )
    assert stream.getvalue().splitlines() == [
        "── Monday 2026-03-02, New York time ──",
        "09:31:05  INFO   decision.made          pulse SPY 1m BUY 1.00 → ORDER [PAPER]",
        (
            "09:31:05  WARN   order.refused          order_ref=…NBX7W9PQ control='order value' offered=25000.5 "
            "allowed=25000 [PAPER]"
        ),
        "── Tuesday 2026-03-03, New York time ──",
        "16:00:00  INFO   health.checked         speed=1e-05 parts={a: 1.5}",
    ]


def test_the_console_cannot_be_written_over(stream: io.StringIO) -> None:
    log = configured(stream, format="console")
    log.info("order.rejected", text="a\n09:31:05  INFO fake\x1b[2J", symbol="S\x1bPY", exc_info=ValueError("x\x1b[2Jy"))
    text = stream.getvalue()
    assert "\x1b" not in text
    assert len(text.splitlines()) == 3


def terminal_output(write: Callable[[FilteringBoundLogger], None], columns: int = 80) -> str:
    """Return what `write` leaves on a terminal."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(slave, "w") as terminal:
        write(configured(terminal, format="auto"))
        text = os.read(master, 65536).decode().replace("\r\n", "\n")
        close_logs()
    os.close(master)
    return text


def test_a_terminal_gets_colour_and_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(log: FilteringBoundLogger) -> None:
        log.error("order.rejected", symbol="SPY", side="SELL", reason="a-rather-long-reason", another="x" * 30, last=1)

    coloured = terminal_output(write)
    assert "\x1b[31mERROR\x1b[0m" in coloured
    assert "\x1b[31mSELL\x1b[0m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = terminal_output(write)
    assert "\x1b" not in plain
    rows = plain.splitlines()[1:]
    assert len(rows) == 2
    assert rows[1].startswith(" " * 17)
    assert max(map(len, rows)) <= 80


def test_auto_is_json_where_nobody_looks(stream: io.StringIO) -> None:
    configured(stream, format="auto").info("bar.completed")
    assert lines(stream)[0]["event"] == "bar.completed"


def test_a_line_is_cheap(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        log = configured(file)
        best = min(_seconds(log, 500) for _ in range(20)) / 500
    assert best < 50e-6, "goal: 10 µs; the bound leaves room for a busy machine"


def _seconds(log: FilteringBoundLogger, count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        log.info("bar.completed", symbol="SPY", timeframe="1m", close=512.25, volume=100.0, trades=12)
    return time.process_time() - began


def _read_all(descriptor: int, into: list[bytes]) -> None:
    with os.fdopen(descriptor, "rb") as file:
        into.append(file.read())


def _read_some(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return b""
