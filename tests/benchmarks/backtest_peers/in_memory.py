"""Bars for paperd that are in memory before the clock starts, as its peers' are."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from daemon.adapters.files.bars_file import BarFile, BarRows, FileForm, joined
from daemon.domain.timeframe import Timeframe

_ROWS: Final = 16_384
MINUTE: Final = Timeframe.parse("1m")
_MANY: Final = 1_000_000
_NO_LIMITS: Final[Mapping[str, object]] = {
    "position_fraction": 1, "position_shares": 100 * _MANY, "position_value": 1e12, "position_loss": None,
    "daily_trades": _MANY, "daily_loss_fraction": 1, "daily_loss_value": 1e12, "emergency_loss": 1e12,
}  # fmt: skip
_NO_PACE: Final[Mapping[str, object]] = {
    "messages_per_second": 10_000,
    "messages_per_minute": 100_000,
    "open_orders": 10_000,
}


class BarsInMemory(BarFile):
    """A file of minutes of which all rows are there already."""

    def __init__(self, name: str, rows: BarRows) -> None:
        self._rows = rows
        super().__init__(Path(name), FileForm(bar=MINUTE))

    @classmethod
    def of(cls, path: Path) -> "BarsInMemory":
        """Return a file, read and checked."""
        return cls(path.name, joined(list(BarFile(path, FileForm(bar=MINUTE)).batches())))

    def batches(self) -> Iterator[BarRows]:
        """Yield parts of the rows."""
        for start in range(0, self._rows.at.size, _ROWS):
            yield self._rows.pick(slice(start, start + _ROWS))


def crossing(name: str, symbols: list[str], *, cash: float, share: float, **more: Any) -> dict[str, object]:
    """Return a strategy of the rule, with limits that stay out of the way; every control is looked at all the same."""
    return {
        "id": name, "type": "sma_cross", "symbols": symbols, "timeframes": ["1m"], "capital": cash,
        "position_fraction": share, "allow_short": False, "parameters": {"fast": 10, "slow": 30},
        "limits": dict(_NO_LIMITS), **more,
    }  # fmt: skip


def settings_of(strategies: list[dict[str, object]], *, cash: float, rate: str) -> dict[str, object]:
    """Return the settings that differ from the defaults, as dotted keys."""
    return {
        "strategies": strategies,
        "limits.account": {**_NO_LIMITS, **_NO_PACE},
        "market.commission_rate": rate,
        "market.initial_cash": cash,
    }
