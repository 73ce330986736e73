"""The story's client on ib_insync or ib_async, whichever this venv has: blocking calls, as in their users' scripts."""

import asyncio
import importlib
import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ib_lib: Any = importlib.import_module("ib_async" if importlib.util.find_spec("ib_async") else "ib_insync")

PATIENCE_S = 60.0


class InsyncClient:
    """What the story needs of a client, on ib_insync or ib_async."""

    name = ib_lib.__name__

    def __init__(self, port: int, client_id: int) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)  # the library asks for the current one, and other tests leave none
        self._ib = ib_lib.IB()
        self._errors: list[int] = []
        self._ib.errorEvent += lambda _request, code, _text, _contract: self._errors.append(code)
        self._ib.connect("127.0.0.1", port, clientId=client_id, timeout=PATIENCE_S)
        self._trades: dict[int, Any] = {}

    @property
    def accounts(self) -> list[str]:
        return list(self._ib.managedAccounts())

    @property
    def error_codes(self) -> list[int]:
        return self._errors

    def until(self, look: Callable[[], Any], what: str) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not look():
            if time.monotonic() > ends:
                raise AssertionError(f"waited {PATIENCE_S:g} s for {what}; errors: {self._errors[-3:]}")
            self._ib.sleep(0.02)

    def close(self) -> None:
        self._ib.disconnect()
        self._ib.sleep(0.05)  # the transport closes in the loop's next rounds
        asyncio.set_event_loop(None)
        self._loop.close()

    def contracts(self, **fields: Any) -> list[dict[str, Any]]:
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
            for details in self._ib.reqContractDetails(_contract(fields))
        ]

    def chain(self, symbol: str, con_id: int) -> list[tuple[Any, ...]]:
        return [
            (chain.exchange, chain.tradingClass, chain.multiplier, sorted(chain.expirations), sorted(chain.strikes))
            for chain in self._ib.reqSecDefOptParams(symbol, "", "STK", con_id)
        ]

    def quote(self, **fields: Any) -> dict[str, float]:
        contract = self._qualified(fields)
        ticker = self._ib.reqMktData(contract, "", False, False)
        self.until(lambda: ticker.bid > 0 and ticker.ask > 0 and ticker.bidSize >= 0 and ticker.askSize >= 0, "a quote")
        found = {"bid": ticker.bid, "ask": ticker.ask, "bid_size": ticker.bidSize, "ask_size": ticker.askSize}
        self._ib.cancelMktData(contract)
        return found

    def greeks(self, **fields: Any) -> dict[str, float]:
        contract = self._qualified(fields)
        ticker = self._ib.reqMktData(contract, "", False, False)
        self.until(lambda: ticker.modelGreeks is not None, "the model's greeks")
        model = ticker.modelGreeks
        self._ib.cancelMktData(contract)
        return {
            "volatility": model.impliedVol,
            "delta": model.delta,
            "price": model.optPrice,
            "underlying": model.undPrice,
        }

    def _qualified(self, fields: Mapping[str, Any]) -> Any:
        """Return a contract with its number, without which ib_async subscribes to nothing."""
        (contract,) = self._ib.qualifyContracts(_contract(fields))
        return contract

    def history(self, duration: str, bar_size: str, *, updates: int = 0, **fields: Any) -> list[tuple[float, ...]]:
        bars = self._ib.reqHistoricalData(
            _contract(fields), "", duration, bar_size, "TRADES", True, 2, keepUpToDate=bool(updates)
        )
        found: list[tuple[float, ...]] = [
            (int(bar.date.timestamp()), bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars
        ]
        if updates:
            before = len(bars)
            self.until(lambda: len(bars) >= before + updates - 1, "updates of the bars")
            self._ib.cancelHistoricalData(bars)
        return found

    def next_order_id(self) -> int:
        order_id: int = self._ib.client.getReqId()
        return order_id

    def place(
        self,
        contract: Mapping[str, Any],
        order: Mapping[str, Any],
        *,
        order_id: int = 0,
        legs: Sequence[Mapping[str, Any]] = (),
    ) -> int:
        wanted = ib_lib.Order(**order)
        wanted.orderId = order_id
        trade = self._ib.placeOrder(_contract(contract, legs), wanted)
        self._trades[trade.order.orderId] = trade
        placed: int = trade.order.orderId
        return placed

    def cancel(self, order_id: int) -> None:
        self._ib.cancelOrder(self._trades[order_id].order)

    def statuses(self, order_id: int) -> list[str]:
        statuses = [entry.status for entry in self._trades[order_id].log]
        return [status for place, status in enumerate(statuses) if not place or statuses[place - 1] != status]

    def filled(self, order_id: int) -> float:
        return float(self._trades[order_id].orderStatus.filled)

    def what_if(self, contract: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, float]:
        state = self._ib.whatIfOrder(_contract(contract), ib_lib.Order(**order))
        return {"margin_change": float(state.initMarginChange), "commission": float(state.commission)}

    def open_refs(self) -> list[str]:
        return [trade.order.orderRef for trade in self._ib.reqAllOpenOrders()]

    def executions(self) -> list[dict[str, Any]]:
        told = {fill.execution.execId for fill in self._ib.reqExecutions()}

        def paid() -> dict[str, Any]:  # only the library's own list gets the commissions
            fills = {fill.execution.execId: fill for fill in self._ib.fills()}
            return {key: fills[key] for key in told if fills[key].commissionReport.execId}

        self.until(lambda: paid().keys() == told, "the commissions")
        return [
            {
                "exec_id": fill.execution.execId,
                "ref": fill.execution.orderRef,
                "sec_type": fill.contract.secType,
                "symbol": fill.contract.symbol,
                "side": fill.execution.side,
                "shares": float(fill.execution.shares),
                "price": fill.execution.price,
                "commission": fill.commissionReport.commission,
            }
            for fill in paid().values()
        ]

    def positions(self) -> dict[int, float]:
        return {held.contract.conId: float(held.position) for held in self._ib.reqPositions()}

    def daily_pnl(self, account: str) -> float:
        pnl = self._ib.reqPnL(account)
        self.until(lambda: pnl.dailyPnL == pnl.dailyPnL, "profit and loss")
        self._ib.cancelPnL(account)
        daily: float = pnl.dailyPnL
        return daily


def _contract(fields: Mapping[str, Any], legs: Sequence[Mapping[str, Any]] = ()) -> Any:
    contract = ib_lib.Contract(**fields)
    if legs:
        contract.comboLegs = [ib_lib.ComboLeg(**leg) for leg in legs]
    return contract
