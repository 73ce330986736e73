"""The pre-trade controls, one function each. A control that does not apply returns None."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from daemon.domain.order import CheckResult, OrderIntent
from daemon.domain.trading_state import TradingState
from daemon.risk.limits import PAPER_ACCOUNT_PREFIX, PRODUCTION_PORTS, SharedLimits
from daemon.risk.view import Book, RiskView

Control = Callable[[OrderIntent, RiskView], tuple[CheckResult, ...]]


def paper_only(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:  # noqa: ARG001 - one signature
    """Account id and port must both be those of a paper account, unless live trading was authorised."""
    guard = view.guard
    is_paper = guard.account.startswith(PAPER_ACCOUNT_PREFIX) and guard.port not in PRODUCTION_PORTS
    allowed = f"account {PAPER_ACCOUNT_PREFIX}…, port not in {sorted(PRODUCTION_PORTS)}"
    return (
        _check(
            "paper_only",
            "account",
            f"{guard.account or 'no account'}:{guard.port}",
            allowed,
            is_paper or guard.live_authorised,
        ),
    )


def trading_state(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """Opening needs RUNNING; reducing is allowed unless the daemon is halted."""
    passed = view.state.may_open or (intent.reduces and view.state is not TradingState.HALTED)
    return (
        _check("trading_state", "account", view.state.value, "RUNNING" if not intent.reduces else "not HALTED", passed),
    )


def quote(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """A usable two-sided quote must have been confirmed a short while ago; reducing does not wait for one."""
    limit = view.account_limits.quote_age_s
    if view.quote is None or view.quote_confirmed_at is None:
        return (_check("quote_age_s", "account", "no usable quote", f"{limit}", intent.reduces),)
    age = (view.at - view.quote_confirmed_at).total_seconds()
    return (_check("quote_age_s", "account", f"{age:.3f}", f"{limit}", age <= limit or intent.reduces),)


def position_size(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """Units, value and share of equity of the position that the order and all working ones could bring about."""
    own, everybody = _worst_position(intent, view, own=True), _worst_position(intent, view, own=False)
    if intent.reduces:
        # It reduces its strategy's ledger; where it raises the account's position, the account's limits bind it.
        raises = everybody > abs(view.account.position)
        return (
            _size_checks(everybody, view, scope="account", book=view.account, limits=view.account_limits)
            if raises
            else ()
        )
    return (
        *_size_checks(own, view, scope=intent.strategy, book=view.strategy, limits=view.strategy_limits),
        *_size_checks(everybody, view, scope="account", book=view.account, limits=view.account_limits),
    )


def position_loss(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """A position that has lost too much is not added to."""
    if intent.reduces:
        return ()
    checks: list[CheckResult] = []
    for scope, book, limits in _scopes(intent, view):
        loss, limit = max(-book.unrealized_pnl, Decimal(0)), limits.position_loss_bound
        if book.position:
            checks.append(_check("position_loss", scope, _money(loss), _money(limit), loss < limit))
    return tuple(checks)


def daily_loss(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """No opening once the day's loss has reached its limit, in money or as a share of the day's first equity."""
    if intent.reduces:
        return ()
    return tuple(check for scope in _scopes(intent, view) for check in _loss_checks(*scope))


def daily_trades(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """Orders of the session, this one included."""
    if intent.reduces:
        return ()
    return tuple(
        _check(
            "daily_trades",
            scope,
            str(book.orders_today + 1),
            str(limits.daily_trades),
            book.orders_today < limits.daily_trades,
        )
        for scope, book, limits in _scopes(intent, view)
    )


def open_orders(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """Working orders of the account, this one included, in all and in the instrument."""
    if intent.reduces:
        return ()
    limits = view.account_limits
    here = sum(1 for order in view.working if order.instrument == intent.instrument.id) + 1
    everywhere = len(view.working) + 1
    return (
        _check("open_orders", "account", str(everywhere), str(limits.open_orders), everywhere <= limits.open_orders),
        _check(
            "open_orders_per_instrument",
            "account",
            str(here),
            str(limits.open_orders_per_instrument),
            here <= limits.open_orders_per_instrument,
        ),
    )


def one_working_order(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """A strategy has at most one working order in an instrument."""
    working = [
        o.order_ref for o in view.working if o.strategy == intent.strategy and o.instrument == intent.instrument.id
    ]
    return (_check("one_working_order", intent.strategy, str(len(working) + 1), "1", not working),)


def self_cross(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """An order that could trade against another of our own working orders is refused."""
    against = [o.order_ref for o in view.working if o.instrument == intent.instrument.id and o.side is not intent.side]
    return (_check("self_cross", "account", ", ".join(against) or "none", "none", not against),)


def message_rate(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """Orders a second and a minute, this one included; refused, never buffered. Reducing never waits."""
    if intent.reduces:
        return ()
    limits = view.account_limits
    last_second = sum(1 for order in view.recent if view.at - order.at < timedelta(seconds=1)) + 1
    last_minute = len(view.recent) + 1
    return (
        _check(
            "messages_per_second",
            "account",
            str(last_second),
            str(limits.messages_per_second),
            last_second <= limits.messages_per_second,
        ),
        _check(
            "messages_per_minute",
            "account",
            str(last_minute),
            str(limits.messages_per_minute),
            last_minute <= limits.messages_per_minute,
        ),
    )


def duplicate(intent: OrderIntent, view: RiskView) -> tuple[CheckResult, ...]:
    """The same strategy, instrument, side, quantity and price within a short window is taken for a mistake."""
    window = view.account_limits.duplicate_window_s
    key = (intent.strategy, intent.instrument.id, intent.side, intent.quantity, intent.limit_price)
    twins = [
        order
        for order in view.recent
        if (view.at - order.at).total_seconds() < window
        and (order.strategy, order.instrument, order.side, order.quantity, order.limit_price) == key
    ]
    return (_check("duplicate_window_s", intent.strategy, f"{len(twins)} alike", f"0 within {window}", not twins),)


CONTROLS: tuple[Control, ...] = (
    paper_only,
    trading_state,
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
    return (intent.strategy, view.strategy, view.strategy_limits), ("account", view.account, view.account_limits)


def _worst_position(intent: OrderIntent, view: RiskView, *, own: bool) -> Decimal:
    """Return the largest |position| if this order fills and of the working ones whichever make it larger."""
    book = view.strategy if own else view.account
    held = book.position + intent.quantity * intent.side.sign
    same_way = sum(
        (
            order.remaining
            for order in view.working
            if order.instrument == intent.instrument.id
            and order.side is intent.side
            and (not own or order.strategy == intent.strategy)
        ),
        Decimal(0),
    )
    return abs(held + same_way * intent.side.sign)


def _size_checks(
    position: Decimal, view: RiskView, *, scope: str, book: Book, limits: SharedLimits
) -> tuple[CheckResult, ...]:
    value = position * view.price
    share = value / book.equity if book.equity > 0 else Decimal("Infinity")
    return (
        _check(
            "position_shares", scope, str(position), str(limits.position_shares), position <= limits.position_shares
        ),
        _check("position_value", scope, _money(value), _money(limits.position_value), value <= limits.position_value),
        _check(
            "position_fraction", scope, f"{share:.4f}", str(limits.position_fraction), share <= limits.position_fraction
        ),
    )


def _loss_checks(scope: str, book: Book, limits: SharedLimits) -> tuple[CheckResult, ...]:
    share = book.day_loss / book.day_start_equity if book.day_start_equity > 0 else Decimal("Infinity")
    return (
        _check(
            "daily_loss_value",
            scope,
            _money(book.day_loss),
            _money(limits.daily_loss_value),
            book.day_loss < limits.daily_loss_value,
        ),
        _check(
            "daily_loss_fraction",
            scope,
            f"{share:.4f}",
            str(limits.daily_loss_fraction),
            share < limits.daily_loss_fraction,
        ),
    )


def _check(control: str, scope: str, offered: str, allowed: str, passed: bool) -> CheckResult:  # noqa: FBT001
    return CheckResult(control=control, scope=scope, offered=offered, allowed=allowed, passed=passed)


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
