"""What an option is called and numbered: OCC symbols, and contract numbers that can be read back; no prices here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

OptionRight = Literal["C", "P"]

_OCC: Final = re.compile(r"([A-Z0-9.]{1,6}) *(\d{6})([CP])(\d{8})", re.ASCII)
_SYMBOL_WIDTH: Final = 21
_EPOCH: Final = date(1999, 12, 27)  # a Monday
_WEEKS: Final = 1 << 11  # to 2039
_STRIKES: Final = 1 << 11
_BLOCK: Final = 2 * _STRIKES
_ROOTS: Final = (1 << 31) // (_WEEKS * _BLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionKey:
    """What tells one option from all others."""

    root: str  # trading class: the underlying's ticker without blanks, or an index's class
    expiry: date
    right: OptionRight
    strike: float  # currency per unit of the underlying, > 0, whole thousandths

    @property
    def symbol(self) -> str:
        """Return the OCC symbol, 21 characters: `SPY   260320C00500000`."""
        return f"{self.root:<6}{self.expiry:%y%m%d}{self.right}{round(self.strike * 1000):08d}"


def parse_option(text: str) -> OptionKey | None:
    """Return the option an OCC symbol names, with any number of blanks after the root; None if it is none."""
    found = _OCC.fullmatch(text)
    if found is None or len(text) > _SYMBOL_WIDTH:
        return None
    root, day, right, strike = found.groups()
    try:
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return None
    if int(strike) == 0:
        return None
    return OptionKey(root=root, expiry=expiry, right="C" if right == "C" else "P", strike=int(strike) / 1000)


class OptionNumbers:
    """Contract numbers below 2**31 made of root, week of expiry, strike and right, and read back from them.

    A class has at most one expiry a week. The first strike of each block is spare: an option whose number belongs to
    something else that is listed takes a spare one, so that numbers are unique by construction.
    """

    def __init__(self, strike_units: Mapping[str, float], reserved: Iterable[int]) -> None:
        """Number the roots in the order given, which must never change for the numbers to stay the same.

        Args:
            strike_units: by root, the step of which all its strikes are multiples, currency.
            reserved: numbers of contracts that are no options.

        Raises:
            ValueError: there are too many roots, or two reserved numbers would need one spare number.
        """
        if len(strike_units) > _ROOTS:
            raise ValueError(f"{len(strike_units)} option classes are more than {_ROOTS}")
        self._roots = tuple(strike_units)
        self._at = {root: at for at, root in enumerate(self._roots)}
        self._units = dict(strike_units)
        self._moved: dict[int, int] = {}
        for number in sorted(reserved):
            spare = number // _BLOCK * _BLOCK + number % 2
            if spare in self._moved.values():
                raise ValueError(f"contract number {number} meets another one in its block")
            self._moved[number] = spare
        self._back = {spare: number for number, spare in self._moved.items()}

    def has_strike(self, key: OptionKey) -> bool:
        """Return whether the strike is one its class can have."""
        unit = self._units[key.root]
        steps = key.strike / unit
        return abs(steps - round(steps)) < 1e-9 and 1 <= round(steps) < _STRIKES

    def number(self, key: OptionKey) -> int:
        """Return the contract number of an option of a known root; raise ValueError for an impossible strike."""
        week = (key.expiry - _EPOCH).days // 7
        if not self.has_strike(key) or not 0 <= week < _WEEKS:
            raise ValueError(f"{key.symbol!r}: strikes of {key.root} are multiples of {self._units[key.root]:g}")
        step = round(key.strike / self._units[key.root])
        number = (self._at[key.root] * _WEEKS + week) * _BLOCK + 2 * step + (key.right == "P")
        return self._moved.get(number, number)

    def week_of(self, number: int) -> tuple[str, date, float, OptionRight] | None:
        """Return root, Monday of the week of expiry, strike and right of a contract number; None if it has none."""
        plain = self._back.get(number, number)
        block, rest = divmod(plain, _BLOCK)
        at, week = divmod(block, _WEEKS)
        step, right = divmod(rest, 2)
        if not 0 <= at < len(self._roots) or step == 0 or number in self._moved:
            return None
        root = self._roots[at]
        return root, _EPOCH + timedelta(weeks=week), step * self._units[root], "P" if right else "C"
