"""One connection to a gateway: handshake, lockstep, requests with a deadline, an end that leaves nothing hanging."""

import asyncio
import logging
import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from daemon.adapters.ib.errors import (
    CLIENT_ID_IN_USE,
    ConnectFailed,
    RequestTimedOut,
    closed_early,
    half_alive,
    id_in_use,
    no_tcp_answer,
    not_a_gateway,
    refused,
    silent,
)
from daemon.adapters.ib.library import IB, Client
from daemon.adapters.ib.streams import Streams
from daemon.adapters.ib.wrapper import FIRST_REQUEST_ID, CountingDecoder, Listener, RawWrapper
from daemon.domain.errors import BrokerUnavailable

LOCKSTEP_WORD: Final = b"PAPERD"
LOCKSTEP_CAPABILITY: Final = "paperd-lockstep"
_LARGEST_FRAME: Final = 16 * 1024 * 1024  # bytes
_LENGTH_BYTES: Final = 4
_ALL_UNREADABLE: Final = 100  # frames of one read, and none of them a message: the other side has lost the thread


class RawIB(IB):
    """An ib_insync connection whose every message goes to us. Made inside a running loop, used for one connection."""

    def __init__(
        self,
        listener: Listener,
        streams: Streams,
        now: Callable[[], datetime],
        *,
        timezone: str = "",
        lockstep: bool = True,
    ) -> None:
        # The library asks the event loop policy for the loop, which under uvloop's runner knows of none.
        self._loop = asyncio.get_running_loop()
        asyncio.set_event_loop(self._loop)
        self._logger = logging.getLogger("ib_insync.ib")
        self._createEvents()  # type: ignore[no-untyped-call]
        self.TimezoneTWS = timezone
        self.wrapper: RawWrapper = RawWrapper(self, listener, streams, now=now, refused=self.refuse)
        self.client: Any = Client(self.wrapper)  # type: ignore[no-untyped-call]
        self.client.decoder = CountingDecoder(self.wrapper, 0)
        # The library's own throttle would also hold back orders; bulk requests are paced before they come here.
        self.client.MaxRequests = 0
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._offers_lockstep = lockstep
        self._counted = (0, 0)  # frames so far, and those of them that could not be read
        self._head: bytes | None = b""  # what came before the version frame was complete
        self._where = ""
        self._request_id = FIRST_REQUEST_ID
        self._listen()

    def _listen(self) -> None:
        conn = self.client.conn
        library = self.client._onSocketHasData  # noqa: SLF001 - it has to come after us
        conn.hasData.disconnect(library)
        conn.hasData.connect(self._sniff)  # before the library, which answers the version frame at once
        conn.hasData.connect(library)
        conn.hasData.connect(self._check_backlog)
        conn.hasData.error_event.connect(self._on_fault)
        conn.disconnected.connect(self._on_disconnected)
        self.client.apiStart.connect(self._on_ready)
        self.client.apiError.connect(self._on_api_error)

    def __del__(self) -> None:
        """Do nothing: the library's own finaliser raises during a handshake."""

    # ---- state

    @property
    def is_lockstep(self) -> bool:
        """Return whether the gateway waits for us; known once the version frame is in."""
        return self.wrapper.lockstep

    @property
    def server_version(self) -> int:
        """Return the version agreed on, 0 before the handshake."""
        return int(self.client.serverVersion())

    @property
    def accounts(self) -> Sequence[str]:
        """Return the accounts of the login."""
        return tuple(self.wrapper.accounts)

    @property
    def is_open(self) -> bool:
        """Return whether a message written now would go out."""
        transport = self.client.conn.transport
        return self.client.isReady() and transport is not None and not transport.is_closing()

    # ---- open and close

    async def open(self, host: str, port: int, client_id: int, timeout_s: float) -> None:
        """Connect and start the session.

        Raises:
            ConnectFailed: it did not come about, and why.
        """
        self._where = f"{host}:{port}"
        ready = False
        try:
            async with asyncio.timeout(timeout_s):
                await self._connect_tcp(host, port)
                self._say_hello(client_id)
                await self._opened
            ready = True
        except TimeoutError as error:
            raise self._timed_out() from error
        finally:
            if not ready:
                self.close(abort=True)

    async def _connect_tcp(self, host: str, port: int) -> None:
        try:
            await self.client.conn.connectAsync(host, port)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise no_tcp_answer(self._where) from error
            raise refused(self._where, error) from error

    def _say_hello(self, client_id: int) -> None:
        client = self.client
        client.host, client.clientId = self._where, client_id
        self.wrapper.clientId = client_id
        client.connState = Client.CONNECTING
        text = b"v%d..%d" % (client.MinClientVersion, client.MaxClientVersion)
        client.conn.sendMsg(b"API\0" + struct.pack(">I", len(text)) + text)

    def _timed_out(self) -> ConnectFailed:
        if self.client.conn.transport is None:
            return no_tcp_answer(self._where)
        return half_alive(self._where) if self.server_version else silent(self._where)

    def close(self, *, abort: bool = False) -> None:
        """End the connection; every request still waiting fails. With `abort` unsent bytes are dropped."""
        transport = self.client.conn.transport
        if abort and transport is not None:
            transport.abort()
        elif transport is not None and not transport.is_closing():
            self.client.conn.disconnect()
        self.wrapper.fail_all(ConnectionError("the connection was closed"))
        self.client.reset()
        self._finish("closed by us")

    def drop(self, cause: str) -> None:
        """Break the connection off, so that its owner makes a new one."""
        self._finish(cause)
        self.close(abort=True)

    def fail(self, error: BaseException) -> None:
        """Break the connection off because of a fault that its owner has to raise."""
        waiting = self.lost if self._opened.done() else self._opened
        if not waiting.done():
            waiting.set_exception(error)
        self.close(abort=True)

    def refuse(self, code: int) -> None:
        """Take an error that came during the handshake."""
        if code == CLIENT_ID_IN_USE and not self._opened.done():
            self._opened.set_exception(id_in_use(self._where, self.client.clientId))

    # ---- requests

    def request_id(self) -> int:
        """Return a new request id."""
        self._request_id += 1
        return self._request_id

    def send(self, write: Callable[[], object]) -> None:
        """Write a message.

        Raises:
            BrokerUnavailable: nothing was sent.
        """
        if not self.is_open:
            raise BrokerUnavailable(f"not connected to {self._where}: nothing was sent")
        try:
            write()
        except ConnectionError as error:
            raise BrokerUnavailable(f"not connected to {self._where}: nothing was sent") from error

    async def ask(self, key: int | str, write: Callable[[], object], timeout_s: float) -> list[Any]:
        """Send a request and return its rows when the end marker has come.

        Raises:
            RequestFailed: the gateway answered with an error.
            RequestTimedOut: the end marker did not come in time.
            BrokerUnavailable: the connection was or went down.
        """
        answer = self.wrapper.start(key)
        try:
            self.send(write)
            async with asyncio.timeout(timeout_s):
                rows: list[Any] = await answer
                return rows
        except TimeoutError as error:
            raise RequestTimedOut(f"no complete answer from {self._where} within {timeout_s:g} s") from error
        except ConnectionError as error:
            raise BrokerUnavailable(f"the connection to {self._where} was lost during a request") from error
        finally:
            self.wrapper.forget(key)

    # ---- events of the socket

    def _sniff(self, data: bytes) -> None:
        """Read the version frame before the library does: its answer has to carry our capability."""
        if self._head is None:
            return
        self._head += data
        if len(self._head) < _LENGTH_BYTES:
            return
        (length,) = struct.unpack(">I", self._head[:_LENGTH_BYTES])
        frame = self._head[_LENGTH_BYTES : _LENGTH_BYTES + length]
        if length > _LARGEST_FRAME:
            self._reject(f"its first frame would have {length} bytes")
        elif len(frame) == length:
            self._head = None
            self._read_version(frame)

    def _read_version(self, frame: bytes) -> None:
        fields = frame.split(b"\0")
        if len(fields) < 2 or not fields[0].isdigit():
            self._reject(f"it began with {frame[:40]!r}")
        elif self._offers_lockstep and fields[1].endswith(LOCKSTEP_WORD):
            self.client.optCapab = LOCKSTEP_CAPABILITY
            self.wrapper.lockstep = True

    def _reject(self, detail: str) -> None:
        self._head = None
        if not self._opened.done():
            self._opened.set_exception(not_a_gateway(self._where, detail))

    def _check_backlog(self, _data: bytes) -> None:
        """Look at what a read has brought: only whole frames are a sign of life, and some are none at all."""
        frames, unreadable = self.client._numMsgRecv, self.wrapper.undecodable  # noqa: SLF001 - nobody else counts them
        before, self._counted = self._counted, (frames, unreadable)
        if frames > before[0]:
            self.wrapper.heard_at = self._loop.time()
        if unreadable - before[1] >= _ALL_UNREADABLE and unreadable - before[1] == frames - before[0]:
            self.drop(f"{frames - before[0]} messages in a row could not be read")
        waiting = self.client._data  # noqa: SLF001 - bytes without a whole frame
        if len(waiting) >= _LENGTH_BYTES and int.from_bytes(waiting[:_LENGTH_BYTES], "big") > _LARGEST_FRAME:
            self._reject("a frame without end")
            self.drop(f"a frame of more than {_LARGEST_FRAME} bytes was announced")

    def _on_ready(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def _on_api_error(self, text: str) -> None:
        if not self._opened.done():
            too_old = "version" in text
            self._opened.set_exception(not_a_gateway(self._where, text) if too_old else closed_early(self._where))

    def _on_disconnected(self, text: str) -> None:
        if not self._opened.done():
            self._opened.set_exception(closed_early(self._where))
        self.wrapper.fail_all(ConnectionError("the connection was lost"))
        self._finish(text or "the gateway closed the connection")

    def _on_fault(self, _event: object, error: Exception) -> None:
        if isinstance(error, BrokerUnavailable):
            self.drop(str(error))
        elif isinstance(error, ValueError | LookupError) and not self.client.isReady():
            self._reject(repr(error))  # the library could not make sense of the first frames
        else:
            self.fail(error)

    def _finish(self, cause: str) -> None:
        if not self.lost.done():
            self.lost.set_result(cause)
