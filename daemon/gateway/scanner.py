"""Market scanners: which rankings there are, and the ranking of what is listed by the session so far."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isnan, nan
from typing import Final
from xml.etree import ElementTree as ET  # nosec B405

import numpy as np

from daemon.gateway.bars import Closes
from daemon.gateway.source import MarketSource, MinuteSource
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.reference_requests import ReqScannerSubscription
from daemon.market.listing import Listing
from daemon.market.sessions import OutOfCalendar, Session

MOST_ROWS: Final = 50
INSTRUMENTS: Final = {"STK": "US Stocks"}
LOCATIONS: Final = {"STK.US": "US Stocks", "STK.US.MAJOR": "Listed/NASDAQ"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A symbol's session so far; NaN where there is nothing yet."""

    listing: Listing
    before: float  # last trade of the session before, currency per unit
    open: float
    last: float
    volume: int  # units
    trades: int
    recent_volume: int  # units of the last half hour

    @property
    def change(self) -> float:
        """Return the change since the session before, as a fraction."""
        return self.last / self.before - 1

    @property
    def gap(self) -> float:
        """Return the change at the open, as a fraction."""
        return self.open / self.before - 1


Measure = Callable[[Standing], float]
# Name and what is ranked, largest first.
SCANS: Final[dict[str, tuple[str, Measure]]] = {
    "TOP_PERC_GAIN": ("Top % Gainers", lambda found: found.change),
    "TOP_PERC_LOSE": ("Top % Losers", lambda found: -found.change),
    "MOST_ACTIVE": ("Most Active", lambda found: float(found.volume)),
    "MOST_ACTIVE_USD": ("Most Active ($)", lambda found: found.volume * found.last),
    "HOT_BY_VOLUME": ("Hot by Volume", lambda found: found.volume / max(1, found.listing.average_daily_volume)),
    "HOT_BY_PRICE": ("Hot by Price", lambda found: abs(found.change)),
    "TOP_TRADE_COUNT": ("Top Trade Count", lambda found: float(found.trades)),
    "TOP_VOLUME_RATE": ("Top Volume Rate", lambda found: float(found.recent_volume)),
    "HIGH_OPEN_GAP": ("Top Close-to-Open % Gainers", lambda found: found.gap),
    "LOW_OPEN_GAP": ("Top Close-to-Open % Losers", lambda found: -found.gap),
}
FILTERS: Final = ("priceAbove", "priceBelow", "volumeAbove", "changePercAbove", "changePercBelow")


class BadScan(ValueError):
    """A scanner that there is not; the text says which part of the request is wrong."""


