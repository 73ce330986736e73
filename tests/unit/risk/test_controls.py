"""Every pre-trade control exactly at its limit and just beside it, for the strategy and for the account."""

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import daemon
from daemon.domain.decision import StrategyId
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import Approved, OrderIntent, OrderRef, OrderType, Refused, Side
from daemon.domain.quote import Quote
from daemon.domain.standing import Access, LinkState
from daemon.domain.trading_state import TradingState
from daemon.engine.trading_switch import stricter
from daemon.risk.gate import gate
from daemon.risk.limits import AccountGuard, AccountLimits, StrategyLimits
from daemon.risk.view import Book, RecentOrder, RiskView, WorkingOrder
from tests.fakes.engine_stage import AAA, BBB

AT = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)
ONE, TWO = StrategyId("one"), StrategyId("two")
QUOTE = Quote(at=AT, bid=99.99, ask=100.01, bid_size=1, ask_size=1)


def book(**changed: object) -> Book:
    flat = Book(
        equity=Decimal(100_000),
        day_start_equity=Decimal(100_000),
        position=Decimal(0),
        unrealized_pnl=Decimal(0),
        orders_today=0,
    )
    return replace(flat, **changed)  # type: ignore[arg-type]


def view(**changed: object) -> RiskView:
    calm = RiskView(
        at=AT,
        price=Decimal(100),
        quote=QUOTE,
        quote_confirmed_at=AT,
        state=TradingState.RUNNING,
        guard=AccountGuard(account="DU1", port=4002),
        account=book(),
        strategy=book(),
        account_limits=AccountLimits(),
        strategy_limits=StrategyLimits(),
        working=(),
        recent=(),
    )
    return replace(calm, **changed)  # type: ignore[arg-type]


