"""Options at their end: exercise, assignment, cash settlement. Says what to book and books nothing."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

BY_EXCEPTION: Final = Decimal("0.01")  # OCC exercises what is in the money by at least this, currency per unit
_CENT: Final = Decimal("0.01")
_NOTHING: Final = Decimal(0)


class Right(StrEnum):
    """What the holder may do."""

    CALL = "C"
    PUT = "P"


class Settlement(StrEnum):
    """What changes hands at exercise."""

    PHYSICAL = "physical"  # the underlying at the strike
    CASH = "cash"  # the difference; index options


class OptionStyle(StrEnum):
    """When the holder may exercise."""

    AMERICAN = "american"  # any day
    EUROPEAN = "european"  # at expiry


class Ending(StrEnum):
    """How a position in an option ended."""

    EXPIRED = "expired"  # worthless
    EXERCISED = "exercised"  # by its holder, the account
    ASSIGNED = "assigned"  # to its writer, the account


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTerms:
    """What is written in the contract."""

    symbol: str
    underlying: str
    right: Right
    strike: Decimal  # currency per unit of the underlying, > 0
    multiplier: Decimal = Decimal(100)  # units of the underlying per contract
    settlement: Settlement = Settlement.PHYSICAL
    style: OptionStyle = OptionStyle.AMERICAN

    def __post_init__(self) -> None:
        """Refuse terms without meaning."""
        for name, value in (("strike", self.strike), ("multiplier", self.multiplier)):
            if not value.is_finite() or value <= 0:
                raise ValueError(f"{name} must be > 0, was {value}")

    def intrinsic(self, price: Decimal) -> Decimal:
        """Return by how much it is in the money at a price of the underlying, negative when it is out."""
        return price - self.strike if self.right is Right.CALL else self.strike - price


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What the books of the account have to take in for one position. Every amount is signed from its point of view."""

    ending: Ending
    option: str
    contracts: Decimal  # change of the option's position, at price 0
    underlying: str
    units: Decimal  # change of the underlying's position, 0 when settled in cash
    price: Decimal  # at which the units are booked, currency per unit
    cash: Decimal  # change of cash, whole cents


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseRefused:
    """An exercise that cannot be."""

    reason: str


def expire(
    terms: OptionTerms,
    contracts: Decimal,
    settlement_price: Decimal,
    *,
    do_not_exercise: bool = False,
    assigned: Decimal | None = None,
) -> tuple[Booking, ...]:
    """Return what to book for a position at the end of its last day.

    A long position is exercised when it is in the money by at least a cent, unless its holder has said not to. A short
    one is assigned by the same measure, since the other side is taken to do the same; `assigned` says otherwise.

    Args:
        terms: of the contract.
        contracts: held; negative = written.
        settlement_price: of the underlying, currency per unit.
        do_not_exercise: the holder's contrary instruction; without meaning for a short position or in cash settlement.
        assigned: contracts assigned of a short position, when the tape knows; None = all or none, by exception.

    Raises:
        ValueError: more contracts assigned than written.
    """
    in_the_money = terms.intrinsic(settlement_price) >= BY_EXCEPTION
    if contracts < 0:
        exercised = assigned if assigned is not None else (-contracts if in_the_money else _NOTHING)
        if not _NOTHING <= exercised <= -contracts:
            raise ValueError(f"assigned must be between 0 and {-contracts}, was {exercised}")
        exercised = -exercised
    else:
        refused = do_not_exercise and terms.settlement is Settlement.PHYSICAL
        exercised = contracts if in_the_money and not refused else _NOTHING
    bookings = []
    if exercised != 0:
        bookings.append(_exercised(terms, exercised, settlement_price))
    if contracts != exercised:
        bookings.append(_worthless(terms, contracts - exercised))
    return tuple(bookings)


def exercise(
    terms: OptionTerms, held: Decimal, contracts: Decimal, price: Decimal, *, override: bool = False
) -> Booking | ExerciseRefused:
    """Return what to book for an early exercise, or why there is none.

    Args:
        terms: of the contract.
        held: contracts in the account.
        contracts: to exercise, > 0.
        price: of the underlying now, currency per unit.
        override: exercise although it is out of the money.
    """
    if terms.style is OptionStyle.EUROPEAN:
        return ExerciseRefused(reason=f"{terms.symbol} is european: it is exercised at expiry only")
    if not _NOTHING < contracts <= held:
        return ExerciseRefused(reason=f"contracts must be > 0 and at most the {held} held, was {contracts}")
    if terms.intrinsic(price) < BY_EXCEPTION and not override:
        return ExerciseRefused(reason=f"{terms.symbol} is not in the money at {price}: say override to exercise it")
    return _exercised(terms, contracts, price)


def assign(terms: OptionTerms, held: Decimal, contracts: Decimal, price: Decimal) -> Booking:
    """Return what to book for an early assignment of `contracts` (> 0) of a short position at the present price.

    Raises:
        ValueError: more than is written, or a style that is not exercised early.
    """
    if terms.style is OptionStyle.EUROPEAN:
        raise ValueError(f"{terms.symbol} is european: it is assigned at expiry only")
    if not _NOTHING < contracts <= -held:
        raise ValueError(f"contracts must be > 0 and at most the {-held} written, was {contracts}")
    return _exercised(terms, -contracts, price)


def _exercised(terms: OptionTerms, contracts: Decimal, price: Decimal) -> Booking:
    """Return the booking of an exercise (contracts > 0) or an assignment (< 0)."""
    physical = terms.settlement is Settlement.PHYSICAL
    direction = 1 if terms.right is Right.CALL else -1
    units = contracts * terms.multiplier * direction if physical else _NOTHING
    cash = -units * terms.strike if physical else contracts * terms.multiplier * terms.intrinsic(price)
    return Booking(
        ending=Ending.EXERCISED if contracts > 0 else Ending.ASSIGNED,
        option=terms.symbol,
        contracts=-contracts,
        underlying=terms.underlying,
        units=units,
        price=terms.strike,
        cash=cash.quantize(_CENT, ROUND_HALF_UP),
    )


def _worthless(terms: OptionTerms, contracts: Decimal) -> Booking:
    return Booking(
        ending=Ending.EXPIRED,
        option=terms.symbol,
        contracts=-contracts,
        underlying=terms.underlying,
        units=_NOTHING,
        price=terms.strike,
        cash=_NOTHING,
    )
