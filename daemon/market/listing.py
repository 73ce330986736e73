"""What a market says about an instrument it lists; contracts as strategies see them are in `domain`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b


class UnknownSymbol(LookupError):
    """A symbol was asked for that the market does not list; the message offers the nearest ones."""

    def __init__(self, symbol: str, listed: Iterable[str]) -> None:
        self.symbol = symbol
        self.near = tuple(difflib.get_close_matches(symbol.upper(), sorted(listed), n=5, cutoff=0.5))
        hint = f"did you mean {', '.join(self.near)}?" if self.near else "no listed symbol is near it"
        super().__init__(f"symbol {symbol!r} is not listed: {hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One share or fund as its market lists it."""

    symbol: str
    con_id: int  # stable for the symbol, > 0
    name: str
    primary_exchange: str
    currency: str = "USD"
    sec_type: str = "STK"
    tick_size: float = 0.01  # currency per share
    average_daily_volume: int  # shares

    def __post_init__(self) -> None:
        if not self.symbol or self.con_id <= 0 or self.tick_size <= 0 or self.average_daily_volume < 0:
            raise ValueError(f"listing of {self.symbol!r} has an empty symbol or a number out of range")


def con_id_of(symbol: str) -> int:
    """Return a contract number made from `symbol`: the same in every run, from 10,000,000 to 2**31 - 1.

    Two symbols meet with probability 5e-10; the markets check that their own do not.
    """
    digest = int.from_bytes(blake2b(symbol.encode(), digest_size=8, person=b"paperd.conid").digest())
    return 10_000_000 + digest % (2**31 - 10_000_000)
