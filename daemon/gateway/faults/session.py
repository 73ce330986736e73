"""Faults of the session: the gateway loses IB or a data farm, notices, client ids, order ids, accounts, pacing."""

from collections.abc import Iterable
from typing import ClassVar, Final, Literal

from pydantic import Field, PositiveInt

from daemon.gateway.connection import NO_ID
from daemon.gateway.faults.frames import ORDER_NEWS, STREAMED, Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Clock, Counted, EachFrame, Effect, Fault, Instant, Scope
from daemon.gateway.wire.account_requests import CancelOrder, ReqGlobalCancel
from daemon.gateway.wire.account_responses import ErrorMessage
from daemon.gateway.wire.framing import encode_frame
from daemon.gateway.wire.history_requests import ReqHeadTimestamp, ReqHistoricalData
from daemon.gateway.wire.market_requests import ReqMktData, ReqRealTimeBars, ReqTickByTick
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.reference_requests import ReqContractDetails, ReqMatchingSymbols
from daemon.gateway.wire.responses import encode_response
from daemon.gateway.wire.session_requests import ReqCurrentTime, StartApi

TEXTS: Final[dict[int, str]] = {
    1100: "Connectivity between IB and Trader Workstation has been lost.",
    1101: "Connectivity between IB and Trader Workstation has been restored - data lost.",
    1102: (
        "Connectivity between IB and Trader Workstation has been restored - data maintained. "
        "All data farms are connected: usfarm; ushmds; secdefil."
    ),
    2100: "New account data requested from TWS. API client has been unsubscribed from account data.",
    2103: "Market data farm connection is broken:usfarm",
    2104: "Market data farm connection is OK:usfarm",
    2105: "HMDS data farm connection is broken:ushmds",
    2106: "HMDS data farm connection is OK:ushmds",
    2107: "HMDS data farm connection is inactive but should be available upon demand.ushmds",
    2108: "Market data farm connection is inactive but should be available upon demand.usfarm",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
    2119: "Market data farm is connecting:usfarm",
    2157: "Sec-def data farm connection is broken:secdefil",
    2158: "Sec-def data farm connection is OK:secdefil",
}
_ORDERS: Final = (PlaceOrder, CancelOrder, ReqGlobalCancel)
_STREAMS: Final = (ReqMktData, ReqRealTimeBars, ReqTickByTick)


def _silence(link: Link) -> None:
    """Let every stream a client has now be dead for ever, without a word."""
    link.dead.update(link.streams)


class _UpstreamLost(Effect["UpstreamLost"]):
    def __init__(self, fault: "UpstreamLost", scope: Scope) -> None:
        super().__init__(fault, scope)
        self._requests: list[tuple[Link, Request]] = []
        self._news: list[tuple[Link, bytes]] = []

    def begin(self) -> None:
        for link in self.scope.links():
            link.error(1100, TEXTS[1100])

    def request(self, link: Link, request: Request) -> bool:
        if not self.scope.hits(link) or not isinstance(request, (*_ORDERS, *_STREAMS, *_HELD["history"])):
            return False
        self._requests.append((link, request))
        return True

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        if not self.scope.hits(link):
            return frames
        kept = []
        for frame in frames:
            if frame.kind in ORDER_NEWS and not frame.is_answer:
                self._news.append((link, frame.data))
            elif frame.kind not in STREAMED:
                kept.append(frame)
        return kept

    def end(self) -> None:
        stage, fault = self.scope.stage, self.fault
        for link in self.scope.links():
            if fault.restored is not None:
                link.error(fault.restored, TEXTS[fault.restored])
            if fault.restored == 1101:
                stage.desk.forget(link.connection)
            elif fault.dead_streams:
                _silence(link)
        for link, data in self._news if fault.reports == "late" else ():
            if link.connection.is_ready:
                link.push(data)
        for link, request in self._requests if fault.requests == "held" else ():
            stage.deliver(link, request)


class UpstreamLost(Fault):
    """1100: the gateway has lost IB. Streams stop, order reports wait, requests wait; then 1101, 1102 or not a word.

    After 1101 every subscription is gone. The exchange goes on meanwhile: orders fill.
    """

    effect: ClassVar = _UpstreamLost
    name: Literal["upstream_lost"] = "upstream_lost"
    restored: Literal[1101, 1102] | None = Field(1102, description="what ends it; none = nothing is said")
    reports: Literal["late", "lost"] = Field("late", description="what becomes of order reports of that time")
    requests: Literal["held", "lost"] = Field("held", description="what becomes of requests of that time")
    dead_streams: bool = Field(default=False, description="streams stay silent after 1102")


_HELD: Final[dict[str, tuple[type[Request], ...]]] = {
    "market": _STREAMS,
    "history": (ReqHistoricalData, ReqHeadTimestamp),
    "secdef": (ReqContractDetails, ReqMatchingSymbols),
}
_FARM_CODES: Final = {"market": (2103, 2104), "history": (2105, 2106), "secdef": (2157, 2158)}


class _FarmBroken(Effect["FarmBroken"]):
    def __init__(self, fault: "FarmBroken", scope: Scope) -> None:
        super().__init__(fault, scope)
        self._requests: list[tuple[Link, Request]] = []

    def begin(self) -> None:
        self._tell(_FARM_CODES[self.fault.farm][0])

    def request(self, link: Link, request: Request) -> bool:
        if not self.scope.hits(link) or not isinstance(request, _HELD[self.fault.farm]):
            return False
        self._requests.append((link, request))
        return True

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        if self.fault.farm != "market" or not self.scope.hits(link):
            return frames
        return [frame for frame in frames if frame.kind not in STREAMED]

    def end(self) -> None:
        self._tell(_FARM_CODES[self.fault.farm][1])
        if self.fault.farm == "market" and self.fault.dead_streams:
            for link in self.scope.links():
                _silence(link)
        for link, request in self._requests if self.fault.requests == "held" else ():
            self.scope.stage.deliver(link, request)

    def _tell(self, code: int) -> None:
        for link in self.scope.links():
            link.error(code, TEXTS[code])


