"""One client's connection as faults see it: what it asked for, and what stands between the gateway and its socket."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Protocol

from daemon.gateway.connection import NO_ID, Connection
from daemon.gateway.faults.frames import Frame, Passed, cut
from daemon.gateway.wire.account_responses import ErrorMessage
from daemon.gateway.wire.framing import encode_frame
from daemon.gateway.wire.messages import Response
from daemon.gateway.wire.responses import encode_response


class Filter(Protocol):
    """Who may change what is written."""

    @property
    def is_idle(self) -> bool:
        """Return whether no fault is active, so that nothing need be looked at."""
        ...

    def filtered(self, link: "Link", frames: list[Frame]) -> list[Frame]:
        """Return the frames to write now."""
        ...


class Subscription:
    """One stream of data that a client asked for."""

    __slots__ = ("kind", "symbol")

    def __init__(self, kind: str, symbol: str) -> None:
        self.kind = kind  # quotes, bars, ticks or updates
        self.symbol = symbol


class Link:
    """What lies between a connection and its socket. It is the connection's `wire`."""

    def __init__(self, connection: Connection, who: Filter) -> None:
        self.connection = connection
        self.streams: dict[int, Subscription] = {}  # by request id
        self.orders: dict[int, str] = {}  # symbol by order id
        self.dead: set[int] = set()  # request ids that get nothing any more, without a word
        self.data_type = 1  # last ReqMarketDataType
        self.is_deaf = False  # what the client sends is not read
        self.is_cut = False  # what the gateway sends is lost
        self.is_answering = False  # what is queued answers a request for orders or executions
        self.asked_s: deque[float] = deque()  # host times of the latest requests
        self._filter = who
        self._greeted = False
        self._held: list[tuple[int, int, bytes]] = []
        self._sequence = 0
        self._pieces: list[bytes] | None = None  # how to write the present batch, when it is not to be one piece
        self._tail: deque[bytes] = deque()  # pieces that wait for their turn
        self._gap_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._after: Callable[[], None] | None = None

    @property
    def client_id(self) -> int:
        """Return the client's id, -1 before START_API."""
        return self.connection.client_id

    def incoming(self, data: bytes) -> bytes:
        """Return what of the received bytes the gateway gets to see."""
        return b"" if self.is_deaf else data

    def outgoing(self, frames: list[bytes]) -> Sequence[bytes]:
        """Return what to write for the queued frames, in pieces that are written one by one."""
        if self.is_cut:
            return ()
        if self._filter.is_idle and not self._tail and not self.dead:
            self._greeted = True
            return (b"".join(frames),)
        kept: list[Frame | bytes] = []
        fresh: list[Frame] = []
        for item in frames:
            if isinstance(item, Passed):
                kept.extend(self._look(fresh))
                kept.append(item)
                fresh = []
            else:
                fresh.extend(self._frames(item))
        kept.extend(self._look(fresh))
        pieces, self._pieces = self._pieces, None
        if pieces is None:
            whole = b"".join(item.data if isinstance(item, Frame) else item for item in kept)
            pieces = [whole] if whole else []
        if not self._gap_s and not self._tail:
            return pieces
        self._tail.extend(pieces)
        if self._timer is None:
            self._write_next()
        return ()

    def written(self) -> None:
        """Do what was to be done once the batch is out."""
        after, self._after = self._after, None
        if after is not None:
            after()

    def split(self, pieces: list[bytes], gap_s: float) -> None:
        """Write the present batch as these pieces, `gap_s` host seconds apart."""
        self._pieces, self._gap_s = pieces, gap_s

    def then(self, action: Callable[[], None]) -> None:
        """Do something as soon as the present batch is written."""
        self._after = action

    def hold(self, frame: Frame, until_us: int) -> None:
        """Send a frame at a later market time."""
        self._sequence += 1
        heappush(self._held, (until_us, self._sequence, frame.data))

    def held_us(self) -> int | None:
        """Return when the next frame that is held back is due."""
        return self._held[0][0] if self._held else None

    def release(self, now_us: int) -> None:
        """Queue what is due."""
        while self._held and self._held[0][0] <= now_us:
            self.connection.send(Passed(heappop(self._held)[2]))

    def push(self, data: bytes) -> None:
        """Queue a frame that no fault is to look at."""
        self.connection.send(Passed(data))

    def say(self, response: Response) -> None:
        """Queue a response that no fault is to look at."""
        self.push(encode_frame(encode_response(response, self.connection.version)))

    def error(self, code: int, text: str, subject: int = NO_ID) -> None:
        """Queue an error or notice that no fault is to look at."""
        self.say(ErrorMessage(subject_id=subject, code=code, text=text))

    def symbol_of(self, frame: Frame) -> str | None:
        """Return the symbol a frame is about, None when it is about none or is not known to be."""
        subject = frame.subject
        if subject is None:
            return None
        if frame.kind in {"orderStatus", "openOrder", "execDetails"}:
            return self.orders.get(subject)
        stream = self.streams.get(subject)
        return self.orders.get(subject) if stream is None else stream.symbol

    def forget(self) -> None:
        """Drop everything that waits: the client is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._held.clear()
        self._tail.clear()
        self._after = None

    def _frames(self, item: bytes) -> list[Frame]:
        found: list[Frame] = []
        for data in cut(item):
            found.append(Frame(data, is_answer=self.is_answering, is_hello=not self._greeted))
            self._greeted = True
        return found

    def _look(self, frames: list[Frame]) -> list[Frame]:
        if not frames:
            return frames
        if self.dead:
            frames = [frame for frame in frames if frame.subject not in self.dead or frame.kind == "error"]
        return self._filter.filtered(self, frames)

    def _write_next(self) -> None:
        self._timer = None
        if self._tail:
            self.connection.write(self._tail.popleft())
        if self._tail:
            self._timer = asyncio.get_running_loop().call_later(self._gap_s, self._write_next)
        else:
            self._gap_s = 0.0
