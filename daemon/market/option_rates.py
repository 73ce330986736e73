"""Interest and dividend yields that options are valued with: a small table of our own making, constant over time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

INTEREST_RATE: Final = 0.043  # a year, continuously compounded; about the dollar's in 2025

# A year, continuously compounded; 0 for every symbol that is not here. Rounded from what the names paid in 2024.
DIVIDEND_YIELDS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "SPX": 0.013,
        "SPY": 0.013, "IVV": 0.013, "VOO": 0.013, "VTI": 0.013, "QQQ": 0.006, "DIA": 0.017, "IWM": 0.013,
        "MDY": 0.012, "EFA": 0.030, "EEM": 0.025, "FXI": 0.027, "EWZ": 0.070, "XLF": 0.015, "XLE": 0.034,
        "XLV": 0.016, "XLP": 0.028, "XLI": 0.014, "XLU": 0.030, "XLB": 0.019, "XLRE": 0.033, "KRE": 0.027,
        "TLT": 0.040, "IEF": 0.034, "LQD": 0.043, "HYG": 0.058,
        "AAPL": 0.005, "MSFT": 0.007, "AVGO": 0.012, "QCOM": 0.020, "TXN": 0.028, "ORCL": 0.010, "CSCO": 0.030,
        "IBM": 0.031, "JPM": 0.022, "BAC": 0.025, "C": 0.034, "WFC": 0.026, "GS": 0.023, "MS": 0.035,
        "SCHW": 0.015, "V": 0.008, "MA": 0.006, "AXP": 0.011, "XOM": 0.034, "CVX": 0.044, "OXY": 0.018,
        "SLB": 0.026, "COP": 0.029, "UNH": 0.015, "JNJ": 0.031, "PFE": 0.060, "MRK": 0.028, "ABBV": 0.033,
        "WMT": 0.011, "KO": 0.028, "PEP": 0.032, "PG": 0.024, "HD": 0.023, "NKE": 0.019, "MCD": 0.023,
        "SBUX": 0.025, "TGT": 0.030, "CAT": 0.015, "F": 0.055, "T": 0.050, "VZ": 0.062,
    }
)  # fmt: skip


def dividend_yield(symbol: str) -> float:
    """Return a symbol's dividend yield: a year, continuously compounded."""
    return DIVIDEND_YIELDS.get(symbol, 0.0)
