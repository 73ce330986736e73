"""Margins, commission plans, the index of orders, and the books' file from an earlier version."""

import sqlite3
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.order import Side
from daemon.gateway import ledger_schema
from daemon.gateway.account import ZERO, Account, Position, book
from daemon.gateway.books import Movement
from daemon.gateway.commission_plan import Contracted, plan_named
from daemon.gateway.ledger import CashRow, Ledger, LedgerBroken, OrderRow
from daemon.gateway.margin import requirement
from daemon.gateway.order_index import OrderIndex
from daemon.market.listing import Listing, Right, Terms

EXPIRY, LATER = date(2024, 3, 15), date(2024, 4, 19)


def option(symbol: str, right: Right, strike: float, expiry: date = EXPIRY) -> Listing:
    terms = Terms(
        ticker="A", local_symbol=symbol, trading_class="A", multiplier=100, underlying="A", expiry=expiry,
        last_trading_day=expiry, strike=strike, right=right,
    )  # fmt: skip
    return Listing(
        symbol=symbol, con_id=1, name=symbol, primary_exchange="CBOE", sec_type="OPT", average_daily_volume=1,
        terms=terms,
    )  # fmt: skip


LISTINGS = {
    "A": Listing(symbol="A", con_id=9, name="A", primary_exchange="NYSE", average_daily_volume=1),
    "C100": option("C100", "C", 100.0),
    "C105": option("C105", "C", 105.0),
    "C105L": option("C105L", "C", 105.0, LATER),
    "P95": option("P95", "P", 95.0),
    "P90": option("P90", "P", 90.0),
}
PRICES = {"A": Decimal(100), "C100": Decimal(3), "C105": Decimal(1), "C105L": Decimal(2)} | {
    "P95": Decimal(1),
    "P90": Decimal("0.5"),
}


@pytest.mark.parametrize(
    ("held", "needed"),
    [
        ({"A": 100}, 2500),
        ({"A": -100}, 2500),
        ({"C100": 5}, 0),
        ({"C100": -1}, 100 * (3 + 20)),
        ({"C105": -1}, 100 * (1 + 15)),
        ({"P90": -1}, 100 * (Decimal("0.5") + 10)),
        ({"C100": -1, "C105": 1}, 500),
        ({"C100": 1, "C105": -1}, 0),
        ({"C100": -1, "C105L": 1}, 500),
        ({"C105L": -1, "C105": 1}, 100 * (2 + 15)),
        ({"P95": -2, "P90": 1}, 500 + 100 * (1 + 15)),
        ({"A": 100, "C105": -1}, 2500),
        ({"A": 100, "C105": -2}, 2500 + 100 * (1 + 15)),
        ({"A": -100, "P95": -1}, 2500),
    ],
)
def test_what_holdings_take(held: dict[str, int], needed: Decimal) -> None:
    quantities = {symbol: Decimal(quantity) for symbol, quantity in held.items()}
    found = requirement(quantities, PRICES.get, PRICES.get, LISTINGS.get)
    assert found.initial == found.maintenance == needed


def test_a_future_takes_a_tenth_and_moves_its_profit_alone() -> None:
    empty = Position(symbol="F", multiplier=Decimal(50))
    opened = book(empty, Side.BUY, Decimal(2), Decimal(5000), Decimal(4), settles_daily=True)
    assert (opened.cash_change, opened.position.financed) == (Decimal(-4), Decimal(500_000))
    closed = book(opened.position, Side.SELL, Decimal(1), Decimal(5010), Decimal(2), settles_daily=True)
    assert (closed.cash_change, closed.realized) == (Decimal(498), Decimal(496))
    assert closed.position.financed == 250_000


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 9), st.integers(4_900, 5_100)), max_size=12))
def test_a_futures_profit_is_the_change_of_net_liquidation(trades: list[tuple[Side, int, int]]) -> None:
    account = Account(name="DU1", cash=Decimal(1_000_000))
    account.begin_day(lambda _symbol: Decimal(5000))
    for side, quantity, price in trades:
        account.execute(
            "F", side, Decimal(quantity), Decimal(price), Decimal(1), multiplier=Decimal(50), settles_daily=True
        )
    value = account.valuation(lambda _symbol: Decimal(5000))
    assert abs(value.realized + value.unrealized - (value.net_liquidation - 1_000_000)) < Decimal("1e-12")
    assert value.gross == ZERO


@pytest.mark.parametrize(
    ("name", "contracted", "quantity", "price", "cost"),
    [
        ("percent:0.002", Contracted(), 100, "50", "10.00"),
        ("percent:0.002", Contracted(kind="OPT", multiplier=Decimal(100)), 2, "1.50", "0.60"),
        ("ib-fixed", Contracted(), 100, "50", "1.00"),
        ("ib-fixed", Contracted(), 1000, "50", "5.00"),
        ("ib-fixed", Contracted(kind="OPT", multiplier=Decimal(100)), 4, "1.50", "2.60"),
        ("ib-tiered", Contracted(kind="FUT", multiplier=Decimal(50)), 2, "5000", "4.50"),
        ("alpaca", Contracted(), 100, "50", "0"),
    ],
)
def test_commission_plans(name: str, contracted: Contracted, quantity: int, price: str, cost: str) -> None:
    movement = Movement(symbol="A", side=Side.BUY, quantity=Decimal(quantity), price=Decimal(price))
    assert plan_named(name).estimate(movement, contracted) == Decimal(cost)


