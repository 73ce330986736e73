"""Bars and times of history as clients read them."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from daemon.gateway.bars import Row
from daemon.gateway.contracts import EXCHANGE_ZONE
from daemon.gateway.history import DAY_S
from daemon.gateway.wire.history_responses import HistoricalBar


def clock_text(at_s: int, zone: ZoneInfo) -> str:
    """Return a moment as the gateway writes it: single blanks and a zone, which every client reads as aware."""
    return f"{datetime.fromtimestamp(at_s, UTC).astimezone(zone):%Y%m%d %H:%M:%S} {EXCHANGE_ZONE}"


def wire_bar(row: Row, bar_s: int, format_date: int, zone: ZoneInfo) -> HistoricalBar:
    """Return a bar with its date in the format asked for; daily bars carry the session's date in both."""
    if bar_s == DAY_S:
        date = f"{row.day:%Y%m%d}"
    else:
        date = str(row.start) if format_date == 2 else clock_text(row.start, zone)
    return HistoricalBar(
        date=date,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=Decimal(row.volume),
        wap=row.wap,
        count=row.count,
    )
