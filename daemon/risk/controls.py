"""The pre-trade controls, one function each. A control that does not apply returns no check."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from daemon.domain.order import CheckResult, OrderIntent
from daemon.domain.standing import LinkState
from daemon.domain.trading_state import TradingState
from daemon.risk.limits import PAPER_ACCOUNT_PREFIX, PRODUCTION_PORTS, SharedLimits
from daemon.risk.view import Book, RiskView, WorkingOrder

Checks = tuple[CheckResult, ...]
Control = Callable[[OrderIntent, RiskView], Checks]

_ACCOUNT: Final = "account"  # the scope of what binds all strategies together
_PAPER: Final = f"account {PAPER_ACCOUNT_PREFIX}…, port not in {sorted(PRODUCTION_PORTS)}"
_SECOND: Final = timedelta(seconds=1)
_ZERO: Final = Decimal(0)
_INFINITE: Final = Decimal("Infinity")


def paper_only(intent: OrderIntent, view: RiskView) -> Checks:  # noqa: ARG001 - one signature
    """Account id and port must both be those of a paper account, unless live trading was authorised."""
    guard = view.guard
    is_paper = guard.account.startswith(PAPER_ACCOUNT_PREFIX) and guard.port not in PRODUCTION_PORTS
    offered = f"{guard.account or 'no account'}:{guard.port}"
    return (CheckResult("paper_only", _ACCOUNT, offered, _PAPER, is_paper or guard.live_authorised),)


def trading_state(intent: OrderIntent, view: RiskView) -> Checks:
    """Opening needs RUNNING; reducing is allowed unless the daemon is halted."""
    passed = view.state.may_open or (intent.reduces and view.state is not TradingState.HALTED)
    allowed = "not HALTED" if intent.reduces else "RUNNING"
    return (CheckResult("trading_state", _ACCOUNT, view.state.value, allowed, passed),)


def connection(intent: OrderIntent, view: RiskView) -> Checks:
    """Opening needs a connection that is in step with the broker; like the next two it says nothing where it passes."""
    state = view.access.state
    if intent.reduces or state is LinkState.CONNECTED:
        return ()
    return (CheckResult("connection", _ACCOUNT, state.value, LinkState.CONNECTED.value, passed=False),)


def restart_window(intent: OrderIntent, view: RiskView) -> Checks:
    """Nothing is opened from shortly before the gateway's restart until everything is in step again."""
    if intent.reduces or not view.access.restart:
        return ()
    return (CheckResult("restart_window", _ACCOUNT, view.access.restart, "no restart near", passed=False),)


def market_data(intent: OrderIntent, view: RiskView) -> Checks:
    """Nothing is opened in an instrument whose data have stopped or are in doubt."""
    cause = view.access.suspended.get(intent.instrument.id)
    if intent.reduces or cause is None:
        return ()
    return (CheckResult("market_data", _ACCOUNT, cause, "data that flow", passed=False),)


def books_agree(intent: OrderIntent, view: RiskView) -> Checks:
    """Nothing opens where the broker's position is not what the ledgers say; reducing does not wait for that."""
    if not view.dispute or intent.reduces:
        return ()
    return (CheckResult("books_agree", _ACCOUNT, view.dispute, "no difference", passed=False),)


def quote(intent: OrderIntent, view: RiskView) -> Checks:
    """A usable two-sided quote must have been confirmed a short while ago; reducing does not wait for one."""
    limits = view.account_limits
    allowed = limits.texts["quote_age_s"]
    if view.quote is None or view.quote_confirmed_at is None:
        return (CheckResult("quote_age_s", _ACCOUNT, "no usable quote", allowed, intent.reduces),)
    age = (view.at - view.quote_confirmed_at).total_seconds()
    fresh = abs(age) <= limits.quote_age_s  # one from the future is as little worth: the clock was set
    return (CheckResult("quote_age_s", _ACCOUNT, f"{age:.3f}", allowed, fresh or intent.reduces),)


def position_size(intent: OrderIntent, view: RiskView) -> Checks:
    """Units, value and share of equity of the position that the order and all working ones could bring about."""
    everybody = _worst_position(intent, view, own=False)
    account = _size_checks(everybody, view.price, _ACCOUNT, view.account, view.account_limits)
    if intent.reduces:
        # It reduces its strategy's ledger; where it raises the account's position, the account's limits bind it.
        return account if everybody > abs(view.account.position) else ()
    own = _worst_position(intent, view, own=True)
    return _size_checks(own, view.price, intent.strategy, view.strategy, view.strategy_limits) + account


def position_loss(intent: OrderIntent, view: RiskView) -> Checks:
    """A position that has lost too much is not added to."""
    if intent.reduces:
        return ()
    checks: list[CheckResult] = []
    for scope, book, limits in _scopes(intent, view):
        if book.position:
            loss = max(-book.unrealized_pnl, _ZERO)
            passed = loss < limits.position_loss_bound
            checks.append(CheckResult("position_loss", scope, f"{loss:.2f}", limits.texts["position_loss"], passed))
    return tuple(checks)


def daily_loss(intent: OrderIntent, view: RiskView) -> Checks:
    """No opening once the day's loss has reached its limit, in money or as a share of the day's first equity."""
    if intent.reduces:
        return ()
    own = _loss_checks(intent.strategy, view.strategy, view.strategy_limits)
    return own + _loss_checks(_ACCOUNT, view.account, view.account_limits)


