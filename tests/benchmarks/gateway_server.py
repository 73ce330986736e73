"""The other end of the socket: a gateway without a market, which says what it was told to as fast as it can.

Everything it says was encoded by `daemon.gateway.wire` before the clock started. A client that offers lockstep gets an
instant after each five seconds; it acknowledges the first few (the prologue, in which positions are opened) and then
asks for the rest with reqIds, which nobody needs otherwise: our starting gun.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.connection import Connection as Pipe
from typing import Any, Literal

import uvloop

from daemon.gateway.wire import account_responses as ar
from daemon.gateway.wire import hot
from daemon.gateway.wire import order_responses as orders
from daemon.gateway.wire import reference_responses as rr
from daemon.gateway.wire.contract import Contract, ContractDetails
from daemon.gateway.wire.framing import FrameReader, encode_frame, encode_hello, negotiate, parse_handshake
from daemon.gateway.wire.messages import Response
from daemon.gateway.wire.open_order import OpenOrder, OrderState
from daemon.gateway.wire.order import Order
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.requests import encode_request
from daemon.gateway.wire.responses import encode_response
from tests.benchmarks import market

ACCOUNT = "DU1000001"
PROLOGUE = 36  # instants
_PARTS_A_MINUTE = 60 // market.PART_S
_BEFORE_THE_LAST_S = 0.002
_FARMS = ((2104, "Market data farm connection is OK:usfarm"), (2106, "HMDS data farm connection is OK:ushmds"))

Pace = Literal["blast", "streamed", "acknowledged", "minutes"]
AHEAD = 8  # instants a streaming server is ahead of the acknowledgements, so that the socket never runs dry


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a server does for each of its clients, one after the other."""

    symbols: tuple[str, ...]
    instants: int
    pace: Pace  # all at once; a little ahead; one an acknowledgement; a minute's bar each time it is asked for


def serve(pipe: Pipe, script: Script) -> None:
    """Serve until killed; tell the port, and after each client how long its orders took to come (ns)."""
    material = _Material(script)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Session(script, material, pipe), "127.0.0.1", 0
        )
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


class _Material:
    """What can be made ready before anybody connects."""

    def __init__(self, script: Script) -> None:
        self.tails = market.part_tails(script.symbols)[: script.instants]
        self.contracts = {name: _contract(number, name) for number, name in enumerate(script.symbols)}
        self.orders: dict[int, _OrderForms] = {}

    def order_forms(self, version: int) -> "_OrderForms":
        if version not in self.orders:
            self.orders[version] = _OrderForms(version)
        return self.orders[version]


