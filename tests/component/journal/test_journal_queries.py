"""Questions that reports, the status command and comparisons of runs ask."""

import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from sqlalchemy import Engine

from daemon.domain.decision import Outcome, StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderState
from daemon.domain.records import (
    BarSeen,
    CommissionRecorded,
    FillRecorded,
    OrderEventSeen,
    PositionMarked,
    Record,
    SessionMarked,
)
from daemon.journal import queries
from daemon.journal.bars_export import export_session_bars, folder_name
from daemon.journal.content import content_hash
from daemon.journal.queries import Span
from daemon.journal.reader import open_reader
from daemon.journal.summary import Latency, Slippage, run_summary
from daemon.journal.writer import JournalWriter
from daemon.reports import journal_day

pytestmark = pytest.mark.asyncio

OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
Story = Callable[[int], tuple[Record, ...]]


async def journal_of(location: str | Path, *appends: tuple[Record, ...]) -> Engine:
    async with await JournalWriter.open(location) as journal:
        for records in appends:
            await journal.append(records)
    return open_reader(location)


@pytest_asyncio.fixture
async def engine(location: str, story: Story) -> AsyncIterator[Engine]:
    """Give a journal of three orders, five minutes apart."""
    opened = await journal_of(location, *(story(number) for number in (1, 2, 3)))
    yield opened
    opened.dispose()


async def test_a_day_holds_what_happened_within_it(engine: Engine) -> None:
    day = queries.day_summary(engine, OPEN + timedelta(minutes=10), OPEN + timedelta(minutes=15))
    assert day.bars == {"5m": 1}
    assert day.gaps == 1
    assert day.decisions == {Outcome.ORDER: 1}
    assert [line.intent.order_ref for line in day.orders] == ["pd-test-0002"]
    assert [fill.exec_id for fill in day.fills] == ["0001.0002.01"]
    assert day.commission == Decimal("1.10")
    assert day.realized_pnl == Decimal("0.25")
    assert [row.equity for row in day.equity] == [Decimal(100002)]
    assert [check.arrival_bps for check in day.checks] == [2.0]
    assert [position.quantity for position in day.positions] == [Decimal(20)]
    assert [alert.level for alert in day.alerts] == ["WARNING"]


async def test_an_empty_day_is_all_zeros(engine: Engine) -> None:
    day = queries.day_summary(engine, OPEN + timedelta(days=1), OPEN + timedelta(days=2))
    assert (day.bars, day.decisions, day.orders, day.equity) == ({}, {}, (), ())
    assert day.commission == day.realized_pnl == Decimal(0)


async def test_sums_of_money_are_exact(engine: Engine) -> None:
    assert str(queries.total_commission(engine)) == "3.30"
    assert queries.realized_pnl(engine) == Decimal("0.75")


async def test_an_order_line_says_how_the_order_stands(engine: Engine) -> None:
    line = queries.orders(engine)[-1]
    assert (line.state, line.text, line.filled) == (OrderState.FILLED, "all", Decimal(10))
    assert (line.average_price, line.commission) == (Decimal("500.52"), Decimal("1.10"))


async def test_decisions_are_found_by_instrument_strategy_and_time(engine: Engine) -> None:
    span = Span(start=OPEN, end=OPEN + timedelta(minutes=6))
    found = queries.decisions(engine, span, instrument=InstrumentId("SPY"), strategy=StrategyId("sma_cross"))
    assert [decision.decision_id for decision in found] == ["d0001"]
    assert found[0].reasoning == {"fast": 500.0, "slow": 499.0}
    assert queries.decisions(engine, instrument=InstrumentId("QQQ")) == ()


async def test_runs_and_alerts_are_listed(engine: Engine) -> None:
    assert [run.run_id for run in queries.runs(engine)] == ["r1", "r2", "r3"]
    assert len(queries.alerts(engine, levels=("ERROR",))) == 2


async def test_positions_are_the_latest_without_what_is_flat(location: str, story: Story) -> None:
    held = next(record for record in story(1) if isinstance(record, PositionMarked))
    flat = dataclasses.replace(held, instrument=InstrumentId("QQQ"), quantity=Decimal(0))
    engine = await journal_of(location, (held, flat))
    assert queries.positions(engine) == (held,)
    assert queries.positions(engine, before=OPEN) == ()
    engine.dispose()


async def test_a_corrected_execution_counts_once(location: str, story: Story) -> None:
    first = next(record for record in story(1) if isinstance(record, FillRecorded))
    corrected = dataclasses.replace(first, exec_id="0001.0001.02", quantity=Decimal(9), replaces=first.exec_id)
    engine = await journal_of(location, story(1), (corrected,))
    assert queries.fills(engine) == (corrected,)
    assert queries.orders(engine)[0].filled == Decimal(9)
    assert run_summary(engine, since_seq=0).fills == 1
    engine.dispose()


async def test_a_corrected_execution_costs_what_was_told_last(location: str, story: Story) -> None:
    first = next(record for record in story(1) if isinstance(record, CommissionRecorded))
    anew = dataclasses.replace(first, exec_id="0001.0001.02", amount=Decimal("0.90"))
    engine = await journal_of(location, story(1), story(2), (anew,))
    assert queries.total_commission(engine) == Decimal("0.90") + Decimal("1.10")
    assert [line.commission for line in queries.orders(engine)] == [Decimal("0.90"), Decimal("1.10")]
    assert [line.amount for line in journal_day.commissions(engine, Span())] == [Decimal("0.90"), Decimal("1.10")]
    engine.dispose()