class FarmBroken(Fault):
    """A data farm is gone and comes back: 2103/2104 market data, 2105/2106 history, 2157/2158 contracts.

    Meanwhile its streams stop and its requests wait, or are lost.
    """

    effect: ClassVar = _FarmBroken
    name: Literal["farm_broken"] = "farm_broken"
    farm: Literal["market", "history", "secdef"] = "market"
    requests: Literal["held", "lost"] = "held"
    dead_streams: bool = Field(default=False, description="streams stay silent after 2104")


class _Notice(Instant["Notice"]):
    def act(self, links: Iterable[Link]) -> None:
        fault = self.fault
        for link in links:
            link.error(fault.code, fault.text or TEXTS.get(fault.code, f"Notice {fault.code}"), fault.subject)


class Notice(Fault):
    """An error or notice of any code and text, such as 1100, 2110 or 2119, and nothing else."""

    effect: ClassVar = _Notice
    name: Literal["notice"] = "notice"
    code: int = Field(ge=1, le=99_999)
    text: str = Field("", max_length=2000, description="none = IB's text where it is known here")
    subject: int = Field(NO_ID, description="request or order it is about, -1 = none")


class _MessageFlood(Instant["MessageFlood"]):
    def act(self, links: Iterable[Link]) -> None:
        for link in links:
            notice = ErrorMessage(subject_id=NO_ID, code=2119, text=TEXTS[2119])
            link.push(encode_frame(encode_response(notice, link.connection.version)) * self.fault.messages)


class MessageFlood(Fault):
    """Thousands of notices at once: a client that reads slowly falls behind, and is dropped when it stays there."""

    effect: ClassVar = _MessageFlood
    name: Literal["message_flood"] = "message_flood"
    messages: int = Field(10_000, ge=1, le=1_000_000)


class _ClientIdInUse(Effect["ClientIdInUse"]):
    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, StartApi) or self.scope.client not in {None, request.client_id}:
            return False
        if not self.strikes():
            return False
        text = "Unable to connect as the client id is already in use. Retry with a unique client id."
        link.error(326, text)
        link.connection.close()
        return True


class ClientIdInUse(Counted):
    """Error 326 and the end of the connection although the client id is free."""

    effect: ClassVar = _ClientIdInUse
    name: Literal["client_id_in_use"] = "client_id_in_use"


class _NextValidIdBack(EachFrame["NextValidIdBack"]):
    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        if frame.kind != "nextValidId" or not self.scope.hits(link) or not self.strikes():
            return (frame,)
        if self.fault.accepts:
            self.scope.stage.broker.reissue_ids(link.client_id, self.fault.to)
        return (frame.changed(f2=str(self.fault.to)),)


class NextValidIdBack(Counted):
    """nextValidId goes back, as after a restart that lost its sequence: ids of finished orders are issued again."""

    effect: ClassVar = _NextValidIdBack
    name: Literal["next_valid_id_back"] = "next_valid_id_back"
    to: PositiveInt = Field(1, description="what clients are told")
    accepts: bool = Field(default=True, description="take orders under these ids; otherwise they get 103")


class _Left(EachFrame["NoNextValidId | NoManagedAccounts"]):
    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        wanted = "nextValidId" if isinstance(self.fault, NoNextValidId) else "managedAccounts"
        hit = frame.kind == wanted and self.scope.hits(link) and self.strikes()
        return () if hit else (frame,)


class NoNextValidId(Counted):
    """START_API is answered without nextValidId."""

    effect: ClassVar = _Left
    name: Literal["no_next_valid_id"] = "no_next_valid_id"


class NoManagedAccounts(Counted):
    """START_API is answered without managedAccounts."""

    effect: ClassVar = _Left
    name: Literal["no_managed_accounts"] = "no_managed_accounts"


def _is_answer(link: Link, request: Request) -> bool:
    """Return whether this is a lockstep client's answer to a step, which no real client sends."""
    return link.connection.is_lockstep and isinstance(request, ReqCurrentTime)


class _MessageRate(Effect["MessageRate"]):
    def request(self, link: Link, request: Request) -> bool:
        if not self.scope.hits(link) or _is_answer(link, request):
            return False
        now_s = self.scope.stage.host_s()
        while link.asked_s and link.asked_s[0] <= now_s - 1:
            link.asked_s.popleft()
        link.asked_s.append(now_s)
        if len(link.asked_s) <= self.fault.per_second:
            return False
        link.error(100, "Max rate of messages per second has been exceeded:max=50 rec=51 (1)")
        link.connection.close()
        return True


class MessageRate(Fault):
    """More requests in a second of host time than allowed get error 100 and the end of the connection."""

    clock: ClassVar[Clock] = "host"
    effect: ClassVar = _MessageRate
    name: Literal["message_rate"] = "message_rate"
    per_second: int = Field(50, ge=0, description="0 = the next request is one too many")


SESSION_FAULTS: tuple[type[Fault], ...] = (
    UpstreamLost,
    FarmBroken,
    Notice,
    MessageFlood,
    ClientIdInUse,
    NextValidIdBack,
    NoNextValidId,
    NoManagedAccounts,
    MessageRate,
)
