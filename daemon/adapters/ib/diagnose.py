"""Tries a gateway step by step and says, for each step that fails, why and what to do about it.

It uses the client id of the daemon on purpose: that the id is in use is one of the things to find out. It never takes
part in lockstep, and places nothing: what it asks about orders is a what-if.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from daemon.adapters.ib.client import RawIB
from daemon.adapters.ib.errors import RequestFailed, RequestTimedOut, Trouble, code_trouble, trouble_of
from daemon.adapters.ib.guard import check_port, chosen_account
from daemon.adapters.ib.library import quieten
from daemon.adapters.ib.pacing import MessageBudget
from daemon.adapters.ib.requests import account_summary
from daemon.adapters.ib.settings import IbSettings
from daemon.adapters.ib.streams import Streams
from daemon.adapters.ib.translate import contract_of, order_of
from daemon.domain.broker_codes import CodeKind, classify
from daemon.domain.callbacks import BrokerErrorReported, Callback, QuoteReported
from daemon.domain.clock import Clock
from daemon.domain.errors import BrokerUnavailable, ConfigError, ForbiddenError
from daemon.domain.instrument import Instrument
from daemon.domain.order import Side
from daemon.domain.quote import quote_fault
from daemon.ports import OrderTicket

_VALIDATION: Final = 321
_READ_ONLY: Final = Trouble(
    "the gateway's API is read-only: it refuses orders (code 321)",
    "untick 'Read-Only API' in Configure > Settings > API of the gateway, or start it with ReadOnlyApi=no",
)
_NO_QUOTE: Final = (
    "orders do not fill without quotes: the market may be closed, or the account has no market data; "
    "try in trading hours, subscribe at IBKR, or set ib.market_data_type to 3 (delayed)"
)
_IDLED_OUT: Final = Trouble(
    "the gateway ended the connection by itself",
    "gateways restart or log off once a day and after the weekend: set 'Auto restart' in Configure > Settings > "
    "Lock and Exit; paperd reconnects by itself and keeps a silent connection awake with a heartbeat",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    ok: bool
    what: str
    cause: str = ""  # of the failure, or a detail of the success
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that was found, in the order of looking."""

    findings: tuple[Finding, ...]
    summary: Mapping[str, str] = field(default_factory=dict)  # of the account; empty where it was not reached

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return all(finding.ok for finding in self.findings)


async def diagnose(settings: IbSettings, *, clock: Clock, symbol: str = "SPY", answer_s: float = 10.0) -> Diagnosis:
    """Return what works and what does not.

    Args:
        settings: the connection to try.
        clock: market time.
        symbol: a US stock to ask a what-if and a quote for.
        answer_s: how long each answer may take, host seconds.
    """
    quieten()
    probe = _Probe(settings, clock, answer_s)
    try:
        return await probe.run(Instrument(symbol=symbol))
    finally:
        probe.ib.close()


