"""What a market says about an instrument it lists; contracts as strategies see them are in `domain`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Final, Literal

Right = Literal["", "C", "P"]
Increments = tuple[tuple[float, float], ...]

ONE_CENT: Final = 26
# Price increments by the broker's number of the rule: from each low edge upwards, the step in currency per unit.
MARKET_RULES: Final[dict[int, Increments]] = {
    ONE_CENT: ((0.0, 0.01),),
    32: ((0.0, 0.01), (3.0, 0.05)),  # options of the penny programme
    110: ((0.0, 0.05), (3.0, 0.10)),  # other options
    67: ((0.0, 0.25),),  # E-mini index futures
    239: ((0.0, 0.00005),),  # currency pairs
}


class UnknownSymbol(LookupError):
    """A symbol was asked for that the market does not list; the message offers the nearest ones."""

    def __init__(self, symbol: str, listed: Iterable[str]) -> None:
        self.symbol = symbol
        self.near = tuple(difflib.get_close_matches(symbol.upper(), sorted(listed), n=5, cutoff=0.5))
        hint = f"did you mean {', '.join(self.near)}?" if self.near else "no listed symbol is near it"
        super().__init__(f"symbol {symbol!r} is not listed: {hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a contract that is no share adds to its listing."""

    ticker: str  # what the broker writes as its symbol: the underlying's, or the base currency's
    local_symbol: str  # 21 characters for an option: "SPY   260320C00500000"
    trading_class: str
    multiplier: int = 1  # units of the underlying per contract
    underlying: str = ""  # symbol of the listing it derives from, "" = none
    expiry: date | None = None  # when it is settled, exchange's date
    last_trading_day: date | None = None  # that day, or the session before for what settles at the open
    strike: float = 0.0  # currency per unit of the underlying
    right: Right = ""
    is_american: bool = False  # may be exercised before it expires
    settles_at_open: bool = False  # its value is the underlying's at the open of `expiry`, not at the close

    def __post_init__(self) -> None:
        if self.multiplier < 1 or self.strike < 0 or bool(self.right) != (self.strike > 0):
            raise ValueError(
                f"contract {self.local_symbol!r} needs a multiplier >= 1 and right and strike together or neither: "
                f"multiplier {self.multiplier}, right {self.right!r}, strike {self.strike}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One share, fund, option, future, currency pair or index as its market lists it."""

    symbol: str  # the market's own name of it, unique
    con_id: int  # stable for the symbol, > 0
    name: str
    primary_exchange: str
    currency: str = "USD"
    sec_type: str = "STK"
    tick_size: float = 0.01  # currency per share; the smallest where it depends on the price
    average_daily_volume: int  # shares
    market_rule: int = ONE_CENT  # of `MARKET_RULES`
    terms: Terms | None = None  # None = a share or fund

    def __post_init__(self) -> None:
        if not self.symbol or self.con_id <= 0 or self.tick_size <= 0 or self.average_daily_volume < 0:
            raise ValueError(f"listing of {self.symbol!r} has an empty symbol or a number out of range")

    @property
    def ticker(self) -> str:
        """Return what the broker writes as its symbol."""
        return self.symbol if self.terms is None else self.terms.ticker

    @property
    def local_symbol(self) -> str:
        """Return the exchange's own name of it."""
        return self.symbol if self.terms is None else self.terms.local_symbol

    @property
    def trading_class(self) -> str:
        """Return the family of contracts it belongs to."""
        return self.symbol if self.terms is None else self.terms.trading_class

    @property
    def multiplier(self) -> int:
        """Return the units of the underlying per contract, 1 for shares."""
        return 1 if self.terms is None else self.terms.multiplier

    @property
    def increments(self) -> Increments:
        """Return the price steps, from each low edge upwards."""
        return MARKET_RULES[self.market_rule]


def con_id_of(symbol: str) -> int:
    """Return a contract number made from `symbol`: the same in every run, from 10,000,000 to 2**31 - 1.

    Two symbols meet with probability 5e-10; the markets check that their own do not.
    """
    digest = int.from_bytes(blake2b(symbol.encode(), digest_size=8, person=b"paperd.conid").digest())
    return 10_000_000 + digest % (2**31 - 10_000_000)
