"""The two halves of a connection in memory: pipes that carry bytes, and the transports that protocols write to."""

import asyncio
import contextvars
import errno
import os
import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from daemon.simulation.process import Killed

if TYPE_CHECKING:
    from daemon.simulation.loop import VirtualLoop

_DELAY_S: Final = (0.000_02, 0.000_4)  # of a loopback, from and to
_SPLIT_SHARE: Final = 0.05  # of the writes that arrive in two parts
_KERNEL_BYTES: Final = 256 * 1024  # what the two sockets buffer before a writer notices
_HIGH_BYTES: Final = 64 * 1024  # beyond that, where a protocol is asked to pause

Tap = Callable[[bytes], None]
Rewriter = Callable[[bytes], bytes]


class Pipe:
    """Bytes on their way in one direction, in order."""

    def __init__(self, loop: "VirtualLoop", chance: random.Random) -> None:
        self._loop = loop
        self._chance = chance
        self._chunks: deque[bytes | None] = deque()  # None is the end
        self._due_s = 0.0
        self._held_until_s = 0.0
        self._lost = 0  # chunks whose timers still run
        self.sender: MemoryTransport | None = None
        self.receiver: MemoryTransport | None = None
        self.taps: list[Tap] = []  # see what is written, before it is on its way
        self.rewrite: Rewriter | None = None
        self.cut_after: int | None = None  # bytes that still get through
        self.on_cut: Callable[[], None] | None = None
        self._broken = False
        self.extra_delay_s = 0.0
        self.waiting = 0  # bytes written and not read

    def write(self, data: bytes) -> None:
        """Send bytes on their way."""
        for tap in self.taps:
            tap(data)
        if self._broken:
            return
        if self.rewrite is not None:
            data = self.rewrite(data)
        if self.cut_after is not None and len(data) >= self.cut_after:
            self._cut(data[: self.cut_after])
            return
        if self.cut_after is not None:
            self.cut_after -= len(data)
        self.push(data)

    def push(self, data: bytes) -> None:
        """Send bytes on their way that nobody rewrites."""
        if not data or self._broken:
            return
        split = self._chance.randrange(1, len(data)) if len(data) > 1 and self._chance.random() < _SPLIT_SHARE else 0
        for chunk in (data[:split], data[split:]) if split else (data,):
            self.waiting += len(chunk)
            self._send(chunk)

    def end(self) -> None:
        """Let the end follow what is under way."""
        self._send(None)

    def hold(self, seconds: float) -> None:
        """Deliver nothing for a while."""
        self._held_until_s = max(self._held_until_s, self._loop.time() + seconds)

    def lose_all(self) -> None:
        """Lose what is under way."""
        self._lost += len(self._chunks)
        self._chunks.clear()
        self.waiting = 0

    def _cut(self, rest: bytes) -> None:
        self.cut_after = None
        self.push(rest)
        self._broken = True
        act, self.on_cut = self.on_cut, None
        if act is not None:
            self._send_act(act)

    def _send_act(self, act: Callable[[], None]) -> None:
        """Do something once everything before it has arrived."""
        self._due_s = max(self._due_s, self._loop.time(), self._held_until_s)
        self._loop.call_at(self._due_s, act, context=self._loop.outside)

    def _send(self, chunk: bytes | None) -> None:
        due = self._loop.time() + self._chance.uniform(*_DELAY_S) + self.extra_delay_s
        self._due_s = max(self._due_s, due, self._held_until_s)
        self._chunks.append(chunk)
        self._arrange()

    def _arrange(self) -> None:
        receiver = self.receiver
        context = receiver.context if receiver is not None and receiver.context is not None else self._loop.outside
        self._loop.call_at(self._due_s, self._arrive, context=context)

    def _arrive(self) -> None:
        if self._lost:
            self._lost -= 1
            return
        if not self._chunks:
            return
        if self._loop.time() < self._held_until_s:  # held since it was sent
            self._due_s = self._held_until_s
            self._arrange()
            return
        chunk = self._chunks.popleft()
        if chunk is not None:
            self.waiting -= len(chunk)
        if self.receiver is not None:
            self.receiver.take(chunk)
        if self.sender is not None:
            self.sender.relieved()


