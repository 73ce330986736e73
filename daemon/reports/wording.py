"""Numbers and times as a reader wants them: two decimals for money, a real minus, the exchange's clock."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from daemon.reports.values import DayReport

NOTHING: Final = "–"
_CENT: Final = Decimal("0.01")
_OUTCOMES: Final[Mapping[str, str]] = {
    "ORDER": "order",
    "DRY_RUN": "dry run",
    "NONE": "nothing followed",
    "IN_POSITION": "already in position",
    "NO_SIDE": "no side won",
    "COMBINED": "counted in a longer timeframe",
    "WARMUP": "warming up",
    "STALE_SIGNALS": "signals too old",
    "WORKING_ORDER": "order still working",
    "NO_QUOTE": "no quote",
    "NOT_SHORTABLE": "shorts are off",
    "TOO_SMALL": "size too small",
    "REFUSED": "refused by a control",
}


def money(value: Decimal | None, *, sign: bool = False) -> str:
    """Return an amount with two decimals and thousands separated."""
    if value is None:
        return NOTHING
    cents = value.quantize(_CENT, rounding=ROUND_HALF_EVEN)
    if not cents:
        return "0.00"
    return _minus(f"{cents:{'+' if sign else ''},}")


def quantity(value: Decimal) -> str:
    """Return a number of units without needless zeros."""
    digits = f"{value:,f}"
    return _minus(digits.rstrip("0").rstrip(".") if "." in digits else digits)


def price(value: Decimal) -> str:
    """Return a price with two decimals, or with as many as it has if these are more (up to four)."""
    exponent = value.normalize().as_tuple().exponent
    decimals = max(2, min(4, -exponent)) if isinstance(exponent, int) else 2
    return _minus(f"{value:,.{decimals}f}")


def percent(fraction: float | None, *, sign: bool = False) -> str:
    """Return a fraction as per cent with two decimals."""
    if fraction is None:
        return NOTHING
    rounded = round(fraction * 100, 2)
    return _minus(f"{rounded:{'+' if sign and rounded else ''}.2f} %") if rounded else "0.00 %"


def figure(value: float | None) -> str:
    """Return a measured figure with a sensible number of digits."""
    if value is None:
        return NOTHING
    size = abs(value)
    decimals = 0 if size >= 1000 else 1 if size >= 10 else 2
    return _minus(f"{value:,.{decimals}f}")


def words(name: str) -> str:
    """Return a stage's or control's name as words."""
    return name.replace("_", " ")


def outcome(name: str) -> str:
    """Return what became of a decision, in words."""
    return _OUTCOMES.get(name, words(name.lower()))


def clock(at: datetime, timezone: ZoneInfo) -> str:
    """Return the time of day on the exchange's clock."""
    return f"{at.astimezone(timezone):%H:%M:%S}"


def direction(value: Decimal | None) -> str:
    """Return the class of a signed amount: up, down or flat."""
    if not value:
        return "flat"
    return "up" if value > 0 else "down"


def summary(report: DayReport) -> tuple[str, ...]:
    """Return the day in three sentences."""
    return (_result_sentence(report), _trade_sentence(report), _care_sentence(report))


def _result_sentence(report: DayReport) -> str:
    whose = f"Strategy {report.only}" if report.only else "The account"
    result = report.result
    if result.end is None or result.pnl is None:
        return f"{whose} was not valued on this day."
    ended = "ended the day at" if report.closed else "stood at the last look at"
    unit = f" {report.currency}" if report.currency else ""
    if not result.pnl:
        return f"{whose} {ended} {money(result.end)}{unit}, unchanged."
    moved = "up" if result.pnl > 0 else "down"
    share = f" ({percent(result.pnl_fraction, sign=True)})" if result.pnl_fraction is not None else ""
    return f"{whose} {ended} {money(result.end)}{unit}, {moved} {money(abs(result.pnl))}{share} after commission."


def _trade_sentence(report: DayReport) -> str:
    orders = sum(strategy.orders for strategy in report.strategies)
    decisions = sum(sum(strategy.decisions.values()) for strategy in report.strategies)
    if not report.fills:
        sent = "no order was sent" if not orders else f"{_count(orders, 'order')} sent, none of them filled"
        return f"Nothing was traded: {_count(decisions, 'decision')}, {sent}."
    paid = money(report.result.commission)
    return (
        f"{_count(decisions, 'decision')} led to {_count(orders, 'order')} and {_count(len(report.fills), 'fill')}, "
        f"for {paid} of commission."
    )


def _care_sentence(report: DayReport) -> str:
    missing = sum(gap.count for gap in report.gaps)
    found = [
        _count(count, noun)
        for count, noun in (
            (missing, "missing bar"),
            (sum(refusal.count for strategy in report.strategies for refusal in strategy.refusals), "refused order"),
            (report.quality.warnings, "slow or dear order"),
            (len([alert for alert in report.alerts if alert.level != "INFO"]), "warning"),
            (max(report.starts - 1, 0), "restart"),
        )
        if count
    ]
    if not found:
        return "Nothing needs attention: no gap, no refusal, no warning."
    *first, last = found
    return f"To look at: {', '.join(first)}{' and ' if first else ''}{last}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
