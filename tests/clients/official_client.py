"""The story's client on the official ibapi: callbacks on a thread of its own, kept as plain values."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ibapi.client import EClient
from ibapi.commission_report import CommissionReport
from ibapi.common import BarData, TickAttrib
from ibapi.contract import ComboLeg, Contract, ContractDetails
from ibapi.execution import Execution, ExecutionFilter
from ibapi.order import Order
from ibapi.order_state import OrderState
from ibapi.wrapper import EWrapper

PATIENCE_S = 60.0
_PRICE_TICKS = {1: "bid", 2: "ask", 4: "last", 66: "bid", 67: "ask", 68: "last"}
_SIZE_TICKS = {0: "bid_size", 3: "ask_size", 69: "bid_size", 70: "ask_size"}
_MODEL_TICK = 13


class _Wrapper(EWrapper):  # type: ignore[misc]  # ibapi ships no types
    """Files what the gateway tells."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Condition()
        self.next_id = 0
        self.accounts: list[str] = []
        self.errors: list[tuple[int, int, str]] = []
        self.ended: set[tuple[str, int]] = set()
        self.rows: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self.quotes: dict[int, dict[str, float]] = defaultdict(dict)
        self.greeks: dict[int, dict[str, float]] = {}
        self.statuses: dict[int, list[str]] = defaultdict(list)
        self.filled: dict[int, float] = {}
        self.what_if: dict[int, OrderState] = {}
        self.executions: dict[str, tuple[Contract, Execution]] = {}
        self.commissions: dict[str, float] = {}
        self.pnl_rows: dict[int, tuple[float, ...]] = {}
        self.bar_updates: dict[int, list[int]] = defaultdict(list)

    def _note(self) -> None:
        with self.heard:
            self.heard.notify_all()

    def _end(self, what: str, request: int) -> None:
        self.ended.add((what, request))
        self._note()

    def nextValidId(self, orderId: int) -> None:
        self.next_id = max(self.next_id, orderId)
        self._note()

    def managedAccounts(self, accountsList: str) -> None:
        self.accounts = [name for name in accountsList.split(",") if name]
        self._note()

    def error(self, reqId: int, errorCode: int, errorString: str) -> None:
        self.errors.append((reqId, errorCode, errorString))
        self._note()

    def contractDetails(self, reqId: int, contractDetails: ContractDetails) -> None:
        self.rows["contracts", reqId].append(contractDetails)

    def contractDetailsEnd(self, reqId: int) -> None:
        self._end("contracts", reqId)

    def securityDefinitionOptionParameter(
        self,
        reqId: int,
        exchange: str,
        underlyingConId: int,
        tradingClass: str,
        multiplier: str,
        expirations: Any,
        strikes: Any,
    ) -> None:
        row = (exchange, tradingClass, multiplier, sorted(expirations), sorted(strikes))
        self.rows["chain", reqId].append(row)

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:
        self._end("chain", reqId)

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: TickAttrib) -> None:
        name = _PRICE_TICKS.get(tickType)
        if name is not None:
            self.quotes[reqId][name] = price
            self._note()

    def tickSize(self, reqId: int, tickType: int, size: int) -> None:
        name = _SIZE_TICKS.get(tickType)
        if name is not None:
            self.quotes[reqId][name] = size
            self._note()

    def tickOptionComputation(
        self,
        reqId: int,
        tickType: int,
        tickAttrib: int,
        impliedVol: float,
        delta: float,
        optPrice: float,
        pvDividend: float,
        gamma: float,
        vega: float,
        theta: float,
        undPrice: float,
    ) -> None:
        if tickType == _MODEL_TICK:
            self.greeks[reqId] = {"volatility": impliedVol, "delta": delta, "price": optPrice, "underlying": undPrice}
            self._note()

    def historicalData(self, reqId: int, bar: BarData) -> None:
        self.rows["bars", reqId].append(bar)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        self._end("bars", reqId)

    def historicalDataUpdate(self, reqId: int, bar: BarData) -> None:
        self.bar_updates[reqId].append(int(bar.date))
        self._note()

    def openOrder(self, orderId: int, contract: Contract, order: Order, orderState: OrderState) -> None:
        if order.whatIf:
            self.what_if[orderId] = orderState
        self.rows["open", 0].append((orderId, order.orderRef, order.permId))
        self._note()

    def openOrderEnd(self) -> None:
        self._end("open", 0)

    def orderStatus(
        self,
        orderId: int,
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,
        permId: int,
        parentId: int,
        lastFillPrice: float,
        clientId: int,
        whyHeld: str,
        mktCapPrice: float,
    ) -> None:
        if not self.statuses[orderId] or self.statuses[orderId][-1] != status:
            self.statuses[orderId].append(status)
        self.filled[orderId] = float(filled)
        self._note()

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:
        self.executions[execution.execId] = (contract, execution)
        self.rows["executions", reqId].append((contract, execution))
        self._note()

    def execDetailsEnd(self, reqId: int) -> None:
        self._end("executions", reqId)

    def commissionReport(self, commissionReport: CommissionReport) -> None:
        self.commissions[commissionReport.execId] = commissionReport.commission
        self._note()

    def position(self, account: str, contract: Contract, position: float, avgCost: float) -> None:
        self.rows["positions", 0].append((contract, float(position)))

    def positionEnd(self) -> None:
        self._end("positions", 0)

    def pnl(self, reqId: int, dailyPnL: float, unrealizedPnL: float, realizedPnL: float) -> None:
        self.pnl_rows[reqId] = (dailyPnL, unrealizedPnL, realizedPnL)
        self._note()


