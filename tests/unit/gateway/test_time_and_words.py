"""Market instants, IB's words for spans and moments, tickets, pacing."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from daemon.gateway.history import BadRequest, bar_seconds, check_size, duration, moment
from daemon.gateway.options import GatewayOptions
from daemon.gateway.pacing import Pacer
from daemon.gateway.tickets import Desk, RawTicket, Refusal, Ticket, Traded, is_on_grid, judge
from daemon.gateway.timeline import SECOND_US, Timeline, start_us
from tests.fakes.tiny_market import TinyMarket, calendar

NEW_YORK = ZoneInfo("America/New_York")


def test_instants_of_a_day_and_the_jump_to_the_next() -> None:
    opened = start_us(calendar(), date(2024, 3, 5))
    line = Timeline(calendar(), opened, after_close_s=120)
    instants, begins = [opened], False
    while not begins:
        at = line.next_us(None)
        assert at is not None
        begins = line.move(at)
        instants.append(at)
    seconds = [(at - opened) // SECOND_US for at in instants]
    assert seconds[:23_401] == list(range(23_401))
    assert seconds[23_401:-1] == list(range(23_405, 23_521, 5))
    assert instants[-1] == start_us(calendar(), date(2024, 3, 6))
    assert line.session.day == date(2024, 3, 6)


def test_work_at_the_exchange_is_an_instant_of_its_own() -> None:
    opened = start_us(calendar(), date(2024, 3, 5))
    line = Timeline(calendar(), opened, after_close_s=120)
    assert line.next_us(opened + 40_000) == opened + 40_000
    line.move(opened + 40_000)
    assert line.next_us(opened + 40_000) == opened + SECOND_US
    assert line.row == 0


def test_work_after_the_evening_still_belongs_to_it() -> None:
    opened = start_us(calendar(), date(2024, 3, 5))
    line = Timeline(calendar(), opened + 23_520 * SECOND_US, after_close_s=120)
    assert line.session.day == date(2024, 3, 5)
    late = line.now_us + 300_000
    assert line.next_us(late) == late
    assert line.move(late) is False
    assert line.next_us(None) == start_us(calendar(), date(2024, 3, 6))


def test_the_market_ends_with_its_calendar() -> None:
    last = calendar().session_on(date(2024, 12, 31))
    assert last is not None
    line = Timeline(calendar(), last.close_s * SECOND_US + 120 * SECOND_US, after_close_s=120)
    assert line.next_us(None) is None


@pytest.mark.parametrize(
    ("text", "hour_utc"),
    [
        ("20240305 12:00:00 UTC", 12),
        ("20240305-12:00:00", 12),
        ("20240305 07:00:00 US/Eastern", 12),
        ("20240305 07:00:00", 12),
        ("20240305  07:00:00", 12),
        ("20240305 07:00", 12),
    ],
)
def test_moments_in_every_spelling(text: str, hour_utc: int) -> None:
    assert moment(text, NEW_YORK) == datetime(2024, 3, 5, hour_utc, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["20240305", "20241305 12:00:00", "20240305 25:00:00", "20240305 12:00:00 Mars/Base", "x", "20240305 1:00:00"],
)
def test_moments_that_are_none(text: str) -> None:
    with pytest.raises(BadRequest):
        moment(text, NEW_YORK)


def test_spans_and_sizes() -> None:
    assert (duration("2 D"), duration("3600 S"), duration("1 Y")) == ((2, "D"), (3600, "S"), (1, "Y"))
    assert (bar_seconds("5 mins"), bar_seconds("1 hour"), bar_seconds("1 day")) == (300, 3600, 86_400)
    for wrong in ("0 D", "1 H", "-1 D", "1.5 D", "99999999 D"):
        with pytest.raises(BadRequest):
            duration(wrong)
    for size in ("4 mins", "", "0 secs"):
        with pytest.raises(BadRequest):
            bar_seconds(size)
    with pytest.raises(BadRequest, match="invalid step"):
        check_size(1, 1, "Y")
    with pytest.raises(BadRequest, match="years"):
        check_size(86_400, 9_999_999, "Y")


def raw(**changes: object) -> RawTicket:
    values: dict[str, object] = {
        "action": "BUY", "quantity": Decimal(10), "order_type": "LMT", "limit_price": 10.25, "stop_price": None,
        "tif": "", "order_ref": "r", "account": "", "exchange": "SMART", "outside_rth": False, "unsupported": (),
    }  # fmt: skip
    return RawTicket(**(values | changes))  # type: ignore[arg-type]


def judged(ticket: RawTicket) -> Ticket | Refusal:
    desk = Desk(account="DU1", zone=NEW_YORK, now_us=start_us(calendar(), date(2024, 3, 5)))
    return judge(ticket, Traded.of(TinyMarket().listings["AAA"]), desk)


def test_a_good_ticket_is_exact() -> None:
    ticket = judged(raw())
    assert isinstance(ticket, Ticket)
    assert ticket.limit_price == Decimal("10.25")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"limit_price": 10.255}, 110),
        ({"limit_price": None}, 110),
        ({"limit_price": float("nan")}, 110),
        ({"limit_price": -1.0}, 110),
        ({"quantity": Decimal("NaN")}, 321),
        ({"quantity": Decimal(2) ** 127 - 1}, 321),
        ({"quantity": Decimal(-5)}, 321),
        ({"quantity": Decimal("0.5")}, 10243),
        ({"order_type": "VWAP"}, 387),
        ({"order_type": "TRAIL"}, 321),
        ({"order_type": "TRAIL", "stop_price": 0.5, "trail_percent": 1.0}, 321),
        ({"order_type": "TRAIL LIMIT", "stop_price": 0.5}, 321),
        ({"order_type": "STP LMT"}, 110),
        ({"order_type": "MOC", "tif": "GTC"}, 10052),
        ({"order_type": "STP", "stop_price": 10.0, "tif": "OPG"}, 10052),
        ({"tif": "GTD"}, 334),
        ({"tif": "GTD", "good_till": "20240304 12:00:00 UTC"}, 334),
        ({"tif": "GTD", "good_till": "soon"}, 337),
        ({"good_after": "20240305 99:00:00"}, 337),
        ({"oca_group": "g", "oca_type": 4}, 321),
        ({"min_quantity": 11}, 321),
        ({"trigger_method": 5}, 321),
        ({"unsupported": ("parentId",)}, 201),
        ({"account": "U1"}, 321),
    ],
)
def test_bad_tickets(changes: dict[str, object], code: int) -> None:
    refusal = judged(raw(**changes))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("20240306 15:00:00 US/Eastern", datetime(2024, 3, 6, 20, tzinfo=UTC)),
        ("20240306-20:00:00", datetime(2024, 3, 6, 20, tzinfo=UTC)),
        ("20240306", datetime(2024, 3, 7, 4, 59, 59, tzinfo=UTC)),
    ],
)
def test_good_till_date_in_each_form(text: str, until: datetime) -> None:
    ticket = judged(raw(tif="GTD", good_till=text))
    assert isinstance(ticket, Ticket)
    assert ticket.good_till_us == int(until.timestamp()) * SECOND_US
    assert ticket.good_till_text == text


def test_trailing_limit_takes_its_offset_or_limit_and_stop() -> None:
    by_offset = judged(raw(order_type="TRAIL LIMIT", stop_price=0.5, limit_offset=0.05, limit_price=None))
    by_price = judged(raw(order_type="TRAIL LIMIT", stop_price=0.5, trail_stop=10.3, limit_price=10.25))
    assert isinstance(by_offset, Ticket)
    assert isinstance(by_price, Ticket)
    assert by_offset.limit_offset == by_price.limit_offset == Decimal("0.05")
    assert (by_price.trail_amount, by_price.stop_price, by_price.limit_price) == (Decimal("0.5"), Decimal("10.3"), None)


def test_an_oca_group_without_a_type_gets_ibs_default() -> None:
    ticket = judged(raw(oca_group="g"))
    assert isinstance(ticket, Ticket)
    assert ticket.oca_type == 3


@pytest.mark.parametrize(("price", "fits"), [("2.99", True), ("3.05", True), ("3.01", False), ("-1.07", True)])
def test_the_grid_depends_on_the_height(price: str, fits: bool) -> None:
    assert is_on_grid(Decimal(price), ((0.0, 0.01), (3.0, 0.05))) is fits


def test_pace_holds_back_and_does_not_race_after_a_pause() -> None:
    host = 100.0
    pacer = Pacer(0, lambda: host)
    assert pacer.wait_s(0, SECOND_US, None) == 0.0
    assert pacer.wait_s(0, SECOND_US, 10.0) == pytest.approx(0.1)
    host = 100.1
    assert pacer.wait_s(SECOND_US, 2 * SECOND_US, 10.0) == pytest.approx(0.1)
    host = 160.0
    assert pacer.wait_s(2 * SECOND_US, 3 * SECOND_US, 10.0) == 0.0
    assert pacer.wait_s(3 * SECOND_US, 4 * SECOND_US, 10.0) == pytest.approx(0.1)
    assert pacer.wait_s(3 * SECOND_US, 4 * SECOND_US, 1.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "U123"},
        {"port": 70_000},
        {"speed": 0.0},
        {"server_version": 158},
        {"commission_rate": Decimal(2)},
        {"commission_schedule": "free"},
        {"commission_schedule": "percent:5"},
        {"fill_model": "always"},
        {"master_client_id": -1},
    ],
)
def test_options_that_no_gateway_can_have(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        GatewayOptions(**wrong)  # type: ignore[arg-type]
