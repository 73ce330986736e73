"""Combos: several legs at one net price, filled together or not at all from the touches of the legs' own books."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import gcd
from typing import Final

from daemon.domain.order import Side
from daemon.matching.book import OnFill, SymbolBook
from daemon.matching.open_order import OpenOrder, to_price
from daemon.matching.orders import ComboLeg, Filled, FillModel, LegFill, Outcome

MAX_AGE_US: Final = 5_000_000  # a leg's quote must have been confirmed within this time
_CENT: Final = Decimal("0.01")
_UNIT: Final = Decimal("0.0001")  # the finest price of a leg


@dataclass(frozen=True, slots=True, kw_only=True)
class LegOffer:
    """What the market offers for one leg."""

    leg: ComboLeg
    buying: bool  # whether the account buys this leg
    price: Decimal  # the touch
    left: Decimal  # units

    @property
    def cost(self) -> Decimal:
        """Return what the leg adds to the cost of one combo."""
        return self.leg.ratio * self.price * (1 if self.buying else -1)


def leg_offers(
    order: OpenOrder, books: Mapping[str, SymbolBook], at_us: int, max_age_us: int
) -> tuple[LegOffer, ...] | None:
    """Return every leg's touch, or None when one leg has no fresh quote or may not trade."""
    offers: list[LegOffer] = []
    for leg in order.order.legs:
        book = books.get(leg.symbol)
        if book is None or not book.can_trade or at_us - book.quoted_us > max_age_us:
            return None
        buying = (leg.side is Side.BUY) is order.buying
        touch, left = book.touch(buying=buying)
        offers.append(LegOffer(leg=leg, buying=buying, price=to_price(touch), left=left))
    return tuple(offers)


def net_price(offers: Iterable[LegOffer], *, buying: bool) -> Decimal:
    """Return the net of one combo, to the cent against the account: what a buyer pays, what a seller receives."""
    cost = sum((offer.cost for offer in offers), Decimal(0))
    if buying:
        return cost.quantize(_CENT, ROUND_CEILING)
    return (-cost).quantize(_CENT, ROUND_FLOOR)


def leg_prices(offers: tuple[LegOffer, ...], net: Decimal, *, buying: bool) -> tuple[Decimal, ...]:
    """Return prices of the legs that add up to the net exactly.

    The touches, but for the fraction of a cent between their sum and the net: it goes to a leg of ratio 1, bought
    rather than sold, or is spread so that it divides.
    """
    cost = sum((offer.cost for offer in offers), Decimal(0))
    missing = int(((net if buying else -net) - cost) / _UNIT)
    shares = _spread([offer.leg.ratio for offer in offers], [offer.buying for offer in offers])
    return tuple(
        offer.price + (1 if offer.buying else -1) * share * missing * _UNIT
        for offer, share in zip(offers, shares, strict=True)
    )


def _spread(ratios: list[int], buying: list[bool]) -> list[int]:
    """Return whole numbers whose sum, each times its ratio, is 1."""
    ones = [position for position, ratio in enumerate(ratios) if ratio == 1]
    if ones:
        chosen = next((position for position in ones if buying[position]), ones[0])
        return [int(position == chosen) for position in range(len(ratios))]
    shares, reached = [1], ratios[0]
    for ratio in ratios[1:]:
        common = gcd(reached, ratio)
        old = pow(reached // common, -1, ratio // common) if ratio != common else 0
        new = (common - old * reached) // ratio
        shares, reached = [share * old for share in shares] + [new], common
    return shares


class ComboBook:
    """The combos that have arrived, in order of their arrival."""

    def __init__(self, max_age_us: int = MAX_AGE_US) -> None:
        self.working: list[OpenOrder] = []
        self._max_age_us = max_age_us

    def add(self, order: OpenOrder) -> None:
        """Let a combo that has arrived take part."""
        order.settle()
        self.working.append(order)
        self.working.sort(key=lambda each: each.sequence)

    def remove(self, order: OpenOrder) -> None:
        """Take a combo out."""
        self.working.remove(order)

    def watches(self, symbol: str) -> bool:
        """Return whether any combo has a leg in this symbol."""
        return any(leg.symbol == symbol for order in self.working for leg in order.order.legs)

    def match(self, books: Mapping[str, SymbolBook], at_us: int, on_fill: OnFill) -> list[Outcome]:
        """Return what the legs' quotes in force do to the combos; what they take is gone from the legs' books."""
        outcomes: list[Outcome] = []
        for order in tuple(self.working):
            fill = None if order.idle else self._take(order, books, at_us)
            order.rested = True
            if fill is None:
                continue
            outcomes.append(fill)
            if fill.remaining == 0:
                self.remove(order)
            if order.order.oca_group:
                outcomes.extend(on_fill(order, fill))
        return outcomes

    def _take(self, order: OpenOrder, books: Mapping[str, SymbolBook], at_us: int) -> Filled | None:
        offers = leg_offers(order, books, at_us, self._max_age_us)
        if offers is None:
            return None
        net, limit = net_price(offers, buying=order.buying), order.order.limit_price
        if limit is not None and (net - limit) * order.order.side.sign > 0:
            return None
        bounded = order.order.fill_model is not FillModel.OPTIMISTIC
        shown = min(offer.left // offer.leg.ratio for offer in offers)
        quantity = min(order.remaining, shown) if bounded else order.remaining
        if quantity <= 0 or quantity < order.least:
            return None
        if bounded:
            for offer in offers:
                books[offer.leg.symbol].consume(quantity * offer.leg.ratio, buying=offer.buying)
        order.remaining -= quantity
        return Filled(
            key=order.order.key,
            at_us=at_us,
            quantity=quantity,
            price=net,
            remaining=order.remaining,
            added_liquidity=order.rested and not order.takes_any,
            legs=_leg_fills(offers, quantity, leg_prices(offers, net, buying=order.buying)),
        )


def _leg_fills(offers: tuple[LegOffer, ...], quantity: Decimal, prices: tuple[Decimal, ...]) -> tuple[LegFill, ...]:
    return tuple(
        LegFill(
            symbol=offer.leg.symbol,
            side=Side.BUY if offer.buying else Side.SELL,
            quantity=quantity * offer.leg.ratio,
            price=price,
        )
        for offer, price in zip(offers, prices, strict=True)
    )
