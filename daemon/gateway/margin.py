"""What an account must cover: margin of shares, options and futures by fixed published shapes; pure arithmetic.

Shares take a quarter of their value. Options lend nothing: long ones are paid for and add no equity, short ones take
the old exchange minimum (their price and a fifth of the underlying less what they are out of the money, at least a
tenth), unless shares or an option of the same kind that lives as long cover them. Futures take a tenth of their value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from daemon.gateway.account import INITIAL_MARGIN, MAINTENANCE_MARGIN, ZERO, Mark, Position, Valuation
from daemon.market.listing import Listing, Terms

OPTION_TYPES = frozenset({"OPT", "FOP"})
FUTURE_TYPES = frozenset({"FUT", "CONTFUT"})
_SHORT_OPTION = Decimal("0.20")  # of the underlying, less what it is out of the money
_SHORT_OPTION_FLOOR = Decimal("0.10")  # of the underlying for calls, of the strike for puts
_FUTURE_INITIAL = Decimal("0.10")  # of notional
_FUTURE_MAINTENANCE = Decimal("0.08")

FindListing = Callable[[str], Listing | None]  # by the market's own symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What must be covered, account currency."""

    initial: Decimal
    maintenance: Decimal


@dataclass(slots=True)
class _Option:
    terms: Terms
    quantity: Decimal  # contracts, negative = short
    price: Decimal
    free: Decimal = ZERO  # contracts of a long one that cover nothing yet

    @property
    def strike(self) -> Decimal:
        return Decimal(repr(self.terms.strike))


def valued(valuation: Valuation, positions: Mapping[str, Position], mark: Mark, listing: FindListing) -> Valuation:
    """Return a valuation with its values by kind of instrument and its margins."""
    prices = {symbol: _price(held, mark) for symbol, held in positions.items() if held.quantity}
    kinds = {symbol: kind_of(listing(symbol)) for symbol in prices}
    need = requirement({symbol: positions[symbol].quantity for symbol in prices}, prices.get, mark, listing)

    def total(kind: str) -> Decimal:
        return sum(
            (
                positions[symbol].quantity * price * positions[symbol].multiplier - positions[symbol].financed
                for symbol, price in prices.items()
                if kinds[symbol] == kind
            ),
            ZERO,
        )

    return replace(
        valuation,
        stocks=total("STK"),
        options=total("OPT"),
        futures_profit=total("FUT"),
        initial_margin=need.initial,
        maintenance_margin=need.maintenance,
    )


def kind_of(listing: Listing | None) -> str:
    """Return STK, OPT or FUT: how a contract is paid for."""
    if listing is None:
        return "STK"
    return "OPT" if listing.sec_type in OPTION_TYPES else "FUT" if listing.sec_type in FUTURE_TYPES else "STK"


def requirement(quantities: Mapping[str, Decimal], price_of: Mark, mark: Mark, listing: FindListing) -> Requirement:
    """Return what holdings take together.

    Args:
        quantities: units or contracts by symbol, negative = short.
        price_of: price of each of them, currency per unit.
        mark: price of the underlyings that are not held.
        listing: what a symbol is.
    """
    initial = maintenance = ZERO
    options: dict[str, list[_Option]] = {}
    for symbol, quantity in quantities.items():
        price, listed = price_of(symbol) or ZERO, listing(symbol)
        kind = kind_of(listed)
        if kind == "OPT" and listed is not None and listed.terms is not None:
            options.setdefault(listed.terms.underlying, []).append(_Option(listed.terms, quantity, price))
            continue
        value = abs(quantity) * price * (listed.multiplier if listed is not None else 1)
        initial += value * (_FUTURE_INITIAL if kind == "FUT" else INITIAL_MARGIN)
        maintenance += value * (_FUTURE_MAINTENANCE if kind == "FUT" else MAINTENANCE_MARGIN)
    for underlying, held in options.items():
        spot = price_of(underlying) or mark(underlying)
        short = _short_options(held, spot, quantities.get(underlying, ZERO))
        initial, maintenance = initial + short, maintenance + short
    return Requirement(initial=initial, maintenance=maintenance)


def _short_options(options: list[_Option], spot: Decimal | None, shares: Decimal) -> Decimal:
    """Return what the short options of one underlying take, the most dangerous covered first."""
    total = ZERO
    for right in ("C", "P"):
        free = max(shares if right == "C" else -shares, ZERO)
        long = [option for option in options if option.terms.right == right and option.quantity > 0]
        short = [option for option in options if option.terms.right == right and option.quantity < 0]
        for option in long:
            option.free = option.quantity
        for option in sorted(short, key=lambda item: item.strike, reverse=right == "P"):
            by_shares = min(-option.quantity, free // option.terms.multiplier)
            free -= by_shares * option.terms.multiplier
            total += _uncovered(option, -option.quantity - by_shares, long, _naked(option, spot))
    return total


def _uncovered(short: _Option, left: Decimal, long: list[_Option], naked: Decimal) -> Decimal:
    """Use up long options that cover a short one; return the spreads' greatest losses and what the rest takes."""
    taken = ZERO
    for cover in sorted(long, key=lambda item: _width(short, item)):
        if _lives_as_long(cover, short):
            used = min(left, cover.free)
            cover.free -= used
            left -= used
            taken += used * min(naked, max(ZERO, _width(short, cover)) * short.terms.multiplier)
    return taken + left * naked


def _width(short: _Option, cover: _Option) -> Decimal:
    """Return what a unit of the spread can lose at most, before what was paid."""
    return cover.strike - short.strike if short.terms.right == "C" else short.strike - cover.strike


def _lives_as_long(cover: _Option, short: _Option) -> bool:
    if cover.terms.expiry is None or short.terms.expiry is None:
        return False
    return cover.terms.expiry >= short.terms.expiry and cover.terms.multiplier == short.terms.multiplier


def _naked(option: _Option, spot: Decimal | None) -> Decimal:
    """Return what one uncovered short contract takes."""
    strike = option.strike
    spot = strike if spot is None else spot
    out_of_the_money = max(ZERO, strike - spot if option.terms.right == "C" else spot - strike)
    floor = _SHORT_OPTION_FLOOR * (spot if option.terms.right == "C" else strike)
    return (option.price + max(_SHORT_OPTION * spot - out_of_the_money, floor)) * option.terms.multiplier


def _price(held: Position, mark: Mark) -> Decimal:
    price = mark(held.symbol)
    return held.average_cost / held.multiplier if price is None else price