async def test_a_run_is_summed_up_from_its_first_record(location: str, story: Story) -> None:
    closed = SessionMarked(at=OPEN + timedelta(hours=6), day="2026-01-05", phase="CLOSED")
    async with await JournalWriter.open(location) as journal:
        await journal.append(story(1))
        since = journal.last_seq
        await journal.append((*story(2), *story(3), closed))
    engine = open_reader(location)
    summary = run_summary(engine, since_seq=since)
    engine.dispose()
    assert (summary.days, summary.bars, summary.decisions) == (1, {"5m": 2}, 2)
    assert (summary.decisions_by_outcome, summary.orders, summary.fills) == ({"ORDER": 2}, 2, 2)
    assert (summary.commission, summary.pnl, summary.equity) == (Decimal("2.20"), Decimal(2), Decimal(100003))
    assert summary.latency["market"]["bar_to_received"] == Latency(p50=250.0, p99=299.0)
    assert summary.latency["host"]["received_to_sent"] == Latency(p50=0.7, p99=0.7)
    assert summary.latency["host"]["sent_to_filled"] == Latency(p50=None, p99=None)
    assert summary.slippage_bps == Slippage(p50=2.5, mean=2.5)
    assert summary.errors == 1
    plain = orjson.loads(orjson.dumps(summary.to_dict()))
    assert plain["commission"] == "2.20"
    assert plain["latency"]["market"]["sent_to_acknowledged"] == {"p50": 40.0, "p99": 40.0}


async def test_the_first_run_gains_from_the_start_of_its_day(engine: Engine) -> None:
    assert run_summary(engine, since_seq=0).pnl == Decimal(3)


async def test_a_run_without_records_is_summed_up_too(location: str) -> None:
    engine = await journal_of(location)
    summary = run_summary(engine, since_seq=0)
    engine.dispose()
    assert (summary.days, summary.decisions, summary.pnl, summary.equity) == (0, 0, Decimal(0), None)
    assert summary.slippage_bps == Slippage(p50=None, mean=None)


async def test_equal_runs_have_equal_hashes_on_either_database(tmp_path: Path, postgres_url: str, story: Story) -> None:
    hashes = set()
    for location in (tmp_path / "a.db", tmp_path / "b.db", postgres_url):
        engine = await journal_of(location, story(1), story(2))
        hashes.add(content_hash(engine))
        engine.dispose()
    assert len(hashes) == 1


async def test_the_hash_sees_facts_but_neither_host_time_nor_the_run(tmp_path: Path, story: Story) -> None:
    def changed(**fields: Any) -> tuple[Record, ...]:
        records = story(1)
        return tuple(
            dataclasses.replace(record, **fields)
            if isinstance(record, OrderEventSeen | FillRecorded) and set(fields) <= set(type(record).__slots__)
            else record
            for record in records
        )

    variants = {
        "same": story(1),
        "host time": changed(host_ns=77),
        "no run": story(1)[1:],
        "another price": changed(price=Decimal("500.53")),
        "more digits": changed(price=Decimal("500.520")),
    }
    found = {}
    for name, records in variants.items():
        engine = await journal_of(tmp_path / f"{name}.db", records)
        found[name] = content_hash(engine)
        engine.dispose()
    assert found["same"] == found["host time"] == found["no run"] == found["more digits"]
    assert found["same"] != found["another price"]


async def test_the_hash_of_later_rows_leaves_out_the_earlier_ones(tmp_path: Path, story: Story) -> None:
    both = await journal_of(tmp_path / "both.db", story(1), story(2))
    second = await journal_of(tmp_path / "second.db", story(2))
    assert content_hash(both, after_seq=len(story(1))) == content_hash(second)
    both.dispose()
    second.dispose()


async def test_the_bars_of_a_session_are_one_file_an_instrument(engine: Engine, tmp_path: Path) -> None:
    close = OPEN + timedelta(minutes=10)
    files = export_session_bars(
        engine, tmp_path / "bars", day=date(2026, 1, 5), open_s=int(OPEN.timestamp()), close_s=int(close.timestamp())
    )
    assert files == (tmp_path / "bars" / "SPY" / "2026-01-05.parquet",)
    table = pq.read_table(files[0])
    assert table.column_names == [
        "ts_start",
        "ts_end",
        "timeframe",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "wap",
        "trades",
    ]
    assert [end.as_py() for end in table["ts_end"]] == [OPEN + timedelta(minutes=5), close]
    assert table["trades"].to_pylist() == [12, 12]
    assert [file.name for file in files[0].parent.iterdir()] == ["2026-01-05.parquet"]


async def test_exported_bars_are_replaced_whole(location: str, story: Story, tmp_path: Path) -> None:
    bar = next(record for record in story(1) if isinstance(record, BarSeen))
    engine = await journal_of(location, (bar, dataclasses.replace(bar, instrument=InstrumentId("EUR/USD"))))
    for _ in range(2):
        files = export_session_bars(engine, tmp_path / "bars", day=date(2026, 1, 5), open_s=0, close_s=bar.end)
    engine.dispose()
    assert [file.parent.name for file in files] == ["EUR%2FUSD", "SPY"]


FOLDERS = [("BRK B", "BRK B"), ("BRK.B", "BRK.B"), ("..", "%2E%2E"), ("a/b", "a%2Fb")]


@pytest.mark.parametrize(("name", "folder"), FOLDERS)
async def test_no_instrument_leaves_the_folder_of_bars(name: str, folder: str) -> None:
    assert folder_name(name) == folder
