"""One client's socket: bytes to requests and responses to bytes, with a bound on what waits to be read."""

import asyncio
from collections.abc import Callable
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
        self.send: Callable[[bytes], None] = self._out.append

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket, or close it when there are too many."""
        if not isinstance(transport, asyncio.Transport) and not hasattr(transport, "write"):
            return
        self._transport = transport  # type: ignore[assignment]
        self._deadline = asyncio.get_running_loop().call_later(_HANDSHAKE_S, self._too_slow)
        if not self._switchboard.opened(self):
            self.drop("too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that the client is gone."""
        del exc
        self._forget()
        self._switchboard.closed(self)

    def data_received(self, data: bytes) -> None:
        """Handle what came; a fault ends this connection alone."""
        if self._transport is None:
            return
        if self._head is not None:
            data = self._handshake(self._head + data)
        try:
            frames = self._reader.feed(data) if data else []
            fault = None
        except FrameTooLong as error:
            frames, fault = error.completed, error
        for fields in frames:
            self._handle(fields)
        if fault is not None:
            self.drop(str(fault))
        self._switchboard.batch_done(self)
        self.flush()

    def respond(self, response: Response) -> None:
        """Queue a response."""
        self._out.append(encode_frame(encode_response(response, self.version)))

    def error(self, req_id: int, code: int, text: str) -> None:
        """Queue an error or notice; what a client made us quote is made printable."""
        printable = text.replace("\0", "").replace("\n", " ")
        self.respond(ErrorMessage(subject_id=req_id, code=code, text=printable))

    def send_step(self, at_us: int) -> None:
        """Queue the end mark of an instant: the time, in microseconds for this kind of client."""
        self._out.append(hot.current_time_frame(at_us))

    def flush(self) -> None:
        """Write what is queued in one go; drop a client that does not read."""
        if not self._out:
            return
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(b"".join(self._out))
            if transport.get_write_buffer_size() > self._options.write_buffer_bytes:
                self.drop("client does not read")
        self._out.clear()

    def drop(self, reason: str) -> None:
        """End the connection now, without waiting for the client to read."""
        if self._transport is not None:
            self._log("client.dropped", {"client_id": self.client_id, "peer": self.peer, "reason": reason})
            transport = self._transport
            self._forget()
            transport.abort()

    def close(self) -> None:
        """End the connection after what is queued has been written."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    @property
    def peer(self) -> str:
        """Return the other end's address."""
        name = self._transport.get_extra_info("peername") if self._transport is not None else None
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unknown"

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