class MemoryTransport(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, loop: "VirtualLoop", *, out: Pipe, into: Pipe, peer: tuple[str, int]) -> None:
        super().__init__({"peername": peer})
        self._loop = loop
        self._out = out
        self._into = into
        self._protocol: asyncio.BaseProtocol | None = None
        self._closing = False
        self._ended = False  # the end was sent
        self._paused = False
        self._reading = True
        self._unread: deque[bytes | None] = deque()
        self.is_gone = False  # its protocol was told, or its process is dead
        self.context: contextvars.Context | None = None
        out.sender = into.receiver = self

    def serve(self, protocol: asyncio.BaseProtocol, context: contextvars.Context) -> None:
        """Belong to a protocol; what arrives is told to it in `context`."""
        self._protocol, self.context = protocol, context

    # ---- asyncio's side

    def write(self, data: Any) -> None:
        """Send bytes; after a close they go nowhere."""
        if self._closing or self._ended or self.is_gone or not data:
            return
        self._out.write(bytes(data))
        if not self._paused and self.get_write_buffer_size() > _HIGH_BYTES:
            self._paused = True
            self._tell("pause_writing")

    def write_eof(self) -> None:
        """Send the end; reading goes on."""
        self.send_end()

    def close(self) -> None:
        """Close after what was written has been sent."""
        if self._closing:
            return
        self._closing = True
        self.send_end()
        self._loop.call_soon(self._gone, None, context=self.context)

    def abort(self) -> None:
        """Close at once; the other end gets a reset."""
        if self._closing and self._ended:
            return
        self._closing = True
        other = self._out.receiver
        if not self._ended and other is not None:
            self._ended = True
            error = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            self._out._send_act(lambda: other.break_off(error))  # noqa: SLF001 - one mechanism
        self._loop.call_soon(self._gone, None, context=self.context)

    def is_closing(self) -> bool:
        """Return whether it is closed or about to be."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the sockets could not take."""
        return max(0, self._out.waiting - _KERNEL_BYTES)

    def pause_reading(self) -> None:
        """Leave what arrives in the socket."""
        self._reading = False

    def resume_reading(self) -> None:
        """Hand on what has arrived meanwhile, and all that comes."""
        self._reading = True
        unread, self._unread = self._unread, deque()
        for chunk in unread:
            self.take(chunk)

    # ---- the network's side

    def take(self, chunk: bytes | None) -> None:
        """Hand bytes, or the end, to the protocol."""
        if not self._reading:
            self._unread.append(chunk)
        elif self.is_gone or self._closing or self._protocol is None:
            return
        elif chunk is not None:
            self._call(self._protocol.data_received, chunk)  # type: ignore[attr-defined]
        elif not self._call(self._protocol.eof_received):  # type: ignore[attr-defined]
            self.close()

    def relieved(self) -> None:
        """Let a paused writer go on once the sockets have room."""
        if self._paused and self.get_write_buffer_size() == 0:
            self._paused = False
            self._loop.call_soon(self._tell, "resume_writing", context=self.context)

    def send_end(self) -> None:
        """Send the end, once."""
        if not self._ended:
            self._ended = True
            self._out.end()

    def break_off(self, error: OSError) -> None:
        """Be told by the network that the connection is no more."""
        if self.is_gone:
            return
        self._closing = self._ended = True
        self._loop.call_soon(self._gone, error, context=self.context)

    def die(self) -> None:
        """Be closed by the kernel because the process is dead: the other end gets what was written, then the end."""
        self._closing = self.is_gone = True
        self.send_end()
        self._into.lose_all()

    def _gone(self, error: Exception | None) -> None:
        if self.is_gone:
            return
        self.is_gone = True
        self._into.lose_all()
        if self._protocol is not None:
            self._call(self._protocol.connection_lost, error)

    def _tell(self, what: str) -> None:
        if self._protocol is not None and not self.is_gone:
            self._call(getattr(self._protocol, what))

    @staticmethod
    def _call(method: Callable[..., Any], *args: object) -> Any:
        try:
            return method(*args)
        except Killed:
            return None