def intent(quantity: str = "10", side: Side = Side.BUY, *, reduces: bool = False, **changed: object) -> OrderIntent:
    plain = OrderIntent(
        order_ref=OrderRef("pd-t-1"),
        strategy=ONE,
        instrument=Instrument(symbol="AAA"),
        side=side,
        quantity=Decimal(quantity),
        decision_id="d",
        decision_price=Decimal(100),
        bar_end=AT,
        decided_at=AT,
        reduces=reduces,
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def working(
    side: Side = Side.BUY, remaining: int = 5, *, strategy: StrategyId = TWO, instrument: InstrumentId = AAA
) -> WorkingOrder:
    return WorkingOrder(
        order_ref=OrderRef("pd-t-9"),
        strategy=strategy,
        instrument=instrument,
        side=side,
        remaining=Decimal(remaining),
        reduces=False,
    )


def recent(seconds_ago: float, **changed: object) -> RecentOrder:
    made = RecentOrder(
        at=AT - timedelta(seconds=seconds_ago),
        strategy=TWO,
        instrument=AAA,
        side=Side.BUY,
        quantity=Decimal(10),
        limit_price=None,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def refused_by(order: OrderIntent, moment: RiskView) -> tuple[str, str] | None:
    """Return control and scope that refused, None when all passed."""
    verdict = gate(order, moment)
    return (verdict.failed.control, verdict.failed.scope) if isinstance(verdict, Refused) else None


def test_a_calm_market_approves_an_order_and_shows_every_check() -> None:
    verdict = gate(intent(), view())
    assert isinstance(verdict, Approved)
    assert all(check.passed for check in verdict.checks)
    assert {check.control for check in verdict.checks} == {
        "paper_only",
        "trading_state",
        "one_working_order",
        "self_cross",
        "quote_age_s",
        "position_shares",
        "position_value",
        "position_fraction",
        "daily_loss_value",
        "daily_loss_fraction",
        "daily_trades",
        "open_orders",
        "open_orders_per_instrument",
        "messages_per_second",
        "messages_per_minute",
        "duplicate_window_s",
    }


def test_a_refusal_ends_with_the_check_that_failed() -> None:
    verdict = gate(intent(), view(state=TradingState.PAUSED))
    assert isinstance(verdict, Refused)
    assert [check.passed for check in verdict.checks] == [True, False]


@pytest.mark.parametrize(
    ("account", "port", "live", "passes"),
    [
        ("DU1", 4002, False, True),
        ("DU1", 7497, False, True),
        ("DF1", 0, False, True),
        ("U1", 4002, False, False),
        ("", 4002, False, False),
        ("du1", 4002, False, False),
        ("DU1", 4001, False, False),
        ("DU1", 7496, False, False),  # the port must prove it too
        ("U1", 4001, False, False),
        ("U1", 4001, True, True),
    ],
)
@pytest.mark.parametrize("reduces", [False, True])
def test_paper_only_asks_for_a_paper_account_and_a_paper_port(
    account: str, port: int, live: bool, passes: bool, reduces: bool
) -> None:
    guard = AccountGuard(account=account, port=port, live_authorised=live)
    expected = None if passes else ("paper_only", "account")
    assert refused_by(intent(reduces=reduces), view(guard=guard)) == expected


@pytest.mark.parametrize(
    ("state", "opens", "reduces"),
    [
        (TradingState.RUNNING, True, True),
        (TradingState.PAUSED, False, True),
        (TradingState.REDUCE_ONLY, False, True),
        (TradingState.STOPPING, False, True),
        (TradingState.HALTED, False, False),
    ],
)
def test_trading_state(state: TradingState, opens: bool, reduces: bool) -> None:
    assert (refused_by(intent(), view(state=state)) is None) is opens
    assert (refused_by(intent(reduces=True), view(state=state)) is None) is reduces


@pytest.mark.parametrize("one", list(TradingState))
@pytest.mark.parametrize("other", list(TradingState))
def test_the_stricter_of_two_states_allows_no_more_than_either(one: TradingState, other: TradingState) -> None:
    both = stricter(one, other)
    assert both in {one, other}
    assert both.may_open is (one.may_open and other.may_open)
    assert (both is TradingState.HALTED) is (TradingState.HALTED in {one, other})


@pytest.mark.parametrize(("age_s", "passes"), [(0.0, True), (5.0, True), (5.001, False)])
def test_quote_age(age_s: float, passes: bool) -> None:
    old = view(quote_confirmed_at=AT - timedelta(seconds=age_s))
    assert refused_by(intent(), old) == (None if passes else ("quote_age_s", "account"))
    assert refused_by(intent(reduces=True), old) is None


def test_without_a_quote_only_reducing_goes_on() -> None:
    for blind in (view(quote=None), view(quote_confirmed_at=None)):
        assert refused_by(intent(), blind) == ("quote_age_s", "account")
        assert refused_by(intent(reduces=True), blind) is None


ROOMY, ROOMY_ACCOUNT = StrategyLimits(position_fraction=Decimal(10)), AccountLimits(position_fraction=Decimal(10))


@pytest.mark.parametrize("scope", ["one", "account"])
@pytest.mark.parametrize(
    ("limit", "at_most"),
    [
        ({"position_shares": Decimal(50)}, 50),
        ({"position_value": Decimal(5_000)}, 50),
        ({"position_fraction": Decimal("0.05")}, 50),  # of an equity of 100,000 at 100 a share
    ],
)
@pytest.mark.parametrize("side", list(Side))
def test_position_size_is_allowed_at_its_limit_and_not_above(
    scope: str, limit: dict[str, Any], at_most: int, side: Side
) -> None:
    name = next(iter(limit))
    limits = view(
        strategy_limits=replace(ROOMY, **limit) if scope == "one" else ROOMY,
        account_limits=replace(ROOMY_ACCOUNT, **limit) if scope == "account" else ROOMY_ACCOUNT,
    )
    assert refused_by(intent(str(at_most), side), limits) is None
    assert refused_by(intent(f"{at_most}.01", side), limits) == (name, scope)
    # What reduces its strategy is bound by the account alone, where it raises the account's position.
    raises_account = (name, scope) if scope == "account" else None
    assert refused_by(intent(str(at_most * 2), side, reduces=True), limits) == raises_account


def test_position_size_counts_what_is_held_and_what_works_the_same_way() -> None:
    limits = StrategyLimits(position_shares=Decimal(50))
    held = view(strategy_limits=limits, strategy=book(position=Decimal(40)))
    assert refused_by(intent("10"), held) is None
    assert refused_by(intent("11"), held) == ("position_shares", "one")
    account = AccountLimits(position_shares=Decimal(50))
    busy = view(account_limits=account, working=[working(remaining=41)])
    assert refused_by(intent("10"), busy) == ("position_shares", "account")
    assert refused_by(intent("9"), busy) is None
    elsewhere = view(account_limits=account, working=[working(remaining=41, instrument=BBB)])
    assert refused_by(intent("50"), elsewhere) is None


def test_a_flip_is_measured_by_the_position_it_leads_to() -> None:
    limits = StrategyLimits(position_shares=Decimal(50))
    short = view(strategy_limits=limits, strategy=book(position=Decimal(-50)))
    assert refused_by(intent("100"), short) is None
    assert refused_by(intent("101"), short) == ("position_shares", "one")


def test_an_order_that_reduces_its_strategy_but_raises_the_account_is_held_to_the_account_limits() -> None:
    # DESIGN section 6: "An order reduces iff it reduces its strategy's ledger; if it would raise |account position|,
    # account limits apply too."  One strategy is 80 short, the others 100 long: covering brings the account to 100.
    limits = AccountLimits(position_shares=Decimal(50))
    moment = view(account_limits=limits, strategy=book(position=Decimal(-80)), account=book(position=Decimal(20)))
    assert refused_by(intent("80", Side.BUY, reduces=True), moment) == ("position_shares", "account")


def test_no_equity_means_no_opening() -> None:
    assert refused_by(intent(), view(strategy=book(equity=Decimal(0)))) == ("position_fraction", "one")
    assert refused_by(intent(), view(account=book(equity=Decimal(-1)))) == ("position_fraction", "account")


@pytest.mark.parametrize("scope", ["one", "account"])
@pytest.mark.parametrize(("loss", "passes"), [("1999.99", True), ("2000", False), ("2000.01", False)])
def test_a_position_that_lost_its_limit_is_not_added_to(scope: str, loss: str, passes: bool) -> None:
    losing = book(position=Decimal(10), unrealized_pnl=-Decimal(loss))
    moment = view(strategy=losing) if scope == "one" else view(account=losing)
    assert refused_by(intent(), moment) == (None if passes else ("position_loss", scope))
    assert refused_by(intent(side=Side.SELL, reduces=True), moment) is None


def test_the_position_loss_can_be_switched_off() -> None:
    losing = view(
        strategy=book(position=Decimal(1), unrealized_pnl=Decimal(-(10**9))),
        strategy_limits=StrategyLimits(position_loss=None),
    )
    assert refused_by(intent(), losing) is None


@pytest.mark.parametrize("scope", ["one", "account"])
@pytest.mark.parametrize(
    ("limit", "control"),
    [
        ({"daily_loss_value": Decimal(1_000), "daily_loss_fraction": Decimal("0.5")}, "daily_loss_value"),
        ({"daily_loss_value": Decimal(10**6), "daily_loss_fraction": Decimal("0.01")}, "daily_loss_fraction"),
    ],
)
@pytest.mark.parametrize(("loss", "passes"), [("999.99", True), ("1000", False), ("1000.01", False)])
def test_daily_loss(scope: str, limit: dict[str, Any], control: str, loss: str, passes: bool) -> None:
    lost = book(equity=Decimal(100_000) - Decimal(loss))
    moment = (
        view(strategy=lost, strategy_limits=StrategyLimits(**limit))
        if scope == "one"
        else view(account=lost, account_limits=AccountLimits(**limit))
    )
    assert refused_by(intent(), moment) == (None if passes else (control, scope))
    assert refused_by(intent(reduces=True), moment) is None


def test_a_day_that_began_with_nothing_allows_no_opening() -> None:
    assert refused_by(intent(), view(strategy=book(day_start_equity=Decimal(0)))) == ("daily_loss_fraction", "one")


@pytest.mark.parametrize("scope", ["one", "account"])
def test_daily_trades(scope: str) -> None:
    def moment(made: int) -> RiskView:
        if scope == "one":
            return view(strategy=book(orders_today=made), strategy_limits=StrategyLimits(daily_trades=3))
        return view(account=book(orders_today=made), account_limits=AccountLimits(daily_trades=3))

    assert refused_by(intent(), moment(2)) is None
    assert refused_by(intent(), moment(3)) == ("daily_trades", scope)
    assert refused_by(intent(reduces=True), moment(3)) is None


def test_open_orders_in_all_and_in_one_instrument() -> None:
    limits = AccountLimits(open_orders=3, open_orders_per_instrument=2)
    here, there = working(), working(instrument=BBB)
    for orders, refusal in [
        ([there, there], None),
        ([there, there, there], ("open_orders", "account")),
        ([here], None),
        ([here, here], ("open_orders_per_instrument", "account")),
    ]:
        assert refused_by(intent(), view(account_limits=limits, working=orders)) == refusal
    assert refused_by(intent(reduces=True), view(account_limits=limits, working=[here, here, there])) is None


@pytest.mark.parametrize("reduces", [False, True])
def test_a_strategy_has_one_working_order_in_an_instrument(reduces: bool) -> None:
    order = intent(reduces=reduces)
    assert refused_by(order, view(working=[working(strategy=ONE)])) == ("one_working_order", "one")
    assert refused_by(order, view(working=[working(strategy=ONE, instrument=BBB)])) is None


@pytest.mark.parametrize("reduces", [False, True])
def test_an_order_that_could_cross_one_of_our_own_is_refused(reduces: bool) -> None:
    order = intent(reduces=reduces)
    assert refused_by(order, view(working=[working(Side.SELL)])) == ("self_cross", "account")
    assert refused_by(order, view(working=[working(Side.BUY)])) is None
    assert refused_by(order, view(working=[working(Side.SELL, instrument=BBB)])) is None


def test_an_order_given_up_for_lost_stops_openings_and_no_exit() -> None:
    lost = [replace(working(Side.SELL, strategy=ONE), lost=True)]
    assert refused_by(intent(), view(working=lost)) == ("one_working_order", "one")
    assert refused_by(intent(), view(working=[replace(lost[0], strategy=TWO)])) == ("self_cross", "account")
    assert refused_by(intent(reduces=True), view(working=lost)) is None
    large = [replace(working(Side.BUY, strategy=ONE), remaining=Decimal(10_000_000), lost=True)]
    assert refused_by(intent(reduces=True), view(working=large)) is None


def test_messages_per_second_and_minute() -> None:
    limits = AccountLimits(messages_per_second=3, messages_per_minute=5)
    for ages, refusal in [
        ([0.999, 0.5], None),
        ([0.999, 0.5, 0.0], ("messages_per_second", "account")),
        ([1.0, 0.5, 0.0], None),  # a whole second ago is past
        ([50.0, 40.0, 30.0, 20.0], None),
        ([50.0, 40.0, 30.0, 20.0, 10.0], ("messages_per_minute", "account")),
    ]:
        moment = view(account_limits=limits, recent=[recent(age) for age in ages])
        assert refused_by(intent(), moment) == refusal
        assert refused_by(intent(reduces=True), moment) is None


@pytest.mark.parametrize(
    ("twin", "passes"),
    [
        ({}, False),
        ({"at": AT - timedelta(seconds=1.999)}, False),
        ({"at": AT - timedelta(seconds=2)}, True),
        ({"strategy": TWO}, True),
        ({"instrument": BBB}, True),
        ({"side": Side.SELL}, True),
        ({"quantity": Decimal(11)}, True),
        ({"quantity": Decimal("10.0")}, False),  # the same number in other digits
        ({"limit_price": Decimal(99)}, True),
    ],
)
def test_duplicates(twin: dict[str, object], passes: bool) -> None:
    made = recent(1, **{"strategy": ONE, **twin})
    assert refused_by(intent(), view(recent=[made])) == (None if passes else ("duplicate_window_s", "one"))


def test_duplicates_are_told_apart_by_their_limit_price() -> None:
    order = intent(order_type=OrderType.LIMIT, limit_price=Decimal("99.50"))
    assert refused_by(order, view(recent=[recent(1, strategy=ONE, limit_price=Decimal("99.5"))])) == (
        "duplicate_window_s",
        "one",
    )
    assert refused_by(order, view(recent=[recent(1, strategy=ONE)])) is None


@pytest.mark.parametrize(
    ("value", "fraction", "start", "bound"),
    [("2000", "0.02", "50000", "1000"), ("2000", "0.02", "100000", "2000"), ("2000", "0.02", "200000", "2000")],
)
def test_the_tighter_of_the_two_daily_limits_counts(value: str, fraction: str, start: str, bound: str) -> None:
    limits = StrategyLimits(daily_loss_value=Decimal(value), daily_loss_fraction=Decimal(fraction))
    assert limits.daily_loss_bound(Decimal(start)) == Decimal(bound)


@pytest.mark.parametrize(
    ("access", "control", "offered"),
    [
        (Access(state=LinkState.RECONCILING), "connection", "RECONCILING"),
        (Access(state=LinkState.DATA_SUSPENDED), "connection", "DATA_SUSPENDED"),
        (Access(restart="the gateway restarts at 23:45 EST"), "restart_window", "the gateway restarts at 23:45 EST"),
        (Access(suspended={AAA: "no bars"}), "market_data", "no bars"),
    ],
)
def test_opening_waits_for_the_connection_the_restart_and_the_data_and_reducing_never(
    access: Access, control: str, offered: str
) -> None:
    verdict = gate(intent(), view(access=access))
    assert isinstance(verdict, Refused)
    assert (verdict.failed.control, verdict.failed.offered) == (control, offered)
    assert access.hindrance(AAA)
    assert isinstance(gate(intent(reduces=True), view(access=access)), Approved)


def test_data_in_doubt_elsewhere_do_not_matter() -> None:
    access = Access(suspended={BBB: "no bars"})
    assert isinstance(gate(intent(), view(access=access)), Approved)
    assert not access.hindrance(AAA)


def test_only_the_gate_builds_an_approved_order() -> None:
    root = Path(daemon.__file__).parent
    builders = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (
            node.func.id
            if isinstance(node.func, ast.Name)
            else node.func.attr
            if isinstance(node.func, ast.Attribute)
            else ""
        )
        == "Approved"
    }
    assert builders == {"risk/gate.py"}