def daily_trades(intent: OrderIntent, view: RiskView) -> Checks:
    """Orders of the session, this one included."""
    if intent.reduces:
        return ()
    return tuple(
        [
            CheckResult(
                "daily_trades",
                scope,
                str(book.orders_today + 1),
                limits.texts["daily_trades"],
                book.orders_today < limits.daily_trades,
            )
            for scope, book, limits in _scopes(intent, view)
        ]
    )


def open_orders(intent: OrderIntent, view: RiskView) -> Checks:
    """Working orders of the account, this one included, in all and in the instrument."""
    if intent.reduces:
        return ()
    limits, instrument = view.account_limits, intent.instrument.id
    everywhere = len(view.working) + 1
    here = len([order for order in view.working if order.instrument == instrument]) + 1
    return (
        _count("open_orders", everywhere, limits.open_orders),
        _count("open_orders_per_instrument", here, limits.open_orders_per_instrument),
    )


def _beside(intent: OrderIntent, view: RiskView) -> list[WorkingOrder]:
    """Return the orders in the intent's instrument that stand in its way."""
    instrument = intent.instrument.id
    return [o for o in view.working if o.instrument == instrument and not (o.lost and intent.reduces)]


def one_working_order(intent: OrderIntent, view: RiskView) -> Checks:
    """A strategy has at most one working order in an instrument; an exit does not wait for one given up for lost."""
    working = [order for order in _beside(intent, view) if order.strategy == intent.strategy]
    return (CheckResult("one_working_order", intent.strategy, str(len(working) + 1), "1", not working),)


def self_cross(intent: OrderIntent, view: RiskView) -> Checks:
    """An order that could trade against another of our own working orders is refused; see there for lost ones."""
    against = [order.order_ref for order in _beside(intent, view) if order.side is not intent.side]
    return (CheckResult("self_cross", _ACCOUNT, ", ".join(against) or "none", "none", not against),)


def message_rate(intent: OrderIntent, view: RiskView) -> Checks:
    """Orders a second and a minute, this one included; refused, never buffered. Reducing never waits."""
    if intent.reduces:
        return ()
    limits = view.account_limits
    last_second = len([order for order in view.recent if view.at - order.at < _SECOND]) + 1
    return (
        _count("messages_per_second", last_second, limits.messages_per_second),
        _count("messages_per_minute", len(view.recent) + 1, limits.messages_per_minute),
    )


def duplicate(intent: OrderIntent, view: RiskView) -> Checks:
    """The same strategy, instrument, side, quantity and price within a short window is taken for a mistake."""
    limits = view.account_limits
    key = (intent.strategy, intent.instrument.id, intent.side, intent.quantity, intent.limit_price)
    twins = [
        order
        for order in view.recent
        if (view.at - order.at).total_seconds() < limits.duplicate_window_s
        and (order.strategy, order.instrument, order.side, order.quantity, order.limit_price) == key
    ]
    allowed = f"0 within {limits.texts['duplicate_window_s']}"
    return (CheckResult("duplicate_window_s", intent.strategy, f"{len(twins)} alike", allowed, not twins),)


CONTROLS: tuple[Control, ...] = (
    paper_only,
    trading_state,
    connection,
    restart_window,
    market_data,
    books_agree,
    one_working_order,
    self_cross,
    quote,
    position_size,
    position_loss,
    daily_loss,
    daily_trades,
    open_orders,
    message_rate,
    duplicate,
)


def _scopes(intent: OrderIntent, view: RiskView) -> tuple[tuple[str, Book, SharedLimits], ...]:
    """Return the two levels on which every shared limit is checked: the tighter one wins."""
    return (intent.strategy, view.strategy, view.strategy_limits), (_ACCOUNT, view.account, view.account_limits)


def _worst_position(intent: OrderIntent, view: RiskView, *, own: bool) -> Decimal:
    """Return the largest |position| if this order fills and of the working ones whichever make it larger."""
    book, sign = view.strategy if own else view.account, intent.side.sign
    position = book.position + intent.quantity * sign
    for order in _beside(intent, view):
        if order.side is intent.side and (not own or order.strategy == intent.strategy):
            position += order.remaining * sign
    return abs(position)


def _size_checks(position: Decimal, price: Decimal, scope: str, book: Book, limits: SharedLimits) -> Checks:
    value, texts = position * price, limits.texts
    share = value / book.equity if book.equity > 0 else _INFINITE
    shares, worth, fraction = limits.position_shares, limits.position_value, limits.position_fraction
    return (
        CheckResult("position_shares", scope, str(position), texts["position_shares"], position <= shares),
        CheckResult("position_value", scope, f"{value:.2f}", texts["position_value"], value <= worth),
        CheckResult("position_fraction", scope, f"{share:.4f}", texts["position_fraction"], share <= fraction),
    )


def _loss_checks(scope: str, book: Book, limits: SharedLimits) -> Checks:
    loss, texts = book.day_loss, limits.texts
    share = loss / book.day_start_equity if book.day_start_equity > 0 else _INFINITE
    worth, fraction = limits.daily_loss_value, limits.daily_loss_fraction
    return (
        CheckResult("daily_loss_value", scope, f"{loss:.2f}", texts["daily_loss_value"], loss < worth),
        CheckResult("daily_loss_fraction", scope, f"{share:.4f}", texts["daily_loss_fraction"], share < fraction),
    )


def _count(control: str, count: int, limit: int) -> CheckResult:
    return CheckResult(control, _ACCOUNT, str(count), str(limit), count <= limit)
