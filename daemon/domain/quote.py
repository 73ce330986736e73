"""The best bid and offer of one instant, and what makes one unusable."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from daemon.domain.cheap import cheaply_made
from daemon.domain.price import is_number


class QuoteFault(StrEnum):
    """Why a quote is never traded on."""

    NOT_FINITE = "NOT_FINITE"
    NOT_POSITIVE = "NOT_POSITIVE"
    CROSSED = "CROSSED"


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A two-sided quote in quote currency per unit, sizes in units."""

    at: datetime  # market time at which it came in force here
    bid: float
    ask: float
    bid_size: float
    ask_size: float

    @property
    def mid(self) -> float:
        """Return the middle of bid and ask."""
        return (self.bid + self.ask) / 2


def quote_fault(bid: float, ask: float) -> QuoteFault | None:
    """Return why a pair of prices is no usable quote, or None when it is one; a locked quote is usable."""
    if not (is_number(bid) and is_number(ask)):
        return QuoteFault.NOT_FINITE
    if bid <= 0 or ask <= 0:
        return QuoteFault.NOT_POSITIVE
    if bid > ask:
        return QuoteFault.CROSSED
    return None
