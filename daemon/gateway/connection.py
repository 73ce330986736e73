"""One client's socket: bytes to requests and responses to bytes, with a bound on what waits to be read."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

from daemon.gateway.log import GatewayLog
from daemon.gateway.options import GatewayOptions
from daemon.gateway.wire import hot
from daemon.gateway.wire.account_responses import ErrorMessage
from daemon.gateway.wire.errors import FieldError, FrameTooLong, HandshakeError
from daemon.gateway.wire.framing import FrameReader, encode_frame, encode_hello, negotiate, parse_handshake
from daemon.gateway.wire.messages import Request, Response, UnknownMessage
from daemon.gateway.wire.requests import decode_request
from daemon.gateway.wire.responses import encode_response
from daemon.gateway.wire.session_requests import ReqCurrentTime

NO_ID = -1
_ANSWER_FIELDS = ["49", "1"]  # what lockstep clients send after every instant: not worth a walk through the tables
_ANSWER = ReqCurrentTime()
_CLOSE_S = 2.0  # host seconds a client has to read the last bytes
_MOST_MALFORMED = 100  # messages of one connection that cannot be read
_QUEUE_BYTES = 1 << 20  # of responses, after which they are written before the next request is handled
_HANDSHAKE_S = 10.0  # host seconds a connection may take until START_API


class Switchboard(Protocol):
    """What a connection needs from the server."""

    def opened(self, connection: "Connection") -> bool:
        """Take note of a socket; False when there are too many."""
        ...

    def received(self, connection: "Connection", request: Request) -> None:
        """Handle one request."""
        ...

    def batch_done(self, connection: "Connection") -> None:
        """All bytes that came together are handled."""
        ...

    def closed(self, connection: "Connection") -> None:
        """The socket is gone."""
        ...

    def connection_time(self) -> str:
        """Return the time text of the version frame."""
        ...


class Wire(Protocol):
    """What stands between a connection and its socket: faults, when there are any."""

    def incoming(self, data: bytes) -> bytes:
        """Return what of the received bytes is to be handled."""
        ...

    def outgoing(self, frames: list[bytes]) -> Sequence[bytes]:
        """Return what to write for these frames, in pieces that are written one by one."""
        ...

    def written(self) -> None:
        """All pieces are with the socket."""
        ...


class PlainWire:
    """Everything comes and goes as it is."""

    def incoming(self, data: bytes) -> bytes:
        """Return all of it."""
        return data

    def outgoing(self, frames: list[bytes]) -> Sequence[bytes]:
        """Return all of it in one piece."""
        return (b"".join(frames),)

    def written(self) -> None:
        """Take note of nothing."""


class Connection(asyncio.Protocol):
    """A client from its first byte to its last. Sending only queues; `flush` writes everything at once."""

    def __init__(self, options: GatewayOptions, switchboard: Switchboard, log: GatewayLog) -> None:
        self._options = options
        self._switchboard = switchboard
        self._log = log
        self._reader = FrameReader(options.max_frame_bytes)
        self._head: bytes | None = b""  # the handshake so far; None once it is done
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.version = 0
        self.client_id = NO_ID
        self.is_ready = False  # START_API done
        self.is_lockstep = False
        self.sets_pace = False
        self.peer = "unknown"  # address of the other end
        self.connect_options = ""  # of the handshake, such as "+PACEAPI"
        self._malformed_count = 0
        self._is_end_told = False  # the log says why the connection ends
        self._queued = 0  # bytes of responses that wait to be written
        self.wire: Wire = PlainWire()
        self.send: Callable[[bytes], None] = self._out.append

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket, or close it when there are too many."""
        if not isinstance(transport, asyncio.Transport) and not hasattr(transport, "write"):
            return
        self._transport = transport  # type: ignore[assignment]
        name = transport.get_extra_info("peername")
        self.peer = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unknown"
        self._deadline = asyncio.get_running_loop().call_later(_HANDSHAKE_S, self._too_slow)
        if not self._switchboard.opened(self):
            self.drop("too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that the client is gone."""
        del exc
        if not self._is_end_told and self._transport is not None and (self._head or self._reader.pending):
            self._log_end("the connection ended within a frame")
        self._forget()
        self._switchboard.closed(self)

    def data_received(self, data: bytes) -> None:
        """Handle what came; a fault ends this connection alone."""
        if self._transport is None:
            return
        data = self.wire.incoming(data)
        if self._head is not None:
            data = self._handshake(self._head + data)
        try:
            frames = self._reader.feed(data) if data else []
            fault = None
        except FrameTooLong as error:
            frames, fault = error.completed, error
        for fields in frames:
            self._handle(fields)
            if self._queued > _QUEUE_BYTES:
                self.flush()
        if fault is not None:
            if self.is_ready:
                self.error(NO_ID, 507, "Bad Message Length")
            self.end(str(fault))
        self._switchboard.batch_done(self)
        self.flush()

    def respond(self, response: Response) -> None:
        """Queue a response."""
        data = encode_frame(encode_response(response, self.version))
        self._queued += len(data)
        self._out.append(data)

    def error(self, req_id: int, code: int, text: str) -> None:
        """Queue an error or notice; what a client made us quote is made printable."""
        printable = text.replace("\0", "").replace("\n", " ")
        self.respond(ErrorMessage(subject_id=req_id, code=code, text=printable))

    def send_step(self, at_us: int) -> None:
        """Queue the end mark of an instant: the time, in microseconds for this kind of client."""
        self._out.append(hot.current_time_frame(at_us))

    def flush(self) -> None:
        """Write what is queued in one go; drop a client that does not read."""
        self._queued = 0
        while self._out:
            queued = self._out.copy()
            self._out.clear()
            transport = self._transport
            if transport is None or transport.is_closing():
                return
            for piece in self.wire.outgoing(queued):
                transport.write(piece)
            if transport.get_write_buffer_size() > self._options.write_buffer_bytes:
                self.drop("client does not read")
            self.wire.written()

    def write(self, data: bytes) -> None:
        """Write bytes past the queue; nothing when the client is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self, *, paused: bool) -> None:
        """Stop or go on reading; what comes meanwhile waits in the socket."""
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def wait_for_start(self) -> None:
        """Give the client all the time it wants until START_API."""
        if self._deadline is not None:
            self._deadline.cancel()

    def reset(self) -> None:
        """End the connection with RST, as a host that has crashed does; unsent bytes are lost."""
        transport = self._transport
        if transport is None:
            return
        held = transport.get_extra_info("socket")
        if held is not None and held.fileno() >= 0:
            # Options belong to the socket, not to the descriptor, and uvloop hands out no real socket object.
            with socket.socket(fileno=os.dup(held.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.drop("reset")

    def drop(self, reason: str) -> None:
        """End the connection now, without waiting for the client to read."""
        if self._transport is not None:
            self._log_end(reason)
            transport = self._transport
            self._forget()
            transport.abort()

    def end(self, reason: str) -> None:
        """End the connection for something its client did, after what is queued has been written."""
        if self._transport is not None:
            self._log_end(reason)
            self.close()

    def close(self) -> None:
        """End the connection after what is queued has been written, soon even if the client does not read it."""
        self.flush()
        if self._transport is not None:
            self._transport.close()
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline = asyncio.get_running_loop().call_later(_CLOSE_S, self._transport.abort)

    def started(self, client_id: int, *, is_lockstep: bool) -> None:
        """Take note of START_API."""
        self.client_id, self.is_lockstep, self.is_ready = client_id, is_lockstep, True
        if self._deadline is not None:
            self._deadline.cancel()

    def _handshake(self, head: bytes) -> bytes:
        """Read the handshake and answer it; return the bytes after it."""
        try:
            found = parse_handshake(head)
            if found is None:
                self._head = head
                return b""
            handshake, used = found
            self.connect_options = handshake.options
            self.version = negotiate(handshake, self._options.server_version)
        except HandshakeError as error:
            self.drop(str(error))
            return b""
        self._head = None
        self._out.append(encode_hello(self.version, self._switchboard.connection_time()))
        return head[used:]

    def _handle(self, fields: list[str]) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        try:
            request = _ANSWER if fields == _ANSWER_FIELDS else decode_request(fields, self.version)
        except FieldError as error:
            self._malformed(fields, error)
            return
        if isinstance(request, UnknownMessage):
            self.error(NO_ID, 505, "Fatal Error: Unknown message id.")
        elif not self.is_ready and not is_start(fields):
            self.error(NO_ID, 504, "Not connected")
        else:
            self._switchboard.received(self, request)

    def _malformed(self, fields: list[str], error: FieldError) -> None:
        req_id = next((int(text) for text in fields[1:3] if text.isdecimal() and len(text) < 10), NO_ID)
        name = error.message.rpartition(".")[2]
        text = (
            f"Error reading request. Message: {name}, field '{error.field}': {error.reason}, was '{error.value[:40]}'."
        )
        self._log("request.refused", {"client_id": self.client_id, "peer": self.peer, "reason": str(error)[:200]})
        self.error(req_id, 320, text)
        self._malformed_count += 1
        if self._malformed_count >= _MOST_MALFORMED:
            self.end("too many malformed messages")

    def _log_end(self, reason: str) -> None:
        self._is_end_told = True
        self._log("client.dropped", {"client_id": self.client_id, "peer": self.peer, "reason": reason})

    def _too_slow(self) -> None:
        if not self.is_ready:
            self.drop("no START_API in time")

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._transport = None
        self.is_ready = False
        self._out.clear()


def is_start(fields: list[str]) -> bool:
    """Return whether a frame is START_API."""
    return fields[0] == "71"
