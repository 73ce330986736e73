"""Every message of the wire, taken before ib_insync can make something of it.

The methods replace the library's own: none calls it, so no Trade, Ticker or bar list is ever built. That is why a
status the library would make up cannot reach anybody, and why memory stays flat over weeks. What is kept of the library
are its futures: a request's rows are collected under its key until the end marker comes.

Callbacks of one TCP read are handed on together right after it, in the order of the wire; quotes are coalesced: one a
read and instrument, with the final values. In lockstep they wait for the end of the instant instead, so that what the
daemon sees does not depend on how TCP cuts the stream.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import structlog

from daemon.adapters.ib.errors import VALIDATION_FAILED, RequestFailed
from daemon.adapters.ib.library import (
    IB,
    UNSET_DOUBLE,
    BarData,
    CommissionReport,
    Contract,
    ContractDetails,
    Decoder,
    Execution,
    Order,
    OrderState,
    Wrapper,
)
from daemon.adapters.ib.stream import Stream
from daemon.adapters.ib.streams import Streams
from daemon.adapters.ib.translate import (
    commission_reported,
    exact,
    execution_reported,
    instant,
    instrument_id,
    order_reported,
    real_time_bar,
)
from daemon.domain.broker_codes import CodeKind, classify
from daemon.domain.callbacks import (
    BarReported,
    BrokerErrorReported,
    Callback,
    InstantReached,
    OrderStatusReported,
    PositionReported,
    QuoteReported,
)

log = structlog.get_logger()

LAST_PRICES = frozenset({4, 68})  # live and delayed
HALTED = frozenset({49, 90})
FIRST_REQUEST_ID = 1_000_000_000
"""Request ids start here, so that an error's id is an order's or a request's and never both."""


_NO_REQUEST: Final = -1
_UNREADABLE_LOGGED: Final = 20  # of one connection; all are counted