def test_the_minimum_of_an_order_is_shared_by_its_executions() -> None:
    plan = plan_named("ib-fixed")
    movement = Movement(symbol="A", side=Side.BUY, quantity=Decimal(50), price=Decimal(50))
    assert [plan.charge(1, "A", movement, Contracted()) for _ in range(2)] == [Decimal("1.00"), 0]
    assert plan.charge(2, "A", movement, Contracted()) == Decimal("1.00")


@pytest.mark.parametrize("name", ["", "free", "percent", "percent:x", "percent:1", "ib-fixed:1"])
def test_plans_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="commission_schedule"):
        plan_named(name)


def row(perm_id: int, **changes: object) -> OrderRow:
    plain = OrderRow(
        perm_id=perm_id, client_id=1, order_id=perm_id, account="DU1", order_ref="", symbol="A", exchange="SMART",
        side="BUY", quantity=Decimal(10), order_type="LMT", limit_price=Decimal("1.50"), stop_price=None, tif="GTC",
        status="Submitted", filled=ZERO, notional=ZERO, last_price=ZERO, submitted_us=5, acknowledged=True,
        arrived=True, triggered=False, cancel_us=None, completed_us=None, completed_text="", outside_rth=False,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_index_finds_families_and_forgets_what_is_finished() -> None:
    index = OrderIndex()
    for order in (row(1), row(2, parent_perm_id=1), row(3, parent_perm_id=1), row(4)):
        index.put(order)
    assert [found.perm_id for found in index.family(row(3, parent_perm_id=1))] == [1, 2, 3]
    index.put(row(2, parent_perm_id=1, status="Filled"))
    assert [found.perm_id for found in index.family(row(1))] == [1, 3]
    assert [found.perm_id for found in index.working()] == [1, 3, 4]
    assert index.of_client(1, 2) == row(2, parent_perm_id=1, status="Filled")
    assert index.of_client(2, 2) is None


def test_bound_ids_go_down_from_minus_one() -> None:
    index = OrderIndex()
    index.put(row(1, client_id=0, order_id=0, is_manual=True))
    assert [found.perm_id for found in index.unbound()] == [1]
    assert index.next_bound_id() == -1
    index.put(row(1, client_id=0, order_id=-1, is_manual=True))
    assert (index.unbound(), index.next_bound_id()) == ([], -2)


def test_every_attribute_of_an_order_comes_back_from_the_file(tmp_path: Path) -> None:
    full = row(
        7, parent_id=3, parent_perm_id=2, oca_group="g", oca_type=2, trail_amount=Decimal("0.25"),
        trail_stop=Decimal(9),
        trail_percent=None, limit_offset=Decimal("0.05"), peg_offset=Decimal(0), min_quantity=Decimal(5),
        all_or_none=True, trigger_method=4, queue_ahead=Decimal(300), good_till_us=10**15, good_till_text="20240306",
        good_after_us=9, good_after_text="x", legs="[]", why_held="locate", transmitted=False, is_manual=True,
    )  # fmt: skip
    ledger = Ledger.open(tmp_path / "gateway.db")
    ledger.put_order(full)
    ledger.put_position(Position(symbol="F", quantity=Decimal(1), multiplier=Decimal(50), financed=Decimal(7)))
    ledger.put_cash_entry(CashRow(at_us=1, symbol="A", reason="DIVIDEND", amount=Decimal("2.50")))
    ledger.put_applied_action("split", 1)
    ledger.close()
    again = Ledger.open(tmp_path / "gateway.db")
    assert again.orders() == [full]
    assert again.positions()["F"].financed == 7
    assert again.cash_entries() == [CashRow(at_us=1, symbol="A", reason="DIVIDEND", amount=Decimal("2.50"))]
    assert again.applied_actions() == {"split"}
    again.close()


def test_books_of_the_first_version_are_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    old = sqlite3.connect(path)
    old.executescript(ledger_schema._FIRST)
    old.execute(
        "INSERT INTO orders VALUES (1500000001, 1, 4, 'DU1', 'ref', 'A', 'SMART', 'BUY', '10', 'LMT', '1.50', NULL,"
        " 'GTC', 'Submitted', '0', '0', '0', 5, 1, 1, 0, NULL, NULL, '', 0)"
    )
    old.execute("INSERT INTO position VALUES ('A', '5', '7.5', '0')")
    old.execute("INSERT INTO account VALUES ('DU1', '99.5')")
    old.commit()
    old.close()
    with pytest.raises(LedgerBroken, match="let a gateway open it once"):
        Ledger.open_readonly(path)
    ledger = Ledger.open(path)
    assert ledger.orders() == [row(1_500_000_001, order_id=4, order_ref="ref")]
    assert ledger.positions()["A"] == Position(symbol="A", quantity=Decimal(5), cost=Decimal("7.5"))
    assert ledger.cash() == Decimal("99.5")
    ledger.close()
    Ledger.open_readonly(path).close()


def test_books_of_a_later_version_or_of_something_else_are_refused(tmp_path: Path) -> None:
    later, other = tmp_path / "later.db", tmp_path / "other.db"
    with sqlite3.connect(later) as file:
        file.execute("PRAGMA user_version = 99")
    with sqlite3.connect(other) as file:
        file.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(LedgerBroken, match="a later paperd"):
        Ledger.open(later)
    with pytest.raises(LedgerBroken, match="no gateway ledger"):
        Ledger.open(other)
