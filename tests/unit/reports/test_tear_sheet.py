"""The tear sheet: what is measured, what is said where nothing can be, and what the page holds."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.domain.decision import StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Side
from daemon.reports.tear_sheet import tear_sheet
from daemon.reports.tear_sheet_page import duration, shade, summary, to_html, to_json, write_tear_sheet
from daemon.reports.tear_sheet_values import BarsInfo, RunSettings, TearSheet
from daemon.statistics.equity_series import EquitySeries
from daemon.statistics.trades import Execution

ZONE = ZoneInfo("America/New_York")
FIRST = datetime(2026, 3, 2, 16, 0, tzinfo=ZONE)  # a Monday, before the clocks change
SETTINGS = RunSettings(
    title="sma_cross <on> SPY",
    strategies=("sma_cross",),
    exchange="XNYS",
    timezone="America/New_York",
    currency="USD",
    version="0.1.0",
    seed=7,
    parameters={"sma_cross": {"fast": "10", "slow": "30"}, "Costs": {"commission": "0.2 %"}},
)
BARS = BarsInfo(source="made up", counts={"SPY 1d": 4}, first=FIRST.astimezone(UTC), last=None)


def sheet_of(
    values: list[float] | NDArray[np.float64],
    executions: list[Execution] | None = None,
    *,
    step: timedelta = timedelta(days=1),
    warnings: tuple[str, ...] = (),
    samples: int = 200,
) -> TearSheet:
    first = FIRST if step >= timedelta(days=1) else FIRST.astimezone(UTC)  # a day is one of the exchange's
    times = np.array([(first + step * place).timestamp() for place in range(len(values))])
    return tear_sheet(
        EquitySeries(times=times, values=np.array(values, dtype=np.float64)),
        executions or [],
        settings=SETTINGS,
        bars=BARS,
        warnings=warnings,
        samples=samples,
        seed=3,
    )


def fill(day: float, side: Side, price: str, *, reason: str = "") -> Execution:
    return Execution(
        strategy=StrategyId("sma_cross"),
        instrument=InstrumentId("SPY"),
        at=(FIRST + timedelta(days=day)).astimezone(UTC),
        side=side,
        quantity=Decimal(10),
        price=Decimal(price),
        commission=Decimal("1.00"),
        reason=reason,
    )


def trades(*changes: int, days: float = 1.0, spread: float = 0.0) -> list[Execution]:
    """Return trades that gain `change` a unit each, one after the other."""
    fills = []
    for number, change in enumerate(changes):
        fills.append(fill(2 * number * days, Side.BUY, "100"))
        fills.append(fill((2 * number + 1 + number % 3 * spread) * days, Side.SELL, str(100 + change), reason="stop"))
    return fills


def walk(n: int, *, drift: float = 0.001, seed: int = 1) -> NDArray[np.float64]:
    steps = np.random.default_rng(seed).normal(drift, 0.01, n - 1)
    return np.asarray(100_000.0 * np.concatenate(([1.0], np.cumprod(1.0 + steps))))


class Page:
    """The words and elements of a page, without its style. It must be well-formed."""

    def __init__(self, html: bytes) -> None:
        root = ET.fromstring(html.decode().removeprefix("<!doctype html>"))
        self.elements = list(root.iter())
        self.words = "\n".join(text for part in (root.find("head/title"), root.find("body")) for text in _texts(part))

    def count(self, tag: str) -> int:
        return sum(1 for element in self.elements if element.tag == tag)


def _texts(part: ET.Element | None) -> list[str]:
    assert part is not None
    return list(part.itertext())


def test_figures_are_those_of_the_marks() -> None:
    sheet = sheet_of([100_000, 110_000, 99_000, 108_900])
    assert sheet.days == 3
    assert sheet.figures["total_return"].value == pytest.approx(0.089)
    assert sheet.figures["max_drawdown"].value == pytest.approx(0.1)
    assert sheet.figures["sharpe"].value == pytest.approx((1 / 30) / (3**0.5 / 15) * 252**0.5)
    assert sheet.figures["longest_drawdown"].value == 2  # the peak is not reached again
    (fall,) = sheet.drawdowns
    assert (fall.start, fall.trough, fall.recovery) == (
        FIRST + timedelta(days=1),
        FIRST + timedelta(days=2),
        None,
    )
    assert [year.months[2] for year in sheet.monthly] == [pytest.approx(0.089)]


def test_a_fall_within_a_day_counts_for_the_drawdown() -> None:
    sheet = sheet_of([100.0, 60.0, 100.0, 101.0], step=timedelta(hours=2))
    assert sheet.figures["max_drawdown"].value == pytest.approx(0.4)


def test_trades_costs_exposure_and_turnover_are_measured() -> None:
    sheet = sheet_of([10_000.0] * 6, [*trades(5, -2), fill(4, Side.BUY, "100")])
    assert [trade.pnl for trade in sheet.trades] == [Decimal(48), Decimal(-22)]
    assert sheet.figures["profit_factor"].value == pytest.approx(48 / 22)
    assert sheet.figures["exposure"].value == pytest.approx(4 / 6)  # marks 0, 2, 4, 5
    assert sheet.figures["turnover"].value == pytest.approx(5_030 / 2 / 10_000 / 6 * 252)
    assert sheet.costs.executions == 5
    assert (sheet.costs.commission, sheet.costs.traded_value) == (Decimal(5), Decimal(5_030))
    assert sheet.costs.commission_of_profit == pytest.approx(4 / 30)
    assert sheet.trade_statistics.reasons == {"stop": 2}
    assert len(sheet.open_trades) == 1
    assert any("1 position still open" in warning for warning in sheet.warnings)


def test_each_figure_has_an_interval_around_it_when_there_is_enough_to_go_by() -> None:
    changes = [3, -2, 5, -1, 4, -3, 2, 6, -4, 1, -2, 3, 5, -1, 2]
    sheet = sheet_of(walk(300), trades(*changes, days=3.3, spread=0.2), samples=800)
    for name, figure in sheet.figures.items():
        assert figure.missing == "", name
        assert figure.value is not None
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high, name


def test_the_same_run_gives_the_same_sheet() -> None:
    assert to_json(sheet_of(walk(80))) == to_json(sheet_of(walk(80)))


def test_the_risk_free_rate_is_taken_off_before_the_ratios() -> None:
    values, times = walk(100), np.array([(FIRST + timedelta(days=day)).timestamp() for day in range(100)])
    rate = RunSettings(**{**{name: getattr(SETTINGS, name) for name in SETTINGS.__slots__}, "risk_free_rate": 0.05})
    equity = EquitySeries(times=times, values=values)
    rich = tear_sheet(equity, [], settings=SETTINGS, bars=BARS, samples=50).figures
    poor = tear_sheet(equity, [], settings=rate, bars=BARS, samples=50).figures
    daily = 1.05 ** (1 / 252) - 1
    returns = values[1:] / values[:-1] - 1
    lower = daily / returns.std(ddof=1) * 252**0.5
    assert poor["sharpe"].value == pytest.approx((rich["sharpe"].value or 0) - lower)
    assert poor["volatility"].value == rich["volatility"].value


@pytest.mark.parametrize(
    ("values", "name", "value", "missing"),
    [
        ([100.0], "total_return", None, "fewer than two days"),
        ([100.0] * 30, "sharpe", None, "no variation"),
        ([100.0] * 30, "calmar", None, "no drawdown"),
        ([100.0, 101.0], "cagr", None, "fewer than 20 days"),
        ([100.0, 101.0], "total_return", pytest.approx(0.01), "only 1 day"),
        ([100.0] * 30, "volatility", 0.0, "resamples do not tell"),
        ([100.0, 50.0, 0.0], "sharpe", None, "equity fell to nothing"),
        ([100.0, 50.0, -10.0], "total_return", pytest.approx(-1.1), "equity fell to nothing"),
        ([100.0] * 30, "hit_rate", None, "no closed trade"),
    ],
)
def test_what_is_not_known_is_said_in_words(values: list[float], name: str, value: object, missing: str) -> None:
    figure = sheet_of(values).figures[name]
    assert (figure.value, figure.missing) == (value, missing)


def test_only_losses_leave_no_average_win() -> None:
    sheet = sheet_of(walk(60, drift=-0.01), trades(*[-1, -2, -3] * 5))
    assert sheet.figures["average_win"].missing == "no winning trade"
    assert (sheet.figures["hit_rate"].value, sheet.figures["hit_rate"].low) == (0.0, None)


@pytest.mark.parametrize(
    ("sheet", "warning"),
    [
        (sheet_of([100.0, 101.0, 102.5]), "Only 2 daily returns: what is per year is extrapolated."),
        (sheet_of(walk(100, drift=0.0)), "The interval of the Sharpe ratio includes zero"),
        (sheet_of(walk(200, drift=0.01)), "A Sharpe ratio above 3 is rare"),
        (sheet_of([100.0, 0.0]), "Equity fell to zero or below"),
        (sheet_of([100.0] * 9, trades(1)), "Only 1 closed trade"),
        (sheet_of([100.0] * 9, warnings=("SPY: 3 bars missing.",)), "SPY: 3 bars missing."),
    ],
)
def test_a_reader_is_warned(sheet: TearSheet, warning: str) -> None:
    assert any(warning in found for found in sheet.warnings)
    assert warning in Page(to_html(sheet)).words


def test_plots_keep_every_spike_of_a_long_run() -> None:
    values = np.full(200_000, 100.0)
    values[123_456] = 40.0
    values[150_001] = 180.0
    curve = sheet_of(values, step=timedelta(minutes=1), samples=10).curve
    assert len(curve.times) <= 1_002
    assert (min(curve.equity), max(curve.equity)) == (40.0, 180.0)
    assert max(curve.drawdown) == pytest.approx(0.6)


def test_json_holds_everything_and_no_digit_of_a_trade_is_lost() -> None:
    told = json.loads(to_json(sheet_of(walk(60), trades(5, -2))))
    assert told["figures"]["sharpe"]["low"] < told["figures"]["sharpe"]["value"] < told["figures"]["sharpe"]["high"]
    assert [trade["pnl"] for trade in told["trades"]] == ["48.00", "-22.00"]
    assert told["start"] == "2026-03-02T21:00:00+00:00"
    assert told["settings"]["parameters"]["sma_cross"] == {"fast": "10", "slow": "30"}
    assert "NaN" not in to_json(sheet_of([100.0])).decode()


def test_the_page_needs_nothing_from_outside_and_runs_nothing() -> None:
    html = to_html(sheet_of(walk(90), trades(5, -2, 4)))
    page = Page(html)
    assert not {"script", "link", "img", "iframe"} & {element.tag for element in page.elements}
    assert not re.search(rb"https?://|url\(|@import", html)
    assert b"default-src 'none'" in html
    assert b"sma_cross &lt;on&gt; SPY" in html
    assert page.count("svg") == 6  # equity, drawdown and trades, for wide and for narrow screens


def test_the_page_says_what_it_found() -> None:
    page = Page(to_html(sheet_of([100_000, 110_000, 99_000, 108_900], trades(5, -2)))).words
    assert "100,000.00 USD became 108,900.00 from 2 Mar 2026 to 5 Mar 2026, up 8,900.00 (+8.90 %)." in page
    assert "2 trades, 1 with a gain and 1 with a loss, for 4.00 of commission." in page
    assert "no interval: only 3 days" in page
    assert "2026-03-03 16:00" in page  # the exchange's clock
    assert "Times are those of America/New_York" in page
    assert "3 Mar 2026 16:00: 110,000.00" in page  # to be read by pointing at the curve
    assert "made up" in page


def test_the_clock_follows_the_exchanges_summer_time() -> None:
    sheet = sheet_of(walk(30), [fill(10, Side.BUY, "100"), fill(11, Side.SELL, "101")])
    assert "2026-03-12 16:00" in Page(to_html(sheet)).words


@pytest.mark.parametrize(
    ("sheet", "sentences"),
    [
        (sheet_of([100.0]), ["Equity was marked only once", "No trade was closed.", "No month has a return yet."]),
        (sheet_of([100.0] * 40), ["Equity never moved", "Equity never fell below its peak.", "Nothing was traded."]),
        (sheet_of([100.0, 101.0], trades(1)), ["One trade was closed: +8.00 USD.", "Equity never fell"]),
        (sheet_of([100.0] * 3, [fill(0, Side.BUY, "9")]), ["1 execution closed no trade", "Still open at the end"]),
    ],
)
def test_words_stand_where_there_is_nothing_to_draw(sheet: TearSheet, sentences: list[str]) -> None:
    page = Page(to_html(sheet))
    for sentence in sentences:
        assert sentence in page.words
    assert not any("nan" in value for element in page.elements for value in element.attrib.values())


def test_the_first_two_hundred_trades_are_listed() -> None:
    page = Page(to_html(sheet_of(walk(30), trades(*[1, -1] * 120, days=0.01))))
    assert "The first 200 of 240; all of them are in the JSON file beside this page." in page.words
    assert page.words.count("long") == 200


def test_a_run_that_ends_where_it_began_is_unchanged() -> None:
    assert summary(sheet_of([100.0, 100.0]), ZONE)[0].endswith("unchanged.")


def test_files_are_written_side_by_side(tmp_path: Path) -> None:
    written = write_tear_sheet(sheet_of(walk(30)), tmp_path / "new", stem="spy")
    assert {form: path.name for form, path in written.items()} == {"html": "spy.html", "json": "spy.json"}
    assert written["html"].read_bytes().startswith(b"<!doctype html>")
    assert list((tmp_path / "new").iterdir()) != []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (7.4, "7 s"),
        (150, "2 min 30 s"),
        (9_000, "2 h 30 min"),
        (180_000, "2 d 2 h"),
        (86_400 * 1_200, "1,200 d"),
    ],
)
def test_lengths_of_time_are_told_in_their_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "name"), [(None, ""), (0.0, ""), (0.001, "gain-1"), (0.05, "gain-3"), (0.4, "gain-5"), (-0.03, "loss-2")]
)
def test_a_month_is_shaded_by_its_side_and_size(value: float | None, name: str) -> None:
    assert shade(value) == name
