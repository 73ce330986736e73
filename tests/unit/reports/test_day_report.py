"""The report of a day against the journal it was made from."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from daemon.domain.errors import ConfigError
from daemon.domain.records import DecisionMade, Record
from daemon.journal.reader import open_reader
from daemon.reports.day_report import day_report, last_day
from daemon.reports.errors import DayNotThere, NothingToReport
from daemon.reports.files import write_report
from daemon.reports.render import to_html, to_json
from daemon.reports.values import DayReport
from tests.fakes.day_journal import beginning, busy_day, ending, quiet_day, write_journal

MONDAY = date(2026, 3, 2)


@contextmanager
def reading(state: Path, *days: list[Record]) -> Iterator[Engine]:
    engine = open_reader(write_journal(state, *days))
    try:
        yield engine
    finally:
        engine.dispose()


def reported(state: Path, records: list[Record], strategy: str | None = None) -> DayReport:
    with reading(state, records) as engine:
        return day_report(engine, MONDAY, strategy=strategy)


def test_the_account_is_compared_with_its_start_of_the_day(tmp_path: Path) -> None:
    result = reported(tmp_path, busy_day()).result
    assert (result.start, result.end, result.pnl) == (Decimal(100_000), Decimal("100010.25"), Decimal("10.25"))
    assert result.pnl_fraction == pytest.approx(10.25 / 100_000)
    assert result.commission == Decimal("40.10255")


def test_the_drawdown_is_the_deepest_fall_from_the_days_peak(tmp_path: Path) -> None:
    report = reported(tmp_path, busy_day())
    peak = max(point.equity for point in report.curve)
    low = min(point.equity for point in report.curve)
    assert report.result.drawdown == peak - low
    assert report.result.drawdown_fraction == pytest.approx(float((peak - low) / peak))


def test_each_strategy_has_its_own_figures(tmp_path: Path) -> None:
    pulse, trend = reported(tmp_path, busy_day()).strategies
    assert (trend.strategy, trend.orders, trend.filled_orders, trend.fills) == ("trend", 2, 2, 2)
    assert trend.traded_value == Decimal("15035.00")
    assert trend.result.pnl == Decimal("10.25")
    assert dict(trend.decisions) == {"IN_POSITION": 40}
    assert trend.refusals == ()
    assert dict(pulse.decisions) == {"NO_SIDE": 5, "REFUSED": 1}
    assert [(refusal.control, refusal.count, refusal.example) for refusal in pulse.refusals] == [
        ("position_value", 1, "120000.00, allowed 100000")
    ]


def test_execution_is_summed_up_against_three_references(tmp_path: Path) -> None:
    quality = reported(tmp_path, busy_day()).quality
    decision = quality.slippage_bps["decision"]
    assert (decision.count, decision.p50, decision.mean) == (4, 10.0, 11.25)
    assert decision.p95 == pytest.approx(22.35)
    assert quality.slippage_bps["mid"].p50 == 1.5
    assert quality.slippage_bps["touch"].p50 == -0.25
    assert quality.market_ms["sent_to_first_fill"].p50 == 120.0
    assert quality.host_ms["received_to_sent"].mean == pytest.approx(0.78)


def test_fills_come_in_their_order_with_what_they_cost(tmp_path: Path) -> None:
    fills = reported(tmp_path, busy_day()).fills
    assert [fill.at for fill in fills] == sorted(fill.at for fill in fills)
    assert [fill.commission for fill in fills] == [
        Decimal("20.004"),
        Decimal("5.02005"),
        Decimal("10.066"),
        Decimal("5.0125"),
    ]


def test_only_what_is_still_held_counts_as_a_position(tmp_path: Path) -> None:
    (position,) = reported(tmp_path, busy_day()).positions
    assert (position.strategy, position.quantity, position.average_cost) == ("trend", Decimal(10), Decimal("500.1"))
    assert position.value == Decimal("5020.00")


def test_a_report_of_one_strategy_holds_nothing_of_the_others(tmp_path: Path) -> None:
    report = reported(tmp_path, busy_day(), strategy="pulse")
    assert [strategy.strategy for strategy in report.strategies] == ["pulse"]
    assert {fill.strategy for fill in report.fills} == {"pulse"}
    assert report.positions == ()
    assert report.result.start == Decimal(50_000)
    assert report.quality.slippage_bps["decision"].count == 2


def test_a_day_without_trades_says_so_in_words(tmp_path: Path) -> None:
    page = to_html(reported(tmp_path, quiet_day())).decode()
    assert "Nothing was traded: 3 decisions, no order was sent." in page
    assert "Nothing was bought or sold on this day." in page
    assert "there is no line to draw" in page


def test_times_are_the_exchanges_and_its_zone_is_named(tmp_path: Path) -> None:
    page = to_html(reported(tmp_path, busy_day())).decode()
    assert "XNYS 09:30 to 16:00 EST" in page
    assert "09:40:01" in page
    assert "Times are those of America/New_York (EST)" in page


def test_a_session_that_has_not_closed_is_marked(tmp_path: Path) -> None:
    report = reported(tmp_path, beginning())
    assert not report.closed
    assert "had not closed when this was written" in to_html(report).decode()
    assert reported(tmp_path / "closed", [*beginning(), *ending()]).closed


def test_the_page_needs_nothing_else_and_is_well_formed(tmp_path: Path) -> None:
    page = to_html(reported(tmp_path, busy_day())).decode()
    assert left_open(page) == []
    assert not re.search(r"(?:src|href)=|url\(|@import|<script", page)


def test_text_from_outside_is_never_markup(tmp_path: Path) -> None:
    page = to_html(reported(tmp_path, busy_day(symbol="<b>&x"))).decode()
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;x" in page


def test_the_json_holds_every_digit(tmp_path: Path) -> None:
    values = json.loads(to_json(reported(tmp_path, busy_day())))
    assert values["day"] == "2026-03-02"
    assert values["result"]["commission"] == "40.102550"
    assert values["fills"][1]["price"] == "502.005"
    assert values["fills"][0]["at"] == "2026-03-02T14:40:01+00:00"


def test_the_same_day_gives_the_same_bytes(tmp_path: Path) -> None:
    with reading(tmp_path, busy_day()) as engine:
        first, second = day_report(engine, MONDAY), day_report(engine, MONDAY)
    assert to_html(first) == to_html(second)
    assert to_json(first) == to_json(second)


def test_the_last_day_is_the_default(tmp_path: Path) -> None:
    with reading(tmp_path, busy_day()) as engine:
        assert last_day(engine) == MONDAY


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2026, 3, 1), "XNYS was closed on Sunday"),
        (date(2026, 2, 16), "XNYS was closed on Monday"),  # Presidents' Day
        (date(2026, 3, 9), "has not been traded yet: the journal ends with 2026-03-02"),
        (date(2026, 2, 27), "did not trade on 2026-02-27"),
        (date(1901, 1, 1), "outside calendar XNYS"),
    ],
)
def test_a_day_that_cannot_be_reported_says_why(tmp_path: Path, day: date, said: str) -> None:
    with reading(tmp_path, busy_day()) as engine, pytest.raises(DayNotThere, match=said) as caught:
        day_report(engine, day)
    assert caught.value.cure


def test_an_empty_journal_has_nothing_to_report(tmp_path: Path) -> None:
    with reading(tmp_path) as engine, pytest.raises(NothingToReport):
        last_day(engine)


def test_an_unknown_strategy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'nope' is not in this journal"):
        reported(tmp_path, busy_day(), strategy="nope")


def test_the_exchange_is_the_one_the_daemon_traded_on(tmp_path: Path) -> None:
    records = [*beginning(exchange="XLON"), *ending()]
    report = reported(tmp_path, records)
    assert (report.exchange, report.timezone) == ("XLON", "Europe/London")


def test_what_happened_on_other_days_stays_out(tmp_path: Path) -> None:
    tomorrow: list[Record] = [
        replace(record, at=record.at + timedelta(days=1), decision_id=f"next {record.decision_id}")
        for record in quiet_day()
        if isinstance(record, DecisionMade)
    ]
    with reading(tmp_path, busy_day(), tomorrow) as engine:
        report = day_report(engine, MONDAY)
    assert sum(sum(strategy.decisions.values()) for strategy in report.strategies) == 46


def test_reports_land_in_the_state_directory_whole(tmp_path: Path) -> None:
    report = reported(tmp_path, busy_day())
    written = write_report(report, tmp_path / "reports")
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["2026-03-02.html", "2026-03-02.json"]
    assert written["html"].read_bytes() == to_html(report)
    only = write_report(reported(tmp_path / "b", busy_day(), "trend"), tmp_path / "reports", ("json",))
    assert only == {"json": tmp_path / "reports" / "2026-03-02-trend.json"}


def left_open(page: str) -> list[str]:
    """Return the elements that nothing closes; fail where one is closed out of order."""
    found: list[str] = []
    for closing, tag, self_closed in re.findall(r"<(/?)([a-z0-9]+)[^>]*?(/?)>", page):
        if closing:
            assert found.pop() == tag
        elif not self_closed and tag != "meta":
            found.append(tag)
    return found
