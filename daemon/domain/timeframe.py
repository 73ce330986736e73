"""The length of a bar, as people write it; bar boundaries on a given day are the business of `market.sessions`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DAY_S: Final = 86400
_LABEL: Final = re.compile(r"([1-9][0-9]{0,4})([smhd])")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Timeframe:
    """A bar length, ordered by its seconds; two spellings of one length ("60m", "1h") are equal."""

    seconds: int  # > 0, at most one day

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= _DAY_S:
            raise ValueError(f"timeframe must last from 1s to 1d, was {self.seconds} seconds")

    @classmethod
    def parse(cls, label: str) -> Timeframe:
        """Return the timeframe written as a count and a unit (s, m, h, d), such as "5s", "15m", "4h" or "1d".

        Raises:
            ValueError: `label` has another form, or is longer than a day; the message names the label and the cure.
        """
        match = _LABEL.fullmatch(label.strip())
        if match is None:
            raise ValueError(
                f"timeframe {label!r} is not understood: write a count and a unit s, m, h or d, such as 5m, 1h or 1d"
            )
        seconds = int(match[1]) * _UNIT_SECONDS[match[2]]
        if seconds > _DAY_S:
            raise ValueError(f"timeframe {label!r} is longer than a day: no bar spans two sessions, use 1d or shorter")
        return cls(seconds=seconds)

    def __hash__(self) -> int:
        """Return the length: timeframes are keys on the bar path."""
        return self.seconds

    def __str__(self) -> str:
        """Return the canonical label: the largest unit that divides the length, so 3600 seconds are "1h"."""
        return _label(self.seconds)


@cache
def _label(seconds: int) -> str:
    unit = next(u for u in ("d", "h", "m", "s") if seconds % _UNIT_SECONDS[u] == 0)
    return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
