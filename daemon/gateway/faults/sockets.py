"""Faults of the connection itself: closed, reset, cut, silent, refused, torn apart. Their `for` is host time."""

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from daemon.gateway.faults.frames import Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Clock, Counted, EachFrame, Effect, Fault, Instant, MessageName
from daemon.gateway.faults.when import Length
from daemon.gateway.wire.framing import LENGTH_BYTES
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.session_requests import StartApi

How = Literal["fin", "rst"]


def hang_up(link: Link, how: How) -> None:
    """End a connection in order or with a reset."""
    if how == "rst":
        link.connection.reset()
    else:
        link.connection.close()


class _Disconnect(Instant["Disconnect"]):
    def act(self, links: Iterable[Link]) -> None:
        for link in links:
            hang_up(link, self.fault.how)


class Disconnect(Fault):
    """Every connection ends now: in order (FIN) or with a reset (RST)."""

    clock: ClassVar[Clock] = "host"
    effect: ClassVar = _Disconnect
    name: Literal["disconnect"] = "disconnect"
    how: How = "fin"


class _ConnectsRefused(Effect[Fault]):
    def begin(self) -> None:
        door = self.scope.stage.door()
        if door is not None:
            door.shut()

    def end(self) -> None:
        door = self.scope.stage.door()
        if door is not None:
            door.open_again()


class ConnectsRefused(Fault):
    """Nobody listens: connects are refused by the operating system. Open connections stay."""

    clock: ClassVar[Clock] = "host"
    spares_nobody: ClassVar[bool] = True
    effect: ClassVar = _ConnectsRefused
    name: Literal["connects_refused"] = "connects_refused"


class _GatewayRestart(_ConnectsRefused):
    def begin(self) -> None:
        super().begin()
        for link in self.scope.stage.links():
            link.connection.close()


class GatewayRestart(Fault):
    """The nightly restart: every connection ends, connects are refused for as long as it lasts, then all is well."""

    clock: ClassVar[Clock] = "host"
    spares_nobody: ClassVar[bool] = True
    effect: ClassVar = _GatewayRestart
    name: Literal["gateway_restart"] = "gateway_restart"


class _PortMoved(Effect["PortMoved"]):
    _before = 0

    def begin(self) -> None:
        port, door = self.fault.port, self.scope.stage.door()
        if door is None:
            return
        self._before = door.port
        door.move(port)
        for link in self.scope.stage.links():
            text = "TWS socket port has been reset and this connection is being dropped. "
            link.error(1300, f"{text}Please reconnect on the new port - {port}")
            link.connection.close()

    def end(self) -> None:
        door = self.scope.stage.door()
        if door is not None:
            door.move(self._before)


class PortMoved(Fault):
    """Error 1300 and the end of every connection; from then on the gateway listens on another port."""

    clock: ClassVar[Clock] = "host"
    spares_nobody: ClassVar[bool] = True
    effect: ClassVar = _PortMoved
    name: Literal["port_moved"] = "port_moved"
    port: int = Field(ge=1, le=65535, description="where it listens until the fault ends")


class _Mute(Effect["Mute"]):
    def connected(self, link: Link) -> None:
        link.is_deaf = True
        link.connection.wait_for_start()


class Mute(Fault):
    """New connections are accepted and never answered, not even with the version."""

    clock: ClassVar[Clock] = "host"
    spares_nobody: ClassVar[bool] = True
    effect: ClassVar = _Mute
    name: Literal["mute"] = "mute"


class _VersionOnly(Effect["VersionOnly"]):
    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, StartApi) or self.scope.client not in {None, request.client_id}:
            return False
        link.connection.wait_for_start()
        return True


class VersionOnly(Fault):
    """New connections get the version and then nothing: START_API is not answered (a login that waits for its code)."""

    clock: ClassVar[Clock] = "host"
    effect: ClassVar = _VersionOnly
    name: Literal["version_only"] = "version_only"


class _HalfOpen(Effect["HalfOpen"]):
    def begin(self) -> None:
        self._cut = self.scope.links()
        for link in self._cut:
            link.is_cut = True
            link.connection.pause(paused=True)

    def end(self) -> None:
        for link in self._cut:
            link.is_cut = False
            link.connection.pause(paused=False)


