"""A gateway that says what a test tells it to: real sockets and frames, no market behind them."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

Message = list[str]
Answer = Callable[["Session", Message], None]

TIMEOUT_S = 10.0  # a test that waits this long has failed


def frame(*fields: object) -> bytes:
    """Return fields as one frame."""
    payload = "".join(f"{field}\0" for field in fields).encode()
    return len(payload).to_bytes(4, "big") + payload


class Session:
    """One client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._changed = asyncio.Condition()
        self.received: list[Message] = []
        self.ended = asyncio.Event()

    def send(self, *fields: object) -> None:
        self._writer.write(frame(*fields))

    def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()

    def messages(self, kind: int) -> list[Message]:
        return [message for message in self.received if message[0] == str(kind)]

    async def wait_for(self, kind: int, count: int = 1) -> list[Message]:
        """Return the messages of one kind as soon as there are `count` of them."""
        async with asyncio.timeout(TIMEOUT_S), self._changed:
            await self._changed.wait_for(lambda: len(self.messages(kind)) >= count)
        return self.messages(kind)

    async def read_exactly(self, count: int) -> bytes:
        return await self._reader.readexactly(count)

    async def read_message(self) -> Message:
        length = int.from_bytes(await self._reader.readexactly(4), "big")
        text = (await self._reader.readexactly(length)).decode()
        return text.split("\0")[:-1]

    async def note(self, message: Message) -> None:
        async with self._changed:
            self.received.append(message)
            self._changed.notify_all()


class ScriptedGateway:
    """Listens on a free port of the loopback. `answers` says what follows a message; tests replace entries."""

    def __init__(
        self, *, version: int = 176, connection_time: str = "20261120 18:00:00 EST", accounts: str = "DU1234567"
    ) -> None:
        self.version = version
        self.connection_time = connection_time
        self.accounts = accounts
        self.next_id = 101
        self.speaks = True  # whether the handshake is answered
        self.first_bytes: bytes | None = None  # said instead of a version frame
        self.answers: dict[int, Answer] = {
            71: self._start,
            16: lambda session, _: session.send(53, 1),
            99: lambda session, _: session.send(102),
            7: lambda session, message: session.send(55, 1, message[2]),
            61: lambda session, _: session.send(62, 1),
            17: lambda session, _: session.send(15, 1, self.accounts),
            49: lambda session, _: session.send(49, 1, 1_700_000_000),
        }
        self.sessions: list[Session] = []
        self._accepted: asyncio.Queue[Session] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        for session in self.sessions:
            session.abort()
            await session.ended.wait()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections; those there are stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def session(self) -> Session:
        """Return the next session, as soon as a client has connected."""
        async with asyncio.timeout(TIMEOUT_S):
            return await self._accepted.get()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer)
        self.sessions.append(session)
        self._accepted.put_nowait(session)
        try:
            await self._converse(session)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            session.ended.set()

    async def _converse(self, session: Session) -> None:
        assert await session.read_exactly(4) == b"API\0"
        length = int.from_bytes(await session.read_exactly(4), "big")
        await session.read_exactly(length)
        if self.first_bytes is not None:
            session.send_bytes(self.first_bytes)
        elif self.speaks:
            session.send(self.version, self.connection_time)
        while True:
            message = await session.read_message()
            answer = self.answers.get(int(message[0]))
            if answer is not None:
                answer(session, message)
            await session.note(message)

    def _start(self, session: Session, _message: Message) -> None:
        session.send(15, 1, self.accounts)
        session.send(9, 1, self.next_id)
        session.send(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")


# ---- frames as a gateway of version 157 sends them (one layout is enough: the library's decoder does the rest)


def open_order(
    *, order_id: int, ref: str, client_id: int = 7, perm_id: int = 900, status: str = "Submitted",
    quantity: str = "100", side: str = "BUY", symbol: str = "SPY",
    account: str = "DU1234567", what_if: bool = False, margin: str = "",
) -> list[object]:  # fmt: skip
    """Return an openOrder of version 157."""
    fields: list[object] = [""] * 120
    head = [
        5,
        order_id,
        756733,
        symbol,
        "STK",
        "",
        0.0,
        "?",
        "",
        "SMART",
        "USD",
        symbol,
        "SPY",
        side,
        quantity,
        "MKT",
        0.0,
        0.0,
        "DAY",
        "",
        account,
        "",
        0,
        ref,
        client_id,
        perm_id,
        0,
        0,
        0.0,
    ]
    fields[: len(head)] = head
    for position in (
        40,
        43,
        49,
        50,
        51,
        52,
        54,
        55,
        56,
        58,
        59,
        61,
        64,
        65,
        71,
        72,
        73,
        78,
        81,
        82,
        84,
        101,
        102,
        103,
        111,
        116,
        117,
        118,
        119,
    ):
        fields[position] = 0
    fields[85] = int(what_if)
    fields[86] = status
    fields[90] = margin
    return fields


def completed_order(*, ref: str, perm_id: int, status: str, filled: str, quantity: str = "100") -> list[object]:
    """Return a completedOrder of version 157."""
    fields: list[object] = [""] * 92
    head = [
        101,
        756733,
        "SPY",
        "STK",
        "",
        0.0,
        "?",
        "",
        "SMART",
        "USD",
        "SPY",
        "SPY",
        "SELL",
        quantity,
        "MKT",
        0.0,
        0.0,
        "DAY",
        "",
        "DU1234567",
        "",
        0,
        ref,
        perm_id,
    ]
    fields[: len(head)] = head
    for position in (60, 61, 62, 69, 70, 72, 76):
        fields[position] = 0
    fields[73] = status
    fields[83] = filled
    return fields


def execution(
    *, exec_id: str, order_id: int = 101, request_id: int = -1, shares: str = "40", price: str = "450.25",
    side: str = "BOT", ref: str = "pd-1", time: str = "20261120 15:30:01 US/Eastern", account: str = "DU1234567",
) -> list[object]:  # fmt: skip
    """Return an execDetails."""
    contract = [756733, "SPY", "STK", "", 0.0, "", "", "NYSE", "USD", "SPY", "SPY"]
    return [
        11,
        request_id,
        order_id,
        *contract,
        exec_id,
        time,
        account,
        "NYSE",
        side,
        shares,
        price,
        900,
        7,
        0,
        shares,
        price,
        ref,
        "",
        "",
        "",
        1,
    ]


def position(*, quantity: str, account: str = "DU1234567", symbol: str = "SPY") -> list[object]:
    """Return a position."""
    return [61, 3, account, 756733, symbol, "STK", "", 0.0, "", "", "", "USD", symbol, symbol, quantity, "450.5"]


def contract_details(request_id: str, symbol: str, *, con_id: int = 756733, version: int = 157) -> list[object]:
    """Return a contractDetails of version 157."""
    head = [10, 8, request_id, symbol, "STK", "", 0.0, "", "SMART", "USD", symbol, symbol, symbol, con_id, "0.01", 100]
    middle = ["", "LMT,MKT", "SMART", 1, 0, symbol, "ARCA", "", "", "", "", "US/Eastern", "", "", "", 0, 0]
    return [*head, *middle, 1, "", "", "26", "", "COMMON"]
