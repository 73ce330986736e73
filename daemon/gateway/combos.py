"""Combinations as the gateway keeps them: the legs of a BAG contract, found, written to the books and back."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import gcd

from daemon.domain.order import Side
from daemon.gateway.wire.contract import ComboLeg, Contract
from daemon.market.listing import Listing

BAG_CON_ID = 28812380  # what every combination carries in responses
BAG = "BAG"
_MOST_LEGS = 8
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL, "SSHORT": Side.SELL}

FindById = Callable[[int], Listing | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One leg: for every unit of the combination that is bought, `ratio` of `symbol` on `side`."""

    symbol: str  # of its listing
    ratio: int  # > 0
    side: Side
    wire: ComboLeg  # as the client wrote it; must be echoed


class BadLegs(Exception):
    """A combination that cannot be traded; the text says why."""


def legs_of(contract: Contract, listing_of: FindById) -> tuple[Leg, ...]:
    """Return the legs of a BAG contract.

    Raises:
        BadLegs: there are too few or too many, one is unknown or there twice, or a ratio or side is wrong.
    """
    if not 2 <= len(contract.combo_legs) <= _MOST_LEGS:
        raise BadLegs(f"a combination has 2 to {_MOST_LEGS} legs, was {len(contract.combo_legs)}")
    legs = tuple(_leg(leg, listing_of(leg.con_id)) for leg in contract.combo_legs)
    if len({leg.symbol for leg in legs}) != len(legs):
        raise BadLegs("two legs are the same contract")
    if gcd(*(leg.ratio for leg in legs)) != 1:
        raise BadLegs("the ratios have a common divisor")
    return legs


def legs_text(legs: tuple[Leg, ...]) -> str:
    """Return the legs as the books keep them, "" for none."""
    return json.dumps([asdict(leg) for leg in legs]) if legs else ""


def legs_from(text: str) -> tuple[Leg, ...]:
    """Return the legs the books keep."""
    return tuple(
        Leg(symbol=item["symbol"], ratio=item["ratio"], side=Side(item["side"]), wire=ComboLeg(**item["wire"]))
        for item in (json.loads(text) if text else ())
    )


def bag_contract(symbol: str, exchange: str, currency: str, legs: tuple[Leg, ...]) -> Contract:
    """Return a combination as responses carry it."""
    return Contract(
        con_id=BAG_CON_ID,
        symbol=symbol,
        sec_type=BAG,
        exchange=exchange,
        currency=currency,
        local_symbol=str(BAG_CON_ID),
        trading_class="COMB",
        combo_legs=tuple(leg.wire for leg in legs),
        combo_legs_description=",".join(f"{leg.wire.con_id}|{leg.ratio * leg.side.sign}" for leg in legs),
    )


def _leg(wire: ComboLeg, listing: Listing | None) -> Leg:
    side = _SIDES.get(wire.action)
    if listing is None:
        raise BadLegs(f"leg {wire.con_id} is unknown")
    if side is None or wire.ratio < 1:
        raise BadLegs(f"leg {wire.con_id} needs an action and a ratio of at least 1: {wire.action} {wire.ratio}")
    return Leg(symbol=listing.symbol, ratio=wire.ratio, side=side, wire=wire)
