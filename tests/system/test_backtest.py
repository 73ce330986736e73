"""A backtest over what a daemon saw decides, fills and values as the daemon did."""

import signal
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from tests.system.books import Books, Row
from tests.system.programs import Play, Plays, eventually, paperd, running

DECISION = ("decision_id", "signal", "combined", "outcome", "position", "order_ref")
FILL = ("order_ref", "quantity", "price", "at")
EQUITY = (
    "at",
    "strategy",
    "cash",
    "market_value",
    "equity",
    "realized_pnl",
    "unrealized_pnl",
    "commission",
    "day_start_equity",
)
DAY = "2025-11-28"  # closes early
SECOND_OPEN = "2025-12-01T14:30:00.000000+00:00"


def picked(rows: list[Row], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return [tuple(_value(row[name]) for name in names) for row in rows]


def _value(written: Any) -> Any:
    """Return an exact number as such: 489.90 is 489.9."""
    try:
        return Decimal(written) if isinstance(written, str) else written
    except InvalidOperation:
        return written


def replayed(state: Path, out: Path, *arguments: object) -> Books:
    """Return the books of a backtest over a state directory; it must have ended well."""
    done = paperd("backtest", "--state", state, "--out", out, "--json", *arguments, cwd=out.parent, within_s=300)
    assert done.code == 0, done.err[-3000:]
    told = done.json()
    assert Path(told["page"]).exists()
    assert told["journal"] == str(out / "journal.db")
    return Books(out)


def same(live: Books, again: Books, *tables: str, where: str = "1", but: str = "") -> None:
    """Assert that decisions, fills and valuations, or what is named, are equal row for row."""
    columns = {"decision": DECISION, "fill": FILL, "equity": EQUITY}
    for table in tables or columns:
        names = tuple(name for name in columns[table] if name != but)
        assert picked(again.rows(table, where), names) == picked(live.rows(table, where), names), table


@pytest.fixture(scope="module")
def synthetic(plays: Plays) -> Play:
    return plays("backtest-seed-11", "--days", 1, "--speed", "max", "--seed", 11)


def test_synthetic_day_is_traded_again_as_it_was(synthetic: Play, tmp_path: Path) -> None:
    assert synthetic.summary()["fills"]
    live, again = Books(synthetic.state), replayed(synthetic.state, tmp_path / "again", "--seed", 11)
    assert len(live.rows("decision")) > 1000
    same(live, again)


def test_synthetic_market_itself_gives_the_same_decisions(synthetic: Play, tmp_path: Path) -> None:
    """Without what the daemon saw: the market made anew from its seed, under the daemon's name."""
    done = paperd("backtest", "--seed", 11, "--days", 1, "--out", tmp_path / "out", "--json", cwd=tmp_path)
    assert done.code == 0, done.err[-3000:]
    names = ("strategy", "instrument", "timeframe", "bar_end", "signal", "combined")
    live = {row[:4]: row[4:] for row in picked(Books(synthetic.state).rows("decision"), names)}
    again = {row[:4]: row[4:] for row in picked(Books(tmp_path / "out").rows("decision"), names)}
    assert again == live


@pytest.fixture(scope="module")
def recorded(plays: Plays, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Books, Books]:
    """Return the books of a recorded day, and of a backtest over them."""
    play = plays("recorded", "--days", 1, "--speed", "max", "--data", shared_data)
    assert play.summary()["fills"]
    out = tmp_path_factory.mktemp("recorded") / "again"
    return Books(play.state), replayed(play.state, out, "--data", shared_data)


def test_recorded_day_is_decided_again_as_it_was(recorded: tuple[Books, Books]) -> None:
    live, again = recorded
    same(live, again, "decision")
    assert again.positions() == live.positions()
    first = {fill["order_ref"]: fill["seq"] for fill in reversed(live.rows("fill"))}
    ours = {fill["order_ref"]: fill for fill in reversed(again.rows("fill"))}
    for fill in live.rows("fill"):
        if fill["seq"] == first[fill["order_ref"]]:
            assert picked([ours[fill["order_ref"]]], FILL) == picked([fill], FILL)


def test_recorded_day_is_filled_again_as_it_was(recorded: tuple[Books, Books]) -> None:
    same(*recorded, "fill", "equity")


@pytest.fixture(scope="module")
def two_days(plays: Plays, tmp_path_factory: pytest.TempPathFactory) -> tuple[Books, Books]:
    """Return the books of two days, the first with an early close, and of a backtest over them."""
    arguments = ("--seed", 11, "--start", DAY)
    play = plays("backtest-two-days", "--days", 2, "--speed", "max", *arguments)
    assert play.summary()["days"] == 2
    return Books(play.state), replayed(play.state, tmp_path_factory.mktemp("two-days") / "again", *arguments)


def test_two_days_are_traded_again_as_they_were(two_days: tuple[Books, Books]) -> None:
    live, again = two_days
    same(live, again, "decision", "fill")
    same(live, again, "equity", where=f"at != '{SECOND_OPEN}'", but="day_start_equity")
    assert [row["day"] for row in again.rows("session", "phase = 'CLOSED'")] == [DAY, "2025-12-01"]


def test_open_of_the_second_day_is_valued_again_as_it_was(two_days: tuple[Books, Books]) -> None:
    same(*two_days, "equity")


def test_terminated_and_restarted_day_is_traded_again(tmp_path: Path) -> None:
    """What was decided once is decided alike; the pause itself is the only thing that may differ."""
    quick = ("--symbol", "SPY", "--timeframes", "1m,5m", "--seed", 7, "--start", DAY)
    live = Books(tmp_path / "state")
    with running("run", *quick, "--speed", 600, "--state", tmp_path / "state", folder=tmp_path / "logs") as program:
        eventually(lambda: live.count("bar", "timeframe = '1m'") >= 30, "30 bars")
        assert program.end(signal.SIGTERM) == 0
    last = live.rows("bar")[-1]["at"]
    with running(
        "run", *quick, "--speed", "max", "--days", 1, "--state", tmp_path / "state", folder=tmp_path / "logs"
    ) as program:
        assert program.ended() == 0
    again = replayed(tmp_path / "state", tmp_path / "again", *quick)
    before, after = ({row[0]: row[1:] for row in picked(books.rows("decision"), DECISION)} for books in (live, again))
    assert set(before) == set(after)
    differing = sorted(name for name in before if before[name] != after[name])
    assert differing == [], f"differ after the pause at {last}: {differing[:5]}"
    assert picked(again.rows("fill"), FILL) == picked(live.rows("fill"), FILL)


def test_backtest_needs_no_other_argument(tmp_path: Path) -> None:
    done = paperd(
        "backtest",
        "--strategy",
        "sma_cross",
        "--symbol",
        "SPY",
        "--days",
        5,
        cwd=tmp_path,
        env={"STATE_DIRECTORY": str(tmp_path / "state")},
    )
    assert done.code == 0, done.err[-3000:]
    page = Path(done.out.splitlines()[-1])
    assert page.suffix == ".html"
    assert page.is_relative_to(tmp_path)
    assert "<html" in page.read_text()
    assert datetime.fromisoformat(Books(page.parent).rows("run")[0]["at"]).date().isoformat() == "2026-03-02"


def test_csv_is_traded_and_its_oddities_are_told(tmp_path: Path) -> None:
    rows = ["Date,Open,High,Low,Close,Volume"]
    for minute in [*range(100), *range(101, 390)]:
        clock, prices = divmod(9 * 60 + 30 + minute, 60), (100 + minute % 40 / 10, 100 + (minute + 1) % 40 / 10)
        rows.append(f"2024-06-13 {clock[0]:02}:{clock[1]:02}:00,{prices[0]},110,90,{prices[1]},1000")
    (tmp_path / "SPY.csv").write_text("\n".join(rows) + "\n")
    arguments = (
        "backtest",
        "--csv",
        "SPY.csv",
        "--strategy",
        "sma_cross",
        "--timeframes",
        "1m",
        "--out",
        tmp_path / "out",
    )
    refused = paperd(*arguments, cwd=tmp_path)
    assert refused.code == 78
    assert "--timezone America/New_York" in refused.err
    assert "row 1" in refused.err
    done = paperd(*arguments, "--timezone", "America/New_York", "--json", cwd=tmp_path)
    assert done.code == 0, done.err[-3000:]
    told = done.json()
    assert told["fills"] > 0
    assert any("1 bars are missing within sessions: 1 before row 101" in text for text in told["warnings"])
    assert any("decisions were WARMUP" in text for text in told["warnings"])
    assert "bars are missing within sessions" in Path(told["page"]).read_text()
