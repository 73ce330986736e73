"""From values to the coordinates of the tear sheet's pictures."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.reports.tear_sheet_plots import (
    Plot,
    amount,
    dates,
    drawdown_plots,
    equity_plots,
    nice_levels,
    share,
    spread_plots,
)
from daemon.reports.tear_sheet_values import Curve

ZONE = ZoneInfo("America/New_York")
START = datetime(2026, 3, 2, 9, 30, tzinfo=ZONE)


def curve(*equity: float, step: timedelta = timedelta(days=1)) -> Curve:
    peaks = [max(equity[: place + 1]) for place in range(len(equity))]
    return Curve(
        times=tuple((START + step * place).timestamp() for place in range(len(equity))),
        equity=equity,
        drawdown=tuple(1 - value / peak for value, peak in zip(equity, peaks, strict=True)),
    )


def corners(plot: Plot) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (point.split(",") for point in plot.line.split())]


@pytest.mark.parametrize("equity", [(), (100.0,), (100.0, 100.0, 100.0)])
def test_what_does_not_move_is_not_drawn(equity: tuple[float, ...]) -> None:
    assert equity_plots(curve(*equity), ZONE) == ()
    assert drawdown_plots(curve(*equity), ZONE) == ()


def test_what_only_rises_has_no_drawdown_to_draw() -> None:
    assert len(equity_plots(curve(1.0, 2.0), ZONE)) == 2
    assert drawdown_plots(curve(1.0, 2.0), ZONE) == ()


def test_the_line_fills_the_picture_and_rises_with_equity() -> None:
    for plot in equity_plots(curve(100_000.0, 105_000.0, 104_000.0), ZONE):
        (x0, y0), (_, y1), (x2, y2) = corners(plot)
        assert (x0, x2) == (plot.canvas.left, plot.canvas.end)
        assert plot.canvas.floor > y0 > y2 > y1 > plot.canvas.top
        assert plot.base == y0
        assert all(plot.canvas.top <= tick.at <= plot.canvas.floor for tick in plot.levels)


def test_drawdowns_hang_from_the_top() -> None:
    for plot in drawdown_plots(curve(100.0, 80.0, 110.0), ZONE):
        assert [y for _, y in corners(plot)][::2] == [plot.canvas.top, plot.canvas.top]
        assert plot.levels[-1].label == "0 %"


def test_every_place_of_the_curve_can_be_asked_for_its_value() -> None:
    plot = equity_plots(curve(100.0, 250.5), ZONE)[0]
    assert [box.title for box in plot.boxes] == ["2 Mar 2026 09:30: 100.00", "3 Mar 2026 09:30: 250.50"]
    assert sum(box.width for box in plot.boxes) == pytest.approx(plot.canvas.end - plot.canvas.left)


def test_all_trades_are_in_the_bars_and_none_has_both_signs() -> None:
    pnl = [-30.0, -12.0, -5.0, 0.0, 4.0, 8.0, 15.0, 22.0, 60.0]
    for plot in spread_plots(pnl):
        counts = dict.fromkeys(("gain", "loss"), 0)
        for box in plot.boxes:
            counts[box.kind] += int(box.title.rsplit(": ", 1)[1].split()[0])
        assert counts == {"gain": 6, "loss": 3}
        assert max(box.x + box.width for box in plot.boxes) <= plot.canvas.end


@pytest.mark.parametrize(
    "pnl", [[5.0, 5.0], [-3.0, -3.0, -3.0], [0.0, 0.0], [1e-9, -1e9], [0.1, 0.2, 0.30000000000000004]]
)
def test_odd_distributions_can_be_drawn(pnl: list[float]) -> None:
    for plot in spread_plots(pnl):
        assert sum(int(box.title.rsplit(": ", 1)[1].split()[0]) for box in plot.boxes) == len(pnl)
        assert plot.boxes[0].width > 0


def test_one_trade_is_no_distribution() -> None:
    assert spread_plots([5.0]) == ()


@pytest.mark.parametrize(
    ("lowest", "highest", "levels"),
    [
        (0.0, 6.0, [0, 2, 4, 6]),
        (98_700.0, 103_100.0, [98_000, 100_000, 102_000, 104_000]),
        (-0.084, 0.0, [-0.1, -0.05, 0.0]),
        (5.0, 5.0, [5.0, 6.0]),
    ],
)
def test_grid_lines_are_at_round_values(lowest: float, highest: float, levels: list[float]) -> None:
    assert nice_levels(lowest, highest, about=3) == pytest.approx(levels)


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (timedelta(minutes=30), ["09:30", "09:45", "10:00"]),
        (timedelta(hours=6), ["10:00", "12:00", "14:00"]),
        (timedelta(days=2), ["12:00", "3 Mar", "12:00", "4 Mar"]),
        (timedelta(days=20), ["9 Mar", "16 Mar"]),
        (timedelta(days=120), ["Apr 2026", "May", "Jun"]),
        (timedelta(days=700), ["Jul 2026", "2027", "Jul", "2028"]),
        (timedelta(days=365 * 20), ["2030", "2035", "2040", "2045"]),
    ],
)
def test_times_are_labelled_at_round_moments_of_the_exchanges_clock(length: timedelta, labels: list[str]) -> None:
    assert [label for _, label in dates(START, START + length, about=4)] == labels


def test_amounts_and_shares_are_short() -> None:
    assert [amount(value) for value in (0.0, -950.0, 5_000.0, 102_500.0, -2_500_000.0, 3e9)] == [
        "0",
        "−950",
        "5,000",
        "102.5k",
        "−2.5M",
        "3bn",
    ]
    assert [share(value) for value in (0.0, -0.05, 0.0025)] == ["0 %", "−5 %", "0.25 %"]
