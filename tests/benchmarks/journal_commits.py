"""What it costs to keep something: commits of the journal beside raw SQLite, and log lines beside plain structlog."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import structlog
import uvloop

from daemon.domain.decision import Outcome, Reason, Signal, StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.records import BarSeen, DecisionMade, Record
from daemon.journal.connection import SQLITE, insert_statements
from daemon.journal.rows import RowEncoder
from daemon.journal.sqlite import open_for_writing
from daemon.journal.writer import JournalWriter
from daemon.runtime.logs import close_logs, configure_logs
from tests.benchmarks.figures import Figure, median, percentile
from tests.benchmarks.processes import measured

PART = "journal and logs"
_AT = datetime(2024, 3, 5, 14, 31, tzinfo=UTC)
_BLOCK = 20  # commits, or hundreds of lines, before the other one has its turn


def measure(*, commits: int, lines: int) -> list[Figure]:
    """Return the figures: `commits` of each size and `lines` log lines."""
    figures = []
    for size in (1, 30):
        raw, ours = measured(_commits, size, commits)
        name = f"append of {size} record{'s' * (size > 1)}"
        figures.append(
            Figure(
                part=PART,
                name=f"{name}, commits a second",
                measured=1e3 / median(ours),
                unit="/s",
                peer=1e3 / median(raw),
                peer_name="raw sqlite3, WAL, FULL",
                goal=0.9,
                better="more",
            )
        )
        figures.append(
            Figure(
                part=PART,
                name=f"{name}, p99",
                measured=percentile(ours, 0.99),
                unit="ms",
                peer=percentile(raw, 0.99),
                peer_name="raw sqlite3",
            )
        )
    figures.append(
        Figure(part=PART, name="the disk itself: fdatasync after 4 KiB, median", measured=measured(_sync), unit="ms")
    )
    plain, own = measured(_lines, lines)
    return [
        *figures,
        Figure(
            part=PART,
            name="log line, JSON to a file",
            measured=own,
            unit="µs",
            peer=plain,
            peer_name="structlog + orjson",
        ),
    ]


def _commits(size: int, count: int) -> tuple[list[float], list[float]]:
    """Return milliseconds of each commit, raw and ours, in alternating blocks."""
    folder = Path(tempfile.mkdtemp(prefix="paperd-bench-"))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_alternate(folder, size, count))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _alternate(folder: Path, size: int, count: int) -> tuple[list[float], list[float]]:
    async with await JournalWriter.open(folder / "raw.db"):
        pass  # the same tables for the raw connection
    raw = open_for_writing(folder / "raw.db", busy_timeout_s=5.0)
    raw_ms: list[float] = []
    our_ms: list[float] = []
    async with await JournalWriter.open(folder / "journal.db") as writer:
        for block in range(0, count, _BLOCK):
            for number in range(block, block + _BLOCK):
                rows = _rows(_records(size, number), number * size)
                began = time.perf_counter_ns()
                raw.execute("BEGIN IMMEDIATE")
                for statement, batch in rows.items():
                    raw.executemany(statement, batch)
                raw.execute("COMMIT")
                raw_ms.append((time.perf_counter_ns() - began) / 1e6)
            for number in range(block, block + _BLOCK):
                records = _records(size, number)
                began = time.perf_counter_ns()
                await writer.append(records)
                our_ms.append((time.perf_counter_ns() - began) / 1e6)
    raw.close()
    return raw_ms, our_ms


def _records(size: int, number: int) -> list[Record]:
    """Return one bar, or bars and decisions in equal parts: what an instant of the bar path leaves behind."""
    at = _AT + timedelta(minutes=number)
    end = int(at.timestamp())
    return [_bar(at, end, row) if row % 2 == 0 else _decision(at, end, row) for row in range(size)]


def _bar(at: datetime, end: int, row: int) -> BarSeen:
    return BarSeen(
        at=at,
        instrument=InstrumentId(f"B{row:03d}"),
        timeframe="1m",
        start=end - 60,
        end=end,
        open=100.0,
        high=100.5,
        low=99.5,
        close=100.25,
        volume=12345.0,
        wap=100.1,
        trades=321,
    )


def _decision(at: datetime, end: int, row: int) -> DecisionMade:
    return DecisionMade(
        at=at,
        decision_id=f"sma:B{row:03d}:1m:{end}",
        strategy=StrategyId("sma"),
        instrument=InstrumentId(f"B{row:03d}"),
        timeframe="1m",
        bar_end=end,
        signal=Signal.BUY,
        confidence=1.0,
        reason=Reason.SIGNAL,
        note="",
        reasoning={"fast": 100.125, "slow": 100.0625},
        buy_score=1.0,
        sell_score=0.0,
        combined=Signal.BUY,
        outcome=Outcome.IN_POSITION,
        expected_price=100.25,
        position=Decimal(100),
        order_ref=None,
        memory=None,
    )


def _rows(records: Sequence[Record], first: int) -> dict[str, list[tuple[object, ...]]]:
    """Return rows that need no more work, by statement."""
    rows: dict[str, list[tuple[object, ...]]] = {}
    for seq, record in enumerate(records, first + 1):
        kind = type(record)
        if kind not in _ENCODERS:
            _ENCODERS[kind] = RowEncoder(kind, as_text=True)
        rows.setdefault(_STATEMENTS[kind], []).append(_ENCODERS[kind].row(seq, record))
    return rows


_STATEMENTS = insert_statements(SQLITE)
_ENCODERS: dict[type[Record], RowEncoder] = {}


def _sync() -> float:
    """Return the median of fdatasync after 4 KiB, milliseconds."""
    took = []
    with tempfile.TemporaryFile(prefix="paperd-bench-") as file:
        for _ in range(100):
            os.write(file.fileno(), b"x" * 4096)
            began = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter_ns() - began) / 1e6)
    return median(took)


def _lines(count: int) -> tuple[float, float]:
    """Return microseconds a line, plain structlog and ours, in alternating blocks."""
    folder = Path(tempfile.mkdtemp(prefix="paperd-bench-"))
    plain_us: list[float] = []
    our_us: list[float] = []
    with (folder / "plain.log").open("wb", buffering=0) as plain_file, (folder / "daemon.log").open("w") as own_file:
        configure_logs(format="json", stream=own_file, paper_log=folder / "paper.log", market_clock=lambda: _AT)
        own, plain = structlog.get_logger(), _plain(plain_file)
        for _ in range(0, count, 100 * _BLOCK):
            plain_us.append(_write(plain, 100 * _BLOCK))
            our_us.append(_write(own, 100 * _BLOCK))
        close_logs()
    shutil.rmtree(folder, ignore_errors=True)
    return median(plain_us), median(our_us)


def _plain(file: BinaryIO) -> Any:
    return structlog.wrap_logger(
        structlog.BytesLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    )


def _write(log: Any, count: int) -> float:
    began = time.perf_counter_ns()
    for number in range(count):
        log.info(
            "bar.completed",
            instrument="B000",
            timeframe="1m",
            end="14:31:00Z",
            close=100.25,
            volume=12345.0,
            trades=number,
        )
    return (time.perf_counter_ns() - began) / 1e3 / count
