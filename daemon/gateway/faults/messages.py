"""Faults of any kind of message: missing, doubled, late, out of order; requests that are never answered; clocks."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveInt

from daemon.gateway.faults.frames import STREAMED, Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Counted, EachFrame, Effect, Fault, MessageName
from daemon.gateway.faults.when import REQUEST_NAMES, Length
from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.messages import Request


def _known_request(name: str) -> str:
    if name not in REQUEST_NAMES:
        raise ValueError(f"must be one of {', '.join(sorted(REQUEST_NAMES))}")
    return name


RequestName = Annotated[str, AfterValidator(_known_request)]


class Messages(Counted):
    """Which messages a fault hits."""

    message: MessageName
    status: str | None = Field(None, description="only with this status, of orderStatus")
    answers: bool = Field(default=False, description="also in answers to requests for orders and executions")


class _OnMessages(EachFrame["Messages"]):
    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        return self.hit(link, frame) if self.is_meant(link, frame) and self.strikes() else (frame,)

    def is_meant(self, link: Link, frame: Frame) -> bool:
        """Return whether this is one of the messages the fault is about."""
        fault, scope = self.fault, self.scope
        if frame.kind != fault.message or not scope.hits(link) or (frame.is_answer and not fault.answers):
            return False
        if not scope.is_about(link, frame):
            return False
        if link.connection.is_lockstep and frame.kind == "currentTime":
            return False  # the end mark of an instant: without it lockstep would be what is broken
        return fault.status is None or (frame.kind == "orderStatus" and frame.fields[2] == fault.status)

    def hit(self, link: Link, frame: Frame) -> Iterable[Frame]:
        raise NotImplementedError


class _MessageDropped(_OnMessages):
    def hit(self, link: Link, frame: Frame) -> Iterable[Frame]:
        return ()


class MessageDropped(Messages):
    """Messages of one kind never arrive: orderStatus, execDetails, commissionReport, the End of a listing, ..."""

    effect: ClassVar = _MessageDropped
    name: Literal["message_dropped"] = "message_dropped"


class _MessageDuplicated(_OnMessages):
    def hit(self, link: Link, frame: Frame) -> Iterable[Frame]:
        copies = self.fault.copies if isinstance(self.fault, MessageDuplicated) else 1
        return (frame,) * (1 + copies)


class MessageDuplicated(Messages):
    """Messages of one kind arrive several times."""

    effect: ClassVar = _MessageDuplicated
    name: Literal["message_duplicated"] = "message_duplicated"
    copies: PositiveInt = Field(1, le=1000, description="beside the first")


class _MessageDelayed(_OnMessages):
    def hit(self, link: Link, frame: Frame) -> Iterable[Frame]:
        if isinstance(self.fault, MessageDelayed):
            link.hold(frame, self.scope.stage.now_us + round(self.fault.by * SECOND_US))
        return ()


class MessageDelayed(Messages):
    """Messages of one kind arrive later; what follows them does not wait."""

    effect: ClassVar = _MessageDelayed
    name: Literal["message_delayed"] = "message_delayed"
    by: Length = Field(2.0, description="market time")


class _MessageReordered(_OnMessages):
    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        """Turn the order of the messages meant round, each batch for itself; the others keep their places."""
        at = [index for index, frame in enumerate(frames) if self.is_meant(link, frame)]
        if len(at) < 2 or not self.strikes():
            return frames
        turned = list(frames)
        for index, other in zip(at, reversed(at), strict=True):
            turned[index] = frames[other]
        return turned


class MessageReordered(Messages):
    """Messages of one kind that belong to one instant arrive in the opposite order."""

    effect: ClassVar = _MessageReordered
    name: Literal["message_reordered"] = "message_reordered"


class _RequestSwallowed(Effect["RequestSwallowed"]):
    def request(self, link: Link, request: Request) -> bool:
        if not self.scope.hits(link) or type(request).__name__ != self.fault.request:
            return False
        contract = getattr(request, "contract", None)
        if contract is not None and not self.scope.wants(self.scope.stage.symbol_of(contract)):
            return False
        return self.strikes()


class RequestSwallowed(Counted):
    """Requests of one kind are lost in the gateway: no effect, no answer. An order that is swallowed never was."""

    effect: ClassVar = _RequestSwallowed
    name: Literal["request_swallowed"] = "request_swallowed"
    request: RequestName


class _StreamStalled(EachFrame["StreamStalled"]):
    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        if frame.kind not in STREAMED or not self.scope.hits(link):
            return (frame,)
        stream = link.streams.get(frame.subject or 0)
        meant = stream is not None and stream.kind in self.fault.streams and self.scope.wants(stream.symbol)
        return () if meant else (frame,)


class StreamStalled(Fault):
    """Streams fall silent without an error: quotes, bars, ticks, or histories that are kept up to date."""

    effect: ClassVar = _StreamStalled
    name: Literal["stream_stalled"] = "stream_stalled"
    streams: tuple[Literal["quotes", "bars", "ticks", "updates"], ...] = Field(
        ("quotes", "bars", "ticks", "updates"), min_length=1
    )


class _ClockWrong(EachFrame["ClockWrong"]):
    def begin(self) -> None:
        self._frozen = self.scope.stage.now_us // SECOND_US

    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        if frame.kind != "currentTime" or link.connection.is_lockstep or not self.scope.hits(link):
            return (frame,)
        told = int(frame.fields[2]) if self.fault.ahead is not None else self._frozen
        return (frame.changed(f2=str(told + (self.fault.ahead or 0))),)


class ClockWrong(Fault):
    """reqCurrentTime is answered with a time that stands still, or that is off by some seconds.

    Steps of lockstep clients carry the true time: it is what they run on.
    """

    effect: ClassVar = _ClockWrong
    name: Literal["clock_wrong"] = "clock_wrong"
    ahead: int | None = Field(None, description="seconds, may be negative; none = the clock stands still")


MESSAGE_FAULTS: tuple[type[Fault], ...] = (
    MessageDropped,
    MessageDuplicated,
    MessageDelayed,
    MessageReordered,
    RequestSwallowed,
    StreamStalled,
    ClockWrong,
)
