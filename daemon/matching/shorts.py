"""Shares that can be borrowed: which sales go out at once and which wait for a locate."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

LOCATE: Final = "locate"  # IB's whyHeld text
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The sale can go out: what it sells short is there to be borrowed."""

    short: Decimal  # shares that it sells short, 0 when it only reduces a long position


@dataclass(frozen=True, slots=True, kw_only=True)
class Locating:
    """The sale has to wait, as IB lets it: not refused, with `why_held` in its status, until shares turn up."""

    short: Decimal  # shares that it would sell short
    available: Decimal  # shares that can be borrowed
    why_held: str = LOCATE


Locate = Located | Locating


class ShortBook:
    """Shares that can be borrowed per symbol. A symbol that is not named has no limit."""

    def __init__(self, available: Mapping[str, Decimal] | None = None) -> None:
        self._available: dict[str, Decimal] = {}
        for symbol, shares in (available or {}).items():
            self.offer(symbol, shares)

    def offer(self, symbol: str, shares: Decimal) -> None:
        """Say how many shares there are to borrow, those already borrowed by the account left out.

        Raises:
            ValueError: not a number of shares.
        """
        if not shares.is_finite() or shares < 0:
            raise ValueError(f"available shares of {symbol} must be >= 0, was {shares}")
        self._available[symbol] = shares

    def available(self, symbol: str) -> Decimal | None:
        """Return the shares that can still be borrowed, None for no limit."""
        return self._available.get(symbol)

    def judge(self, symbol: str, sale: Decimal, *, position: Decimal, working: Decimal = _NOTHING) -> Locate:
        """Return whether a sale of `sale` shares can go out.

        Args:
            symbol: what is sold.
            sale: shares, > 0.
            position: the account's position, negative when it is short already.
            working: shares of other working sales, which use up position and borrow first.
        """
        short = max(sale - max(position - working, _NOTHING), _NOTHING)
        claimed = max(working - max(position, _NOTHING), _NOTHING)
        limit = self._available.get(symbol)
        if short == 0 or limit is None or short + claimed <= limit:
            return Located(short=short)
        return Locating(short=short, available=max(limit - claimed, _NOTHING))

    def executed(self, symbol: str, before: Decimal, after: Decimal) -> None:
        """Book what a change of position borrowed or gave back; `before` and `after` are positions."""
        limit = self._available.get(symbol)
        if limit is not None:
            borrowed = max(-after, _NOTHING) - max(-before, _NOTHING)
            self._available[symbol] = max(limit - borrowed, _NOTHING)
