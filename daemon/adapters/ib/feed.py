"""The port Feed on an IB connection: contracts, streams and history."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog

from daemon.adapters.ib.client import RawIB
from daemon.adapters.ib.connection import IbConnection
from daemon.adapters.ib.errors import RequestFailed, RequestTimedOut
from daemon.adapters.ib.history import BarEnd, bar_of, bar_size, chunks, duration, end_time
from daemon.adapters.ib.library import BarData, Contract, ContractDetails
from daemon.adapters.ib.pacing import SlidingWindow
from daemon.domain.bar import Bar
from daemon.domain.errors import BadMarketData, BrokerUnavailable, ConfigError, FeedUnavailable
from daemon.domain.instrument import Instrument
from daemon.domain.timeframe import Timeframe

log = structlog.get_logger()

_NO_DEFINITION: Final = 200
_HISTORY_ERROR: Final = 162
_TEN_MINUTES_S: Final = 600.0
_SMALL_BARS_S: Final = 60  # below this IB's hard limits on history hold
_SMALL_BAR_REQUESTS: Final = 58  # of 60 in ten minutes
_OPEN_REQUESTS: Final = 20  # of 50
_CENT: Final = Decimal("0.01")


class IbFeed:
    """Market data from IB."""

    def __init__(
        self, connection: IbConnection, *, bar_end: BarEnd, attempts: int = 3, pacing_wait_s: float = 60.0
    ) -> None:
        """Make a feed.

        Args:
            connection: the shared connection.
            bar_end: gives the end of a bar from its start (IB stamps bars with the start only).
            attempts: how often a request for history is made before it counts as failed.
            pacing_wait_s: host seconds to wait after a pacing violation.
        """
        self._connection = connection
        self._bar_end = bar_end
        self._attempts = attempts
        self._pacing_wait_s = pacing_wait_s
        self._small_bars = SlidingWindow(limit=_SMALL_BAR_REQUESTS, seconds=_TEN_MINUTES_S)
        self._open_requests = asyncio.Semaphore(_OPEN_REQUESTS)
        self.bad_bars = 0  # bars of answers that were dropped

    # ---- contracts

    async def resolve(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """Return the instruments of `symbols`, in their order.

        Raises:
            ConfigError: a symbol is unknown or ambiguous; all such symbols are named.
            FeedUnavailable: no answer.
        """
        found = await asyncio.gather(*(self._look_up(symbol) for symbol in symbols))
        faults = [answer for answer in found if isinstance(answer, str)]
        failures = [answer for answer in found if isinstance(answer, FeedUnavailable)]
        if failures:
            raise failures[0]
        if faults:
            raise ConfigError(*faults)
        return tuple(answer for answer in found if isinstance(answer, Instrument))

    async def _look_up(self, symbol: str) -> Instrument | str | FeedUnavailable:
        wanted = Contract(symbol=symbol, secType="STK", exchange="SMART", currency="USD")
        try:
            rows = await self._contract_details(wanted)
        except RequestFailed as error:
            if error.code == _NO_DEFINITION:
                return f"symbol {symbol} is no US stock that IB knows: correct or remove it ({error.text})"
            return FeedUnavailable(f"contract of {symbol}: {error}")
        except BrokerUnavailable as error:
            return FeedUnavailable(f"contract of {symbol}: {error}")
        contracts = {row.contract.conId: row for row in rows if row.contract is not None}
        if len(contracts) != 1:
            venues = ", ".join(sorted({_venue(row) for row in contracts.values()})) or "none"
            return f"symbol {symbol} is ambiguous at IB ({len(contracts)} contracts, on {venues}): use another symbol"
        return self._adopt(symbol, next(iter(contracts.values())))

    async def _contract_details(self, wanted: Contract) -> list[ContractDetails]:
        ib = self._connection.current()
        async with self._open_requests:
            await self._connection.budget.acquire()
            request = ib.request_id()
            return await ib.ask(
                request,
                lambda: ib.client.reqContractDetails(request, wanted),
                self._connection.settings.request_timeout_s,
            )

    def _adopt(self, symbol: str, details: ContractDetails) -> Instrument:
        contract = details.contract or Contract()
        contract.exchange = "SMART"
        instrument = Instrument(
            symbol=symbol,
            primary_exchange=contract.primaryExchange,
            tick_size=Decimal(str(details.minTick)) if details.minTick > 0 else _CENT,
        )
        self._connection.subscriber.remember(instrument, contract)
        return instrument

    # ---- streams

    async def subscribe(self, instruments: Sequence[Instrument]) -> None:
        """Start quotes and five-second bars; they are restored after each reconnect.

        While the connection is down the wish is kept. Bar streams beyond IB's pacing follow later by themselves; the
        connection's state says how long that takes.

        Raises:
            ConfigError: there are not enough market data lines.
        """
        connection = self._connection
        connection.subscriber.streams.add(instruments)
        try:
            await connection.subscriber.subscribe_missing(connection.current(), connection.budget)
        except BrokerUnavailable as error:
            log.info("streams.postponed", instruments=len(instruments), reason=str(error))

    # ---- history

    async def history(
        self, instrument: Instrument, timeframe: Timeframe, *, start: datetime, end: datetime
    ) -> tuple[Bar, ...]:
        """Return the bars that end within (start, end], oldest first, regular session only.

        Raises:
            FeedUnavailable: the request failed or timed out; it says how.
            ConfigError: IB has no bars of this timeframe.
        """
        size = bar_size(timeframe)
        bars: dict[int, Bar] = {}
        for lower, upper in chunks(start, end, timeframe):
            rows = await self._fetch(instrument, size, lower, upper, timeframe)
            bars.update(self._usable(rows, instrument, timeframe))
        first, last = start.timestamp(), end.timestamp()
        return tuple(bar for _, bar in sorted(bars.items()) if first < bar.end <= last)

    def _usable(self, rows: Sequence[BarData], instrument: Instrument, timeframe: Timeframe) -> dict[int, Bar]:
        usable: dict[int, Bar] = {}
        fault: BadMarketData | None = None
        bad = 0
        for row in rows:
            try:
                bar = bar_of(row, timeframe, self._bar_end)
            except BadMarketData as error:
                fault, bad = error, bad + 1
            else:
                usable[bar.start] = bar
        if fault is not None:
            self.bad_bars += bad
            log.warning("history.bars_dropped", instrument=instrument.id, count=bad, problem=fault.problem)
        return usable

    async def _fetch(
        self, instrument: Instrument, size: str, start: datetime, end: datetime, timeframe: Timeframe
    ) -> list[BarData]:
        what = f"history of {instrument.id} in {timeframe} until {end:%Y-%m-%d %H:%M}"
        failure: BrokerUnavailable | None = None
        for _ in range(self._attempts):
            try:
                return await self._fetch_once(
                    instrument, size, duration(start, end, timeframe), end_time(end), timeframe
                )
            except RequestFailed as error:
                if error.code == _HISTORY_ERROR and "no data" in error.text.lower():
                    return []
                failure = error
                if "pacing" not in error.text.lower():
                    break
                log.warning("history.paced", instrument=instrument.id, wait_s=self._pacing_wait_s)
                await asyncio.sleep(self._pacing_wait_s)
            except RequestTimedOut as error:
                failure = error
            except BrokerUnavailable as error:
                failure = error
                break
        raise FeedUnavailable(f"{what}: {failure}")

    async def _fetch_once(
        self, instrument: Instrument, size: str, span: str, until: str, timeframe: Timeframe
    ) -> list[BarData]:
        async with self._open_requests:
            await self._history_pacing(timeframe)
            await self._connection.budget.acquire()
            ib = self._connection.current()
            request, contract = ib.request_id(), self._connection.subscriber.contract(instrument)

            def write() -> None:
                ib.client.reqHistoricalData(
                    request, contract, until, span, size, "TRADES", 1, 2, keepUpToDate=False, chartOptions=[]
                )

            try:
                return await ib.ask(request, write, self._connection.settings.history_timeout_s)
            except RequestTimedOut:
                _cancel_history(ib, request)
                raise

    async def _history_pacing(self, timeframe: Timeframe) -> None:
        if self._connection.is_lockstep or timeframe.seconds >= _SMALL_BARS_S:
            return
        loop = asyncio.get_running_loop()
        while not self._small_bars.take(loop.time()):
            wait_s = self._small_bars.wait_s(loop.time())
            await asyncio.sleep(wait_s)


def _cancel_history(ib: RawIB, request: int) -> None:
    if ib.is_open:
        ib.send(lambda: ib.client.cancelHistoricalData(request))


def _venue(details: ContractDetails) -> str:
    contract = details.contract
    return (contract.primaryExchange or contract.exchange) if contract is not None else ""
