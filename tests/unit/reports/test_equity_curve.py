"""From an equity series to the coordinates of a picture."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from daemon.reports.equity_curve import HEIGHT, LEFT, WIDTH, Curve, equity_curve
from daemon.reports.values import EquityPoint

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")


def drawn(*values: str, start: str | None = None) -> Curve | None:
    step = (CLOSE - OPEN) / max(len(values) - 1, 1)
    points = [EquityPoint(at=OPEN + step * index, equity=Decimal(value)) for index, value in enumerate(values)]
    return equity_curve(
        points, start=None if start is None else Decimal(start), opened=OPEN, closes=CLOSE, timezone=ZONE
    )


@pytest.mark.parametrize("values", [(), ("100",)])
def test_fewer_than_two_points_make_no_line(values: tuple[str, ...]) -> None:
    assert drawn(*values) is None


def test_the_line_spans_the_session_and_rises_with_equity() -> None:
    curve = drawn("100", "130", "200")
    assert curve is not None
    (x0, y0), (_, y1), (x2, y2) = ((float(a), float(b)) for a, b in (p.split(",") for p in curve.points.split()))
    assert x0 == LEFT
    assert WIDTH - 25 < x2 < WIDTH
    assert HEIGHT > y0 > y1 > y2 > 0


def test_the_baseline_is_where_the_day_began() -> None:
    curve = drawn("110", "120", start="110")
    assert curve is not None
    assert curve.baseline == float(curve.points.split()[0].split(",")[1])


def test_a_flat_day_still_has_a_scale() -> None:
    curve = drawn("100000", "100000", start="100000")
    assert curve is not None
    assert len(curve.values) >= 2
    assert len({tick.label for tick in curve.values}) == len(curve.values)


def test_nothing_and_losses_can_be_drawn() -> None:
    assert drawn("0", "0") is not None
    assert drawn("-50", "-80", start="0") is not None


def test_hours_are_those_of_the_exchanges_clock() -> None:
    curve = drawn("1", "2")
    assert curve is not None
    assert [tick.label for tick in curve.times] == ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]


def test_points_outside_the_session_stay_in_the_picture() -> None:
    points = [
        EquityPoint(at=OPEN - timedelta(hours=1), equity=Decimal(1)),
        EquityPoint(at=CLOSE + timedelta(hours=1), equity=Decimal(2)),
    ]
    curve = equity_curve(points, start=None, opened=OPEN, closes=CLOSE, timezone=ZONE)
    assert curve is not None
    assert all(LEFT <= float(point.split(",")[0]) <= WIDTH for point in curve.points.split())