class HalfOpen(Fault):
    """A dead network path: connections stay open, nothing is read and what would be sent is lost."""

    clock: ClassVar[Clock] = "host"
    effect: ClassVar = _HalfOpen
    name: Literal["half_open"] = "half_open"


def _message(kind: str | None, frame: Frame) -> bool:
    return kind is None or frame.kind == kind


class _CloseInsideFrame(Effect["CloseInsideFrame"]):
    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        if not self.scope.hits(link):
            return frames
        at = next((index for index, frame in enumerate(frames) if _message(self.fault.message, frame)), None)
        if at is None or not self.strikes():
            return frames
        torn = frames[at].data[: self.fault.after_bytes]
        link.split([b"".join(frame.data for frame in frames[:at]) + torn], 0.0)
        link.then(lambda: hang_up(link, self.fault.how))
        return frames


class CloseInsideFrame(Counted):
    """A connection ends in the middle of a frame, after some of its bytes."""

    clock: ClassVar[Clock] = "host"
    effect: ClassVar = _CloseInsideFrame
    name: Literal["close_inside_frame"] = "close_inside_frame"
    message: MessageName | None = Field(None, description="which; none = the next one")
    after_bytes: PositiveInt = Field(6, description="bytes of the frame that are sent, its length of 4 included")
    how: How = "fin"
    count: PositiveInt | None = 1


class _FramesSplit(Effect["FramesSplit"]):
    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        if not frames or not self.scope.hits(link):
            return frames
        pieces: list[bytes] = []
        for frame in frames:
            data, at = frame.data, self.fault.at
            if not _message(self.fault.message, frame) or not self.strikes():
                pieces.append(data)
            elif at is None:
                pieces.extend(data[index : index + 1] for index in range(len(data)))
            else:
                pieces.extend(piece for piece in (data[:at], data[at:]) if piece)
        link.split(pieces, self.fault.gap)
        return frames


class FramesSplit(Counted):
    """Frames arrive in pieces: cut at one byte, or byte by byte."""

    clock: ClassVar[Clock] = "host"
    effect: ClassVar = _FramesSplit
    name: Literal["frames_split"] = "frames_split"
    message: MessageName | None = Field(None, description="which; none = all")
    at: PositiveInt | None = Field(None, description="bytes in the first piece; none = every byte alone")
    gap: Length = Field(0.001, description="host time between two pieces")


class _FrameCorrupted(EachFrame["FrameCorrupted"]):
    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        fault = self.fault
        if frame.is_hello or not self.scope.hits(link) or not _message(fault.message, frame) or not self.strikes():
            return (frame,)
        data = bytearray(frame.data)
        match fault.part:
            case "length":
                data[:LENGTH_BYTES] = (2**31 - 1).to_bytes(LENGTH_BYTES, "big")
            case "number":
                end = data.index(0, LENGTH_BYTES)
                data[LENGTH_BYTES:end] = b"x" * (end - LENGTH_BYTES)
            case "cut":
                end = max(LENGTH_BYTES + 2, len(data) // 2)
                data = bytearray((end - LENGTH_BYTES).to_bytes(LENGTH_BYTES, "big") + data[LENGTH_BYTES:end])
            case "bytes":
                at = self.scope.rng.randrange(data.index(0, LENGTH_BYTES) + 1, len(data))
                data[at] ^= 0x80
        return (Frame(bytes(data)),)


class FrameCorrupted(Counted):
    """Frames arrive damaged: a byte flipped, half of the fields missing, no message number, or a length of 2^31 - 1."""

    effect: ClassVar = _FrameCorrupted
    name: Literal["frame_corrupted"] = "frame_corrupted"
    message: MessageName | None = Field(None, description="which; none = the next one")
    part: Literal["bytes", "cut", "number", "length"] = "bytes"
    count: PositiveInt | None = 1


SOCKET_FAULTS: tuple[type[Fault], ...] = (
    Disconnect,
    GatewayRestart,
    ConnectsRefused,
    PortMoved,
    Mute,
    VersionOnly,
    HalfOpen,
    CloseInsideFrame,
    FramesSplit,
    FrameCorrupted,
)