class _Probe:
    """One connection that listens to itself (see wrapper.Listener)."""

    def __init__(self, settings: IbSettings, clock: Clock, answer_s: float) -> None:
        self._settings = settings
        self._answer_s = answer_s
        self._clock = clock
        self._streams = Streams(lines=1, silence_s=settings.silence_s, expects_bars=lambda _at: True)
        self._budget = MessageBudget(per_second=0, reserve=0, now=asyncio.get_running_loop().time)
        self._errors: list[BrokerErrorReported] = []
        self._heard = asyncio.Event()
        self._quote: QuoteReported | None = None
        self._accounts_named = asyncio.Event()
        self.ib = RawIB(self, self._streams, clock.now, timezone=settings.timezone, lockstep=False)

    async def run(self, instrument: Instrument) -> Diagnosis:
        findings = [self._port(), *([] if self._is_live_port() else [await self._connect()])]
        if not findings[-1].ok:
            return Diagnosis(findings=tuple(findings))
        account = self._account()
        findings.append(account)
        if not account.ok:
            return Diagnosis(findings=tuple(findings))
        findings.append(await self._heartbeat())
        summary: Mapping[str, str] = {}
        if findings[-1].ok:
            rest, summary = await self._account_and_market(instrument, account.cause)
            findings += rest
        return Diagnosis(findings=tuple(findings), summary=summary)

    # ---- steps

    def _is_live_port(self) -> bool:
        return not self._port().ok

    def _port(self) -> Finding:
        try:
            check_port(self._settings.port)
        except ForbiddenError as error:
            return Finding(ok=False, what="mode", cause=error.cause, cure=error.cure)
        return Finding(ok=True, what="mode", cause=f"port {self._settings.port} is none of those for live money")

    async def _connect(self) -> Finding:
        settings = self._settings
        try:
            await self.ib.open(settings.host, settings.port, settings.client_id, self._answer_s)
        except BrokerUnavailable as error:
            return _failed("connection", trouble_of(error))
        where, version = f"{settings.host}:{settings.port}", self.ib.server_version
        detail = f"{where}, server version {version}, client id {settings.client_id}"
        return Finding(ok=True, what="connection", cause=detail)

    def _account(self) -> Finding:
        try:
            account = chosen_account(self.ib.accounts, self._settings.account)
        except ForbiddenError as error:
            return Finding(ok=False, what="account", cause=error.cause, cure=error.cure)
        except ConfigError as error:
            return Finding(ok=False, what="account", cause=str(error), cure="set ib.account")
        return Finding(ok=True, what="account", cause=account)

    async def _heartbeat(self) -> Finding:
        """Ask something free: a gateway that took the connection may still be mute."""
        self._accounts_named.clear()
        try:
            self.ib.send(self.ib.client.reqManagedAccts)
            async with asyncio.timeout(self._answer_s):
                await self._accounts_named.wait()
        except TimeoutError:
            if self.ib.lost.done():
                return _failed("heartbeat", _IDLED_OUT)
            mute = Trouble(f"the gateway connects but has not answered for {self._answer_s:g} s", "restart the gateway")
            return _failed("heartbeat", mute)
        except BrokerUnavailable:
            return _failed("heartbeat", _IDLED_OUT)
        return Finding(ok=True, what="heartbeat", cause="the gateway answers")

    async def _account_and_market(
        self, instrument: Instrument, account: str
    ) -> tuple[list[Finding], Mapping[str, str]]:
        findings: list[Finding] = []
        summary: Mapping[str, str] = {}
        try:
            summary = await account_summary(self.ib, self._budget, account=account, timeout_s=self._answer_s)
            findings.append(Finding(ok=True, what="account summary", cause=f"{len(summary)} values"))
        except BrokerUnavailable as error:
            findings.append(_failed("account summary", self._lost_or(trouble_of(error))))
        findings.append(await self._orders(instrument, account))
        findings.append(await self._market_data(instrument))
        return findings, summary

    async def _orders(self, instrument: Instrument, account: str) -> Finding:
        """Ask what an order would cost; a read-only API refuses even that."""
        ib = self.ib
        ticket = OrderTicket(
            order_id=max(ib.wrapper.next_valid_id, 1), order_ref="paperd-test", instrument=instrument, side=Side.BUY,
            quantity=Decimal(1), order_type="MKT", limit_price=None, time_in_force="DAY",
        )  # fmt: skip
        order = order_of(ticket, account)
        order.whatIf = True
        contract = contract_of(instrument)
        try:
            await ib.ask(
                ticket.order_id, lambda: ib.client.placeOrder(ticket.order_id, contract, order), self._answer_s
            )
        except RequestFailed as error:
            read_only = error.code == _VALIDATION and "read-only" in error.text.lower()
            return _failed("orders", _READ_ONLY if read_only else code_trouble(error.code, error.text))
        except RequestTimedOut:
            unknown = "a what-if order was not answered; some accounts never answer one, orders may still work"
            return Finding(ok=True, what="orders", cause=unknown)
        except BrokerUnavailable:
            return _failed("orders", _IDLED_OUT)
        return Finding(ok=True, what="orders", cause=f"a what-if order for 1 {instrument.symbol} was answered")

    async def _market_data(self, instrument: Instrument) -> Finding:
        """Wait for one quote on which an order could fill."""
        ib = self.ib
        self._streams.add([instrument])
        stream = next(iter(self._streams))
        request, contract = ib.request_id(), contract_of(instrument)
        self._streams.quotes_started(stream, request, self._clock.now())
        self._heard.clear()
        try:
            if self._settings.market_data_type != 1:
                ib.send(lambda: ib.client.reqMarketDataType(self._settings.market_data_type))
            ib.send(
                lambda: ib.client.reqMktData(
                    request, contract, "", snapshot=False, regulatorySnapshot=False, mktDataOptions=[]
                )
            )
            async with asyncio.timeout(self._answer_s):
                await self._heard.wait()
        except TimeoutError:
            missing = Trouble(f"no quote of {instrument.symbol} within {self._answer_s:g} s", _NO_QUOTE)
            return _failed("market data", self._lost_or(missing))
        except BrokerUnavailable:
            return _failed("market data", _IDLED_OUT)
        return self._judge_quote(instrument, request)

    def _judge_quote(self, instrument: Instrument, request: int) -> Finding:
        refusals = [error for error in self._errors if error.request_id == request and _is_refusal(error.code)]
        if self._quote is None:
            return _failed("market data", code_trouble(refusals[-1].code, refusals[-1].text))
        bid, ask = self._quote.bid, self._quote.ask
        fault = quote_fault(bid, ask)
        if fault is not None:
            unusable = Trouble(f"the quote of {instrument.symbol} is {bid} / {ask} ({fault})", _NO_QUOTE)
            return _failed("market data", unusable)
        return Finding(ok=True, what="market data", cause=f"{instrument.symbol} is quoted {bid} / {ask}")

    def _lost_or(self, trouble: Trouble) -> Trouble:
        return _IDLED_OUT if self.ib.lost.done() else trouble

    # ---- what the wire says

    def told(self, callbacks: Sequence[Callback]) -> None:
        for callback in callbacks:
            if isinstance(callback, BrokerErrorReported):
                self._errors.append(callback)
            elif isinstance(callback, QuoteReported):
                self._quote = callback
                self._heard.set()

    def noticed(self, request_id: int, code: int, _text: str) -> None:
        if request_id in self._streams.by_quote_request and _is_refusal(code):
            self._heard.set()

    def instant_came(self) -> None:
        """Do nothing: a probe never takes part in lockstep."""

    def accounts_named(self, _accounts: Sequence[str]) -> None:
        self._accounts_named.set()


def _is_refusal(code: int) -> bool:
    return classify(code).kind is not CodeKind.NOTICE


def _failed(what: str, trouble: Trouble) -> Finding:
    return Finding(ok=False, what=what, cause=trouble.cause, cure=trouble.cure)