class Listener(Protocol):
    """Who is told what the wire said."""

    def told(self, callbacks: Sequence[Callback]) -> None:
        """Take the callbacks of one TCP read."""
        ...

    def instant_came(self) -> None:
        """Know that an InstantReached is among the callbacks about to be told."""
        ...

    def noticed(self, request_id: int, code: int, text: str) -> None:
        """Take an error or notice that may concern the connection or a stream."""
        ...

    def accounts_named(self, accounts: Sequence[str]) -> None:
        """Take the accounts of the login, each time they are named."""
        ...


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One row of the account summary."""

    account: str
    tag: str
    value: str
    currency: str


class RawWrapper(Wrapper):
    """Takes the wire's messages for one connection."""

    def __init__(
        self,
        ib: IB,
        listener: Listener,
        streams: Streams,
        *,
        now: Callable[[], datetime],
        refused: Callable[[int], None],
    ) -> None:
        self._listener = listener
        self._refused = refused
        self._streams = streams
        self._clock_now = now
        self._instant: datetime | None = None
        self._loop = asyncio.get_running_loop()
        self._batch: list[Callback] = []
        self._changed: dict[Stream, None] = {}  # ordered, unlike a set
        self.lockstep = False
        self.next_valid_id = 0
        self.undecodable = 0
        self.answers = 0  # to heartbeats
        self.heard_at = self._loop.time()  # host time of the last whole frame
        self.instant_at = 0.0  # host time of the last instant, 0 before the first
        self._read_at = now()
        super().__init__(ib)  # type: ignore[no-untyped-call]

    # ---- requests: rows are collected under the key the request was started with

    def start(self, key: int | str) -> asyncio.Future[list[Any]]:
        """Begin a request and return the future of its rows."""
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        self._futures[key] = future
        self._results[key] = []
        return future

    def row(self, key: int | str, value: object) -> None:
        """Add a row to the answer of the request `key`, if it is still awaited."""
        rows = self._results.get(key)
        if rows is not None:
            rows.append(value)

    def forget(self, key: int | str) -> None:
        """Drop what is left of a request."""
        self._futures.pop(key, None)
        self._results.pop(key, None)

    def _fail(self, key: int | str, error: RequestFailed) -> None:
        future = self._futures.get(key)
        if future is not None and not future.done():
            future.set_exception(error)

    def fail_all(self, error: ConnectionError) -> None:
        """End every waiting request: the library leaves them hanging when we disconnect ourselves."""
        for future in list(self._futures.values()):
            if not future.done():
                future.set_exception(error)
        self._futures.clear()

    # ---- reads

    def now(self) -> datetime:
        """Return market time: the last instant's in lockstep, else the clock's."""
        return self._instant or self._clock_now()

    def tcpDataArrived(self) -> None:
        """Note the time of a read."""
        self._read_at = self.now()

    def tcpDataProcessed(self) -> None:
        """Hand on what one read brought."""
        if not self.lockstep:
            self._flush_quotes()
        self._hand_on()

    def flush_stalled(self, after_s: float) -> None:
        """In lockstep, hand on quotes that no instant has closed for `after_s`: the gateway runs free for now."""
        if self.instant_at and self._changed and self._loop.time() - self.instant_at > after_s:
            self._flush_quotes()
            self._hand_on()

    def _hand_on(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self._listener.told(batch)

    def _flush_quotes(self) -> None:
        for stream in self._changed:
            bid, ask = stream.bid, stream.ask
            if bid is None or ask is None:
                continue
            quote = (bid, ask, stream.bid_size, stream.ask_size)
            if quote != stream.told:
                stream.told = quote
                name = stream.instrument.id
                self._batch.append(
                    QuoteReported(instrument=name, bid=bid, ask=ask, bid_size=quote[2], ask_size=quote[3])
                )
        self._changed.clear()

    def unreadable(self, fields: Sequence[str], error: Exception) -> None:
        """Count a message that could not be decoded."""
        self.undecodable += 1
        if self.undecodable <= _UNREADABLE_LOGGED:
            log.error(
                "wire.garbled", message=fields[0][:40] if fields else "", fields=len(fields), error=repr(error)[:200]
            )

    # ---- market data

    def priceSizeTick(self, reqId: int, tickType: int, price: float, size: float) -> None:
        """Take a price with the size of its side."""
        stream = self._streams.by_quote_request.get(reqId)
        if stream is None:
            return
        stream.last_quote_at = self._read_at
        if tickType in (1, 66):
            stream.bid, stream.bid_size = price, size
        elif tickType in (2, 67):
            stream.ask, stream.ask_size = price, size
        else:
            if tickType in LAST_PRICES:
                stream.note_trade(self._read_at)
            return
        self._changed[stream] = None

    def tickSize(self, reqId: int, tickType: int, size: float) -> None:
        """Take a size."""
        stream = self._streams.by_quote_request.get(reqId)
        if stream is None:
            return
        stream.last_quote_at = self._read_at
        if tickType in (0, 69):
            stream.bid_size = size
        elif tickType in (3, 70):
            stream.ask_size = size
        else:
            return
        self._changed[stream] = None

    def tickGeneric(self, reqId: int, tickType: int, value: float) -> None:
        """Take whether trading is halted."""
        stream = self._streams.by_quote_request.get(reqId)
        if stream is not None and tickType in HALTED:
            stream.is_halted = value > 0

    def marketDataType(self, reqId: int, marketDataId: int) -> None:
        """Take whether a stream is live or delayed."""
        stream = self._streams.by_quote_request.get(reqId)
        if stream is not None:
            stream.data_type = marketDataId

    def realtimeBar(  # noqa: PLR0917 - the library calls by position
        self, reqId: int, time: int, open_: float, high: float, low: float, close: float,
        volume: float, wap: float, count: int,
    ) -> None:  # fmt: skip
        """Take a five-second bar."""
        stream = self._streams.by_bar_request.get(reqId)
        if stream is None:
            return
        stream.last_bar_at = self._read_at
        bar = real_time_bar(time, open_, high, low, close, volume=volume, wap=wap, count=count)
        self._batch.append(BarReported(instrument=stream.instrument.id, bar=bar))

    def historicalData(self, reqId: int, bar: BarData) -> None:
        """Collect a bar with its date as text."""
        self.row(reqId, bar)

    def contractDetails(self, reqId: int, contractDetails: ContractDetails) -> None:
        """Collect a contract."""
        self.row(reqId, contractDetails)

    # ---- orders and account

    def openOrder(self, orderId: int, contract: Contract, order: Order, orderState: OrderState) -> None:
        """Take the description of an open order, or the answer to a what-if."""
        if order.whatIf:
            if orderState.initMarginChange != str(UNSET_DOUBLE):
                self.row(orderId, orderState)
                self._endReq(orderId)  # type: ignore[no-untyped-call]
            return
        self._see_order_id(orderId)
        reported = order_reported(contract, order, orderState, completed=False)
        self.row("openOrders", reported)
        self._batch.append(reported)

    def completedOrder(self, contract: Contract, order: Order, orderState: OrderState) -> None:
        """Take the description of an order that has ended."""
        reported = order_reported(contract, order, orderState, completed=True)
        self.row("completedOrders", reported)
        self._batch.append(reported)

    def orderStatus(  # noqa: PLR0917 - the library calls by position
        self, orderId: int, status: str, filled: float, remaining: float, avgFillPrice: float, permId: int,
        parentId: int, lastFillPrice: float, clientId: int, whyHeld: str, mktCapPrice: float = 0.0,
    ) -> None:  # fmt: skip
        """Take a status."""
        self._batch.append(
            OrderStatusReported(
                order_id=orderId,
                client_id=clientId,
                perm_id=permId,
                status=status,
                filled=exact(filled),
                remaining=exact(remaining),
            )
        )

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:
        """Take an execution, live or as a row of an answer."""
        reported = execution_reported(contract, execution)
        self.row(reqId, reported)
        self._batch.append(reported)

    def commissionReport(self, commissionReport: CommissionReport) -> None:
        """Take what an execution cost."""
        self._batch.append(commission_reported(commissionReport))

    def position(self, account: str, contract: Contract, posSize: float, avgCost: float) -> None:
        """Take a position of the account."""
        reported = PositionReported(
            account=account, instrument=instrument_id(contract), quantity=exact(posSize), average_cost=exact(avgCost)
        )
        self.row("positions", (contract.conId, reported))
        self._batch.append(reported)

    def accountSummary(self, _reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        """Collect a row of the account summary."""
        self.row(_reqId, AccountRow(account, tag, value, currency))

    # ---- the connection

    def nextValidId(self, reqId: int) -> None:
        """Take the next free order id."""
        self.next_valid_id = max(self.next_valid_id, reqId)

    def _see_order_id(self, order_id: int) -> None:
        if order_id < FIRST_REQUEST_ID:
            self.next_valid_id = max(self.next_valid_id, order_id + 1)

    def managedAccounts(self, accountsList: str) -> None:
        """Take the accounts of the login."""
        self.accounts = [account for account in accountsList.split(",") if account]
        self.answers += self.lockstep
        self._listener.accounts_named(self.accounts)

    def currentTime(self, time: int) -> None:
        """Take the end of an instant (lockstep); elsewhere it answers a heartbeat."""
        if not self.lockstep:
            self.answers += 1
        else:
            self._flush_quotes()
            self.instant_at = self._loop.time()
            self._listener.instant_came()
            self._instant = instant(time)
            self._batch.append(InstantReached(at=self._instant))

    def error(self, reqId: int, errorCode: int, errorString: str, advancedOrderRejectJson: str) -> None:
        """Take an error or notice; it ends the request it belongs to, and nothing else."""
        self._batch.append(BrokerErrorReported(request_id=reqId, code=errorCode, text=errorString))
        self._refused(errorCode)
        if errorCode == VALIDATION_FAILED and reqId == _NO_REQUEST:
            # A read-only API refuses requests that have no number; their end marker never comes.
            for key in [key for key in self._futures if isinstance(key, str)]:
                self._fail(key, RequestFailed(errorCode, errorString))
        if reqId in self._futures:
            if classify(errorCode).kind is not CodeKind.NOTICE:
                self._fail(reqId, RequestFailed(errorCode, errorString))
        else:
            self._listener.noticed(reqId, errorCode, errorString)


class CountingDecoder(Decoder):
    """The library's decoder, except that a message it cannot read is counted, and our own faults are not swallowed."""

    wrapper: RawWrapper

    def wrap(self, methodName: str, types: list[type], skip: int = 2) -> Callable[[list[str]], None]:
        """Return the handler of a message whose fields are the method's parameters."""

        def handler(fields: list[str]) -> None:
            method = getattr(self.wrapper, methodName, None)
            if method is not None:
                method(*(_PARSERS[kind](text) for kind, text in zip(types, fields[skip:], strict=False)))

        return handler

    def interpret(self, fields: list[str]) -> None:
        """Decode a message and call the wrapper's method for it."""
        try:
            self.handlers[int(fields[0])](fields)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
            self.wrapper.unreadable(fields, error)


_PARSERS: dict[type, Callable[[str], Any]] = {
    str: str,
    int: lambda text: int(text or 0),
    float: lambda text: float(text or 0),
    bool: lambda text: bool(int(text or 0)),
}