class OfficialClient:
    """What the story needs of a client, on `ibapi`."""

    name = "ibapi"

    def __init__(self, port: int, client_id: int) -> None:
        self._wrapper = _Wrapper()
        self._client = EClient(self._wrapper)
        self._client.connect("127.0.0.1", port, client_id)
        self._thread = threading.Thread(target=self._client.run, name="ibapi", daemon=True)
        self._thread.start()
        self.until(lambda: self._wrapper.next_id and self._wrapper.accounts, "the connection")
        self._request = 1_000_000

    @property
    def accounts(self) -> list[str]:
        return self._wrapper.accounts

    @property
    def error_codes(self) -> list[int]:
        return [code for _, code, _ in self._wrapper.errors]

    def until(self, look: Callable[[], Any], what: str) -> None:
        ends = time.monotonic() + PATIENCE_S
        with self._wrapper.heard:
            while not look():
                if not self._wrapper.heard.wait(timeout=0.05) and time.monotonic() > ends:
                    raise AssertionError(f"waited {PATIENCE_S:g} s for {what}; errors: {self._wrapper.errors[-3:]}")

    def close(self) -> None:
        self._client.disconnect()
        self._thread.join(10)

    def contracts(self, **fields: Any) -> list[dict[str, Any]]:
        request = self._next_request()
        self._client.reqContractDetails(request, _contract(fields))
        self._finish("contracts", request)
        return [
            {
                "con_id": details.contract.conId,
                "symbol": details.contract.symbol,
                "local_symbol": details.contract.localSymbol,
                "strike": details.contract.strike,
                "right": details.contract.right,
                "expiry": details.contract.lastTradeDateOrContractMonth,
                "min_tick": details.minTick,
            }
            for details in self._wrapper.rows["contracts", request]
        ]

    def chain(self, symbol: str, con_id: int) -> list[tuple[Any, ...]]:
        request = self._next_request()
        self._client.reqSecDefOptParams(request, symbol, "", "STK", con_id)
        self._finish("chain", request)
        return self._wrapper.rows["chain", request]

    def quote(self, **fields: Any) -> dict[str, float]:
        request = self._next_request()
        quote = self._wrapper.quotes[request]
        self._client.reqMktData(request, _contract(fields), "", False, False, [])
        self.until(lambda: {"bid", "ask", "bid_size", "ask_size"} <= quote.keys() and quote["bid"] > 0, "a quote")
        found = dict(quote)
        self._client.cancelMktData(request)
        return found

    def greeks(self, **fields: Any) -> dict[str, float]:
        request = self._next_request()
        self._client.reqMktData(request, _contract(fields), "", False, False, [])
        self.until(lambda: request in self._wrapper.greeks, "the model's greeks")
        self._client.cancelMktData(request)
        return self._wrapper.greeks[request]

    def history(self, duration: str, bar_size: str, *, updates: int = 0, **fields: Any) -> list[tuple[float, ...]]:
        request = self._next_request()
        self._client.reqHistoricalData(
            request, _contract(fields), "", duration, bar_size, "TRADES", 1, 2, bool(updates), []
        )
        self._finish("bars", request)
        if updates:
            starts = self._wrapper.bar_updates[request]
            self.until(lambda: len(set(starts)) >= updates, "updates of the bars")
            self._client.cancelHistoricalData(request)
        return [
            (int(bar.date), bar.open, bar.high, bar.low, bar.close, bar.volume)
            for bar in self._wrapper.rows["bars", request]
        ]

    def next_order_id(self) -> int:
        self._wrapper.next_id += 1
        return self._wrapper.next_id - 1

    def place(
        self,
        contract: Mapping[str, Any],
        order: Mapping[str, Any],
        *,
        order_id: int = 0,
        legs: Sequence[Mapping[str, Any]] = (),
    ) -> int:
        order_id = order_id or self.next_order_id()
        self._client.placeOrder(order_id, _contract(contract, legs), _order(order))
        return order_id

    def cancel(self, order_id: int) -> None:
        self._client.cancelOrder(order_id)

    def statuses(self, order_id: int) -> list[str]:
        return list(self._wrapper.statuses[order_id])

    def filled(self, order_id: int) -> float:
        return self._wrapper.filled.get(order_id, 0.0)

    def what_if(self, contract: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, float]:
        order_id = self.place(contract, {**order, "whatIf": True})
        self.until(lambda: order_id in self._wrapper.what_if, "the answer to the what-if")
        state = self._wrapper.what_if[order_id]
        return {"margin_change": float(state.initMarginChange), "commission": float(state.commission)}

    def open_refs(self) -> list[str]:
        self._wrapper.rows["open", 0].clear()
        self._wrapper.ended.discard(("open", 0))
        self._client.reqAllOpenOrders()
        self._finish("open", 0)
        return [ref for _, ref, _ in self._wrapper.rows["open", 0]]

    def executions(self) -> list[dict[str, Any]]:
        request = self._next_request()
        self._client.reqExecutions(request, ExecutionFilter())
        self._finish("executions", request)
        found = self._wrapper.rows["executions", request]
        self.until(lambda: all(one.execId in self._wrapper.commissions for _, one in found), "the commissions")
        return [
            {
                "exec_id": one.execId,
                "ref": one.orderRef,
                "sec_type": contract.secType,
                "symbol": contract.symbol,
                "side": one.side,
                "shares": float(one.shares),
                "price": one.price,
                "commission": self._wrapper.commissions[one.execId],
            }
            for contract, one in found
        ]

    def positions(self) -> dict[int, float]:
        self._wrapper.rows["positions", 0].clear()
        self._wrapper.ended.discard(("positions", 0))
        self._client.reqPositions()
        self._finish("positions", 0)
        self._client.cancelPositions()
        return {contract.conId: held for contract, held in self._wrapper.rows["positions", 0]}

    def daily_pnl(self, account: str) -> float:
        request = self._next_request()
        self._client.reqPnL(request, account, "")
        self.until(lambda: request in self._wrapper.pnl_rows, "profit and loss")
        self._client.cancelPnL(request)
        return self._wrapper.pnl_rows[request][0]

    def _next_request(self) -> int:
        self._request += 1
        return self._request

    def _finish(self, what: str, request: int) -> None:
        def done() -> bool:
            refused = any(asked == request for asked, _, _ in self._wrapper.errors)
            return refused or (what, request) in self._wrapper.ended

        self.until(done, f"the end of {what}")


def _contract(fields: Mapping[str, Any], legs: Sequence[Mapping[str, Any]] = ()) -> Contract:
    contract = Contract()
    vars(contract).update(fields)
    if legs:
        contract.comboLegs = []
        for leg in legs:
            combo_leg = ComboLeg()
            vars(combo_leg).update(leg)
            contract.comboLegs.append(combo_leg)
    return contract


def _order(fields: Mapping[str, Any]) -> Order:
    order = Order()
    vars(order).update({"eTradeOnly": False, "firmQuoteOnly": False, **fields})
    return order
