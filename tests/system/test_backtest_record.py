"""What the journal keeps is a choice; what is ordered, filled and counted is not."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.system.books import Books
from tests.system.programs import paperd

ORDER = ("order_ref", "strategy", "instrument", "side", "quantity", "at")
FILL = ("order_ref", "exec_id", "quantity", "price", "at")
COUNTED = ("days", "bars", "decisions", "decisions_by_outcome", "orders", "fills", "commission", "pnl", "equity")


def minutes(path: Path) -> Path:
    """Write two sessions with prices that swing, so that averages cross."""
    rows = ["Time,Open,High,Low,Close,Volume"]
    for day in (13, 14):
        for minute in range(390):
            hour, past = divmod(9 * 60 + 30 + minute, 60)
            price = 100 + abs(minute % 80 - 40) / 10
            rows.append(
                f"2024-06-{day} {hour:02}:{past:02}:00-04:00,{price},{price + 1},{price - 1},{price + 0.2},1000"
            )
    path.write_text("\n".join(rows) + "\n")
    return path


def ran(folder: Path, record: str, *arguments: object) -> tuple[dict[str, Any], Books]:
    out = folder / record
    done = paperd("backtest", *arguments, "--record", record, "--out", out, "--json", cwd=folder, within_s=300)
    assert done.code == 0, done.err[-3000:]
    return done.json(), Books(out)


@pytest.mark.parametrize("source", ["synthetic", "csv"])
def test_both_ways_order_fill_and_count_the_same(source: str, tmp_path: Path) -> None:
    arguments: tuple[object, ...] = ("--strategy", "sma_cross", "--symbol", "SPY", "--symbol", "QQQ", "--days", 3)
    if source == "csv":
        arguments = ("--strategy", "sma_cross", "--timeframes", "1m", "--csv", f"SPY={minutes(tmp_path / 'a.csv')}")
    (told, whole), (quiet, part) = (ran(tmp_path, record, *arguments) for record in ("all", "actionable"))
    assert told["fills"] > 0
    assert {name: quiet[name] for name in COUNTED} == {name: told[name] for name in COUNTED}
    for table, names in (("intent", ORDER), ("fill", FILL)):
        ours, theirs = ([tuple(row[name] for name in names) for row in books.rows(table)] for books in (whole, part))
        assert theirs == ours
    assert len(whole.rows("decision")) == told["decisions"]
    filed = pq.read_table(tmp_path / "actionable" / "decisions.parquet").num_rows
    assert len(part.rows("decision")) + filed == quiet["decisions"]
    assert filed > 0
    assert (told["record"], quiet["record"]) == ("all", "actionable")
    assert "every bar, decision and valuation" in Path(told["page"]).read_text()
    assert f"{filed:,} other decisions are in decisions.parquet" in Path(quiet["page"]).read_text()


def test_an_earlier_file_of_decisions_does_not_stay(tmp_path: Path) -> None:
    arguments = ("--strategy", "sma_cross", "--timeframes", "1m", "--csv", f"SPY={minutes(tmp_path / 'a.csv')}")
    for record, is_there in (("actionable", True), ("all", False)):
        done = paperd("backtest", *arguments, "--record", record, "--out", tmp_path / "out", cwd=tmp_path)
        assert done.code == 0, done.err[-3000:]
        assert (tmp_path / "out" / "decisions.parquet").exists() is is_there


def test_memory_bounds_what_is_held_and_not_what_happens(tmp_path: Path) -> None:
    arguments = ("--strategy", "sma_cross", "--timeframes", "1m", "--csv", f"SPY={minutes(tmp_path / 'a.csv')}")
    refused = paperd("backtest", *arguments, "--memory", 150, cwd=tmp_path)
    assert refused.code == 78
    assert "one session of 1 symbols" in refused.err.replace("\n", " ")
    assert "--memory 202" in refused.err
    wide, _ = ran(tmp_path, "all", *arguments)
    done = paperd("backtest", *arguments, "--memory", 202, "--out", tmp_path / "b", "--json", cwd=tmp_path)
    assert done.code == 0, done.err[-3000:]
    assert done.json()["content_hash"] == wide["content_hash"]


def test_a_word_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    refused = paperd("backtest", "--record", "some", cwd=tmp_path)
    assert refused.code == 78
    assert "--record: 'some' is not understood" in refused.err