class _Session(asyncio.Protocol):
    """One client."""

    def __init__(self, script: Script, material: _Material, pipe: Pipe) -> None:
        self._script = script
        self._material = material
        self._pipe = pipe
        self._reader = FrameReader()
        self._head: bytes | None = b""
        self._version = 0
        self._is_lockstep = False
        self._bars: dict[str, int] = {}  # request id by symbol
        self._next = 0  # instant
        self._goes = False
        self._executions = 0
        self._last_part_ns = 0
        self._order_ns: list[int] = []
        self._answers: dict[str, Callable[[list[str]], None]] = {
            "71": self._start,
            "61": lambda _: self._say(ar.PositionEnd()),
            "5": lambda _: self._say(orders.OpenOrderEnd()),
            "16": lambda _: self._say(orders.OpenOrderEnd()),
            "99": lambda _: self._say(orders.CompletedOrdersEnd()),
            "6": lambda _: self._say(ar.AccountDownloadEnd(account=ACCOUNT)),
            "76": lambda fields: self._say(ar.AccountUpdateMultiEnd(req_id=int(fields[2]))),
            "7": lambda fields: self._say(orders.ExecDetailsEnd(req_id=int(fields[2]))),
            "9": self._describe,
            "1": self._quote,
            "50": self._subscribe,
            "8": self._go,
            "49": self._acknowledged,
            "3": self._fill,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self._pipe.send(self._order_ns)

    def data_received(self, data: bytes) -> None:
        came_ns = time.monotonic_ns()
        if self._head is not None:
            found = parse_handshake(self._head + data)
            if found is None:
                self._head += data
                return
            self._version, data = negotiate(found[0]), (self._head + data)[found[1] :]
            self._head = None
            zone = "EST" if self._script.pace == "minutes" else "PAPERD"
            self._transport.write(encode_hello(self._version, f"20240305 09:30:00 {zone}"))
        for fields in self._reader.feed(data):
            if fields[0] == "3" and self._last_part_ns:
                self._order_ns.append(came_ns - self._last_part_ns)
            answer = self._answers.get(fields[0])
            if answer is not None:
                answer(fields)

    def _say(self, *responses: Response) -> None:
        self._transport.write(b"".join(encode_frame(encode_response(one, self._version)) for one in responses))

    def _start(self, fields: list[str]) -> None:
        self._is_lockstep = "paperd-lockstep" in fields
        self._say(
            ar.ManagedAccounts(accounts=ACCOUNT),
            ar.NextValidId(order_id=1),
            *(ar.ErrorMessage(subject_id=-1, code=code, text=text) for code, text in _FARMS),
        )
        if self._is_lockstep:
            self._transport.write(hot.current_time_frame(market.session().open_s * 1_000_000))

    def _describe(self, fields: list[str]) -> None:
        request, contract = int(fields[2]), self._material.contracts[fields[4]]
        self._say(
            rr.ContractData(req_id=request, contract=contract, details=ContractDetails(min_tick=0.01)),
            rr.ContractDataEnd(req_id=request),
        )

    def _quote(self, fields: list[str]) -> None:
        request, size = int(fields[2]), Decimal(1_000_000)
        bid, ask = market.quote(fields[4])
        self._transport.write(
            hot.tick_price_frame(request, 1, bid, size=size, version=self._version)
            + hot.tick_price_frame(request, 2, ask, size=size, version=self._version)
        )

    def _subscribe(self, fields: list[str]) -> None:
        self._bars[fields[4]] = int(fields[2])

    def _acknowledged(self, _: list[str]) -> None:
        if self._next < PROLOGUE or (self._goes and self._script.pace in {"acknowledged", "streamed"}):
            self._send(1)

    def _go(self, _: list[str]) -> None:
        self._goes = True
        match self._script.pace:
            case "minutes":
                self._send(_PARTS_A_MINUTE - 1)
                asyncio.get_running_loop().call_later(_BEFORE_THE_LAST_S, self._send_last)
            case "acknowledged" if self._is_lockstep:
                self._send(1)
            case "streamed" if self._is_lockstep:
                self._send(AHEAD)
            case _:
                self._next = max(self._next, PROLOGUE)
                self._send(self._script.instants)

    def _send_last(self) -> None:
        self._send(1)
        self._last_part_ns = time.monotonic_ns()

    def _send(self, count: int) -> None:
        """Send the bars of the next instants in one go."""
        heads = [f"50\x003\0{self._bars[name]}\0" for name in self._script.symbols]
        frames: list[bytes] = []
        stop = min(self._next + count, self._script.instants)
        for step in range(self._next, stop):
            for head, tail in zip(heads, self._material.tails[step], strict=True):
                payload = (head + tail).encode()
                frames.append(len(payload).to_bytes(4, "big"))
                frames.append(payload)
            if self._is_lockstep:
                frames.append(
                    hot.current_time_frame((market.session().open_s + (step + 1) * market.PART_S) * 1_000_000)
                )
        self._next = stop
        self._transport.write(b"".join(frames))

    def _fill(self, fields: list[str]) -> None:
        self._executions += 1
        forms = self._material.order_forms(self._version)
        self._transport.write(forms.answer(fields, self._executions, self._material.contracts))


_MARKS = {"order_id": "778001", "symbol": "MARKSYMBOL", "action": "MARKACTION", "quantity": "778002", "ref": "MARKREF"}


class _OrderForms:
    """The answers to an order with blanks, so that the server does not spend its time in tables."""

    def __init__(self, version: int) -> None:
        self._forms: dict[str, _AnswerForm] = {}
        self._version = version
        order = Order(
            action=_MARKS["action"],
            total_quantity=Decimal(_MARKS["quantity"]),
            order_type="MKT",
            order_ref=_MARKS["ref"],
        )
        request = PlaceOrder(order_id=int(_MARKS["order_id"]), contract=Contract(symbol=_MARKS["symbol"]), order=order)
        fields = encode_request(request, version)
        self._at = {name: fields.index(mark) for name, mark in _MARKS.items()}

    def answer(self, fields: list[str], number: int, contracts: dict[str, Contract]) -> bytes:
        """Return all frames that answer an order: accepted, filled at once, and what it cost."""
        order_id, symbol, action, quantity, ref = (fields[self._at[name]] for name in _MARKS)
        key = f"{symbol} {action}"
        if key not in self._forms:
            self._forms[key] = _AnswerForm(self._version, contracts[symbol], action)
        return self._forms[key].fill(order_id, f"{float(quantity):g}", ref, number)


_BLANKS = {"778001": "order_id", "778002": "quantity", "778003": "perm_id", "778004.0": "cost"}


class _AnswerForm:
    """The answer to orders in one symbol and direction."""

    def __init__(self, version: int, contract: Contract, action: str) -> None:
        bid, ask = market.quote(contract.symbol)
        price = ask if action == "BUY" else bid
        quantity = Decimal(778002)
        order = Order(
            action=action, total_quantity=quantity, order_type="MKT", tif="DAY", account=ACCOUNT, order_ref="778005"
        )
        ids: Any = {"order_id": 778001, "perm_id": 778003, "client_id": 1}
        execution = orders.Execution(
            exec_id="778006",
            time="20240305 09:30:00 US/Eastern",
            account=ACCOUNT,
            exchange="SMART",
            side="BOT" if action == "BUY" else "SLD",
            shares=quantity,
            price=price,
            perm_id=778003,
            client_id=1,
            cum_qty=quantity,
            avg_price=price,
            order_ref="778005",
            last_liquidity=2,
        )
        responses: tuple[Response, ...] = (
            OpenOrder(**ids, contract=contract, order=order, state=OrderState(status="Submitted")),
            orders.OrderStatus(**ids, status="Submitted", filled=Decimal(0), remaining=quantity),
            orders.ExecDetails(order_id=778001, contract=contract, execution=execution),
            orders.OrderStatus(**ids, status="Filled", filled=quantity, remaining=Decimal(0), avg_fill_price=price),
            orders.CommissionReport(exec_id="778006", commission=1.0, currency="USD"),
        )
        self._frames = [_format("\0".join(encode_response(one, version)) + "\0") for one in responses]

    def fill(self, order_id: str, quantity: str, ref: str, number: int) -> bytes:
        blanks = {
            "order_id": order_id,
            "quantity": quantity,
            "perm_id": str(900_000_000 + number),
            "ref": ref,
            "exec_id": f"0000e0d5.{number:08x}.01.01",
        }
        payloads = [frame.format_map(blanks).encode() for frame in self._frames]
        return b"".join(len(payload).to_bytes(4, "big") + payload for payload in payloads)


def _format(text: str) -> str:
    text = text.replace("{", "{{").replace("}", "}}")
    for mark, name in (*_BLANKS.items(), ("778005", "ref"), ("778006", "exec_id")):
        text = text.replace(mark, "{" + name + "}")
    return text


def _contract(number: int, symbol: str) -> Contract:
    return Contract(
        con_id=1000 + number,
        symbol=symbol,
        sec_type="STK",
        exchange="SMART",
        primary_exchange="NYSE",
        currency="USD",
        local_symbol=symbol,
        trading_class=symbol,
    )