class Scanner:
    """Ranks what is listed."""

    def __init__(self, source: MarketSource, timeline: Timeline) -> None:
        self._source = source
        self._timeline = timeline
        self._closes = Closes(source)

    def rank(self, request: ReqScannerSubscription) -> list[Listing]:
        """Return what a scanner finds now, first rank first.

        Raises:
            BadScan: there is no such scanner, instrument, location or filter.
        """
        listings = self._located(request)
        if request.scan_code not in SCANS:
            raise BadScan(f"Scanner type with code {request.scan_code[:40]} is disabled")
        bounds = _bounds(request)
        measure = SCANS[request.scan_code][1]
        found = [standing for standing in map(self._standing, listings) if standing is not None]
        measured = [(measure(standing), standing) for standing in found if _passes(standing, bounds)]
        kept = [(value, standing) for value, standing in measured if not isnan(value)]
        kept.sort(key=lambda pair: (-pair[0], pair[1].listing.symbol))
        rows = MOST_ROWS if request.number_of_rows is None or request.number_of_rows < 0 else request.number_of_rows
        return [standing.listing for _, standing in kept[: min(rows, MOST_ROWS)]]

    def _located(self, request: ReqScannerSubscription) -> Iterable[Listing]:
        if request.instrument not in INSTRUMENTS:
            raise BadScan(f"Instrument {request.instrument[:40]} is not supported")
        shares = [listing for listing in self._source.listings.values() if listing.sec_type == "STK"]
        if request.location_code in LOCATIONS:
            return shares
        exchange = request.location_code.removeprefix("STK.")
        found = [listing for listing in shares if listing.primary_exchange == exchange]
        if not found:
            raise BadScan(f"Location code {request.location_code[:40]} is not supported")
        return found

    def _standing(self, listing: Listing) -> Standing | None:
        """Return the session so far; from whole minutes where the market keeps them, which are cheap to keep."""
        session = self._timeline.session
        rows = self._timeline.now_us // SECOND_US - session.open_s
        source = self._source
        try:
            if isinstance(source, MinuteSource):
                minutes = source.minute_bars(listing.symbol, session)
                stop = int(np.searchsorted(minutes.end, session.open_s + rows, side="right"))
                opens, closes, volume, trades = minutes.open, minutes.close, minutes.volume, minutes.count
                recent = 30
            else:
                tape = source.tape(listing.symbol, session)
                stop = max(0, min(rows, session.seconds))
                opens, closes, volume, trades = tape.open, tape.close, tape.volume, tape.trades
                recent = 1800
        except LookupError:
            return None
        traded = np.flatnonzero(volume[:stop])
        return Standing(
            listing=listing,
            before=self._before(listing.symbol, session),
            open=float(opens[traded[0]]) if traded.size else nan,
            last=float(closes[traded[-1]]) if traded.size else nan,
            volume=int(volume[:stop].sum()),
            trades=int(trades[:stop].sum()),
            recent_volume=int(volume[max(0, stop - recent) : stop].sum()),
        )

    def _before(self, symbol: str, session: Session) -> float:
        source = self._source
        if not isinstance(source, MinuteSource):
            return self._closes.before(symbol, session)
        try:
            minutes = source.minute_bars(symbol, source.calendar.session_before(session))
        except (LookupError, OutOfCalendar):
            return nan
        traded = np.flatnonzero(minutes.volume)
        return float(minutes.close[traded[-1]]) if traded.size else nan


def _bounds(request: ReqScannerSubscription) -> dict[str, float]:
    """Return the filters of a request, those in its tags included."""
    fields = {
        "priceAbove": request.above_price,
        "priceBelow": request.below_price,
        "volumeAbove": request.above_volume,
    }
    found = {name: float(value) for name, value in fields.items() if value is not None and value > 0}
    for pair in filter(None, request.filter_options.split(";")):
        name, _, value = pair.partition("=")
        if name not in FILTERS:
            raise BadScan(f"Filter {name[:40]} is not supported")
        try:
            found[name] = float(value)
        except ValueError:
            raise BadScan(f"Filter {name} needs a number, was '{value[:40]}'") from None
    return found


def _passes(standing: Standing, bounds: dict[str, float]) -> bool:
    change = standing.change * 100
    return all(
        (
            not standing.last < bounds.get("priceAbove", -np.inf),
            not standing.last > bounds.get("priceBelow", np.inf),
            not standing.volume < bounds.get("volumeAbove", -np.inf),
            not change < bounds.get("changePercAbove", -np.inf),
            not change > bounds.get("changePercBelow", np.inf),
        )
    )


def parameters_xml() -> str:
    """Return the catalogue of scanners as IB's clients read it."""
    root = ET.Element("ScanParameterResponse")
    instruments = ET.SubElement(root, "InstrumentList", varName="instrumentList")
    for code, name in INSTRUMENTS.items():
        entry = ET.SubElement(instruments, "Instrument")
        _texts(entry, name=name, type=code, filters=",".join(FILTERS))
    tree = ET.SubElement(ET.SubElement(root, "LocationTree", varName="locationTree"), "Location")
    _texts(tree, displayName="US Stocks", locationCode="STK.US", instruments="STK")
    below = ET.SubElement(tree, "LocationTree", varName="locationTree")
    _texts(
        ET.SubElement(below, "Location"), displayName="Listed/NASDAQ", locationCode="STK.US.MAJOR", instruments="STK"
    )
    scans = ET.SubElement(root, "ScanTypeList", varName="scanTypeList")
    for code, (name, _) in SCANS.items():
        _texts(ET.SubElement(scans, "ScanType"), displayName=name, scanCode=code, instruments="STK")
    filters = ET.SubElement(root, "FilterList", varName="filterList")
    for name in FILTERS:
        _texts(ET.SubElement(filters, "RangeFilter"), id=name)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _texts(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text
