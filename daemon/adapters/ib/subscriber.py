"""Sends the requests that the registry of streams wants, within IB's pacing, and asks again where silence is."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from daemon.adapters.ib.client import RawIB
from daemon.adapters.ib.errors import BARS_BUSTED, RETRIED_DATA_CODES
from daemon.adapters.ib.library import Contract
from daemon.adapters.ib.pacing import MessageBudget, SlidingWindow
from daemon.adapters.ib.stream import Stream
from daemon.adapters.ib.streams import Overdue, Streams
from daemon.adapters.ib.translate import contract_of
from daemon.domain.instrument import Instrument, InstrumentId

log = structlog.get_logger()

_TEN_MINUTES_S = 600.0
_BAR_SIZE_S = 5


class Subscriber:
    """Keeps the streams of one daemon alive over all its connections."""

    def __init__(
        self, streams: Streams, *, now: Callable[[], datetime], host_now: Callable[[], float], new_bar_streams: int
    ) -> None:
        self.streams = streams
        self._now = now
        self._host_now = host_now
        self._window = SlidingWindow(limit=new_bar_streams, seconds=_TEN_MINUTES_S)
        self._lock = asyncio.Lock()
        self._contracts: dict[InstrumentId, Contract] = {}
        self.wake = asyncio.Event()

    def remember(self, instrument: Instrument, contract: Contract) -> None:
        """Use `contract`, which carries IB's own id, for `instrument` from now on."""
        self._contracts[instrument.id] = contract

    def contract(self, instrument: Instrument) -> Contract:
        """Return the contract of `instrument`."""
        return self._contracts.get(instrument.id) or contract_of(instrument)

    @property
    def wait_s(self) -> float:
        """Return how long IB's pacing delays the bar streams that are still missing."""
        return self._window.time_for(len(self.streams.without_bars()), self._host_now())

    async def subscribe_missing(self, ib: RawIB, budget: MessageBudget) -> None:
        """Request what is wanted and not requested: all quotes, and as many bar streams as pacing allows now."""
        async with self._lock:
            for stream in self.streams.without_quotes():
                await budget.acquire()
                self._request_quotes(ib, stream)
            for stream in self.streams.without_bars():
                if not self._may_request_bars(ib):
                    log.warning("streams.delayed", missing=len(self.streams.without_bars()), wait_s=round(self.wait_s))
                    return
                await budget.acquire()
                self._request_bars(ib, stream)

    async def keep(self, ib: RawIB, budget: MessageBudget, *, check_s: float, looked: Callable[[], None]) -> None:
        """Subscribe, and go on looking for streams that are missing or silent; `looked` is called after each look."""
        while True:
            self.wake.clear()
            await self.subscribe_missing(ib, budget)
            for overdue in self.streams.overdue(self._now()):
                await self._renew(ib, budget, overdue)
            looked()
            ib.wrapper.flush_stalled(check_s)
            try:
                async with asyncio.timeout(check_s):
                    await self.wake.wait()
            except TimeoutError:
                continue

    def failed(self, request_id: int, code: int, text: str) -> None:
        """Take an error that may belong to a stream."""
        if code == BARS_BUSTED:
            stream = self.streams.by_bar_request.pop(request_id, None)
            if stream is not None:
                stream.bar_request = 0
                self.wake.set()
        elif code in RETRIED_DATA_CODES:
            log.warning("stream.suspended", request=request_id, code=code, text=text)
            self.streams.doubt(request_id, self._now(), f"{text} (code {code})")
        else:
            stream = self.streams.failed(request_id, code, text)
            if stream is not None:
                log.error("stream.refused", instrument=stream.instrument.id, code=code, text=text)

    async def _renew(self, ib: RawIB, budget: MessageBudget, overdue: Overdue) -> None:
        stream = overdue.stream
        bars = overdue.bars and self._may_request_bars(ib)
        if not (overdue.quotes or bars):
            return
        self.streams.note_resubscription(stream)
        tell = log.warning if bars or stream.suspended else log.debug  # a quiet instrument is asked often
        tell(
            "stream.resubscribed",
            instrument=stream.instrument.id, quotes=overdue.quotes, bars=bars, count=stream.resubscriptions,
        )  # fmt: skip
        await budget.acquire()
        if overdue.quotes:
            self._request_quotes(ib, stream)
            stream.probed_at = stream.asked_at
        if bars:
            self._request_bars(ib, stream)

    def _may_request_bars(self, ib: RawIB) -> bool:
        return ib.is_lockstep or self._window.take(self._host_now())

    def _request_quotes(self, ib: RawIB, stream: Stream) -> None:
        request, contract = ib.request_id(), self.contract(stream.instrument)
        old = self.streams.quotes_started(stream, request, self._now())
        if old:
            ib.send(lambda: ib.client.cancelMktData(old))
        ib.send(
            lambda: ib.client.reqMktData(
                request, contract, "", snapshot=False, regulatorySnapshot=False, mktDataOptions=[]
            )
        )

    def _request_bars(self, ib: RawIB, stream: Stream) -> None:
        request, contract = ib.request_id(), self.contract(stream.instrument)
        old = self.streams.bars_started(stream, request, self._now())
        if old:
            ib.send(lambda: ib.client.cancelRealTimeBars(old))
        ib.send(
            lambda: ib.client.reqRealTimeBars(
                request, contract, _BAR_SIZE_S, "TRADES", useRTH=True, realTimeBarsOptions=[]
            )
        )
