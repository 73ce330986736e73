"""One story, told word for word by ib_insync, ib_async and the official ibapi, and compared with the gateway's ledger.

Nothing of paperd is imported. The chapters are one test: each goes on with the account as the last left it.
"""

from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.clients.gateway_program import ACCOUNT, Gateway

SPY = {"symbol": "SPY", "secType": "STK", "exchange": "SMART", "currency": "USD"}
QQQ = {**SPY, "symbol": "QQQ"}
REJECTED, CANCELLED, UNKNOWN_CONTRACT, OFF_TICK = 201, 202, 200, 110


def near_call(client: Any) -> dict[str, Any]:
    """Return a call of SPY near the money that expires in some weeks."""
    (spy,) = client.contracts(**SPY)
    (chain, *_) = [row for row in client.chain("SPY", spy["con_id"]) if row[0] == "SMART"]
    _, trading_class, multiplier, expirations, strikes = chain
    middle = client.quote(**SPY)["bid"]
    return {
        "symbol": "SPY", "secType": "OPT", "exchange": "SMART", "currency": "USD", "right": "C",
        "lastTradeDateOrContractMonth": expirations[min(3, len(expirations) - 1)],
        "strike": min(strikes, key=lambda strike: abs(strike - middle)),
        "multiplier": multiplier, "tradingClass": trading_class,
    }  # fmt: skip


def connects_and_names_the_account(client: Any, gateway: Gateway) -> None:
    assert client.accounts == [ACCOUNT]


def contracts_are_found(client: Any, gateway: Gateway) -> None:
    (spy,) = client.contracts(**SPY)
    assert spy["con_id"] > 0
    assert (spy["symbol"], spy["min_tick"]) == ("SPY", 0.01)
    assert client.contracts(**{**SPY, "symbol": "NOPE"}) == []
    assert UNKNOWN_CONTRACT in client.error_codes


def quotes_come(client: Any, gateway: Gateway) -> None:
    quote = client.quote(**SPY)
    assert 0 < quote["bid"] < quote["ask"] < 1.01 * quote["bid"]


def history_with_updates(client: Any, gateway: Gateway) -> None:
    bars = client.history("1800 S", "1 min", updates=3, **SPY)
    starts = [bar[0] for bar in bars]
    assert starts == sorted(set(starts))
    assert {later - earlier for earlier, later in pairwise(starts)} <= {60, *range(3600, 400_000)}
    assert all(low <= min(opened, close) <= max(opened, close) <= high for _, opened, high, low, close, _ in bars)


def option_chain_and_greeks(client: Any, gateway: Gateway) -> None:
    option = near_call(client)
    (call,) = client.contracts(**option)
    assert (call["strike"], call["right"]) == (option["strike"], "C")
    assert len(call["local_symbol"]) == 21
    every_strike = client.contracts(**{key: value for key, value in option.items() if key != "strike"})
    assert len(every_strike) > 10
    model = client.greeks(**option)
    assert 0.02 < model["volatility"] < 2
    assert 0.3 < model["delta"] < 0.7
    assert 0 < model["price"] < model["underlying"]


def market_order_fills(client: Any, gateway: Gateway) -> None:
    order = {"action": "BUY", "totalQuantity": 100, "orderType": "MKT", "orderRef": "market", "transmit": True}
    order_id = client.place(SPY, order)
    client.until(lambda: client.filled(order_id) == 100, "the fill")
    client.until(lambda: client.statuses(order_id)[-1] == "Filled", "the status")


def large_order_fills_in_parts(client: Any, gateway: Gateway) -> None:
    order = {"action": "BUY", "totalQuantity": 1500, "orderType": "MKT", "orderRef": "parts", "transmit": True}
    order_id = client.place(QQQ, order)
    client.until(lambda: client.filled(order_id) == 1500, "the last part")
    parts = [one for one in client.executions() if one["ref"] == "parts"]
    assert len(parts) > 1
    assert sum(one["shares"] for one in parts) == 1500


def bracket(client: Any, gateway: Gateway) -> None:
    ask = client.quote(**SPY)["ask"]
    parent = client.next_order_id()
    profit, loss = client.next_order_id(), client.next_order_id()
    entry = {"action": "BUY", "totalQuantity": 10, "orderType": "MKT", "orderRef": "entry", "transmit": False}
    leave = {"action": "SELL", "totalQuantity": 10, "parentId": parent}
    client.place(SPY, entry, order_id=parent)
    take = {"orderType": "LMT", "lmtPrice": round(ask * 1.2, 2), "orderRef": "profit", "transmit": False}
    client.place(SPY, {**leave, **take}, order_id=profit)
    stop = {"orderType": "STP", "auxPrice": round(ask * 0.8, 2), "orderRef": "loss", "transmit": True}
    client.place(SPY, {**leave, **stop}, order_id=loss)
    client.until(lambda: client.filled(parent) == 10, "the entry")
    client.until(lambda: client.statuses(profit)[-1:] == ["Submitted"], "the profit taker at work")
    client.until(lambda: client.statuses(loss)[-1:] == ["PreSubmitted"], "the stop that waits for its price")
    at_once = {**leave, **take, "lmtPrice": round(ask * 0.98, 2), "transmit": True}
    client.place(SPY, at_once, order_id=profit)
    client.until(lambda: client.filled(profit) == 10, "the profit taker, changed to a price that is there")
    client.until(lambda: client.statuses(loss)[-1] == "Cancelled", "the stop, which goes with it")


def combo(client: Any, gateway: Gateway) -> None:
    option = near_call(client)
    strikes = sorted(row["strike"] for row in client.contracts(**{**option, "strike": 0.0}))
    upper = {**option, "strike": strikes[strikes.index(option["strike"]) + 5]}
    (near,), (far,) = client.contracts(**option), client.contracts(**upper)
    legs = [
        {"conId": near["con_id"], "ratio": 1, "action": "BUY", "exchange": "SMART"},
        {"conId": far["con_id"], "ratio": 1, "action": "SELL", "exchange": "SMART"},
    ]
    bag = {"symbol": "SPY", "secType": "BAG", "exchange": "SMART", "currency": "USD"}
    cost = client.quote(**option)["ask"] - client.quote(**upper)["bid"]
    order = {
        "action": "BUY", "totalQuantity": 2, "orderType": "LMT", "lmtPrice": round(cost + 0.5, 2),
        "orderRef": "spread", "transmit": True,
    }  # fmt: skip
    order_id = client.place(bag, order, legs=legs)
    client.until(lambda: client.filled(order_id) == 2, "the spread")
    by_type = defaultdict(list)
    for one in client.executions():
        if one["ref"] == "spread":
            by_type[one["sec_type"]].append(one)
    signed = [one["shares"] * (1 if one["side"] == "BOT" else -1) for one in by_type["OPT"]]
    assert (sum(filter(lambda shares: shares > 0, signed)), sum(signed)) == (2, 0)  # in one part or two
    assert sum(one["shares"] for one in by_type["BAG"]) == 2
    paid = sum(one["price"] * shares for one, shares in zip(by_type["OPT"], signed, strict=True))
    assert paid / 2 <= order["lmtPrice"] + 1e-9
    held = client.positions()
    assert (held[near["con_id"]], held[far["con_id"]]) == (2, -2)


def limit_order_rests_and_is_cancelled(client: Any, gateway: Gateway) -> None:
    low = round(client.quote(**SPY)["bid"] * 0.9, 2)
    order = {
        "action": "BUY", "totalQuantity": 5, "orderType": "LMT", "lmtPrice": low, "orderRef": "low", "transmit": True,
    }  # fmt: skip
    order_id = client.place(SPY, order)
    client.until(lambda: client.statuses(order_id)[-1:] == ["Submitted"], "the acknowledgement")
    assert "low" in client.open_refs()
    client.cancel(order_id)
    client.until(lambda: client.statuses(order_id)[-1] == "Cancelled", "the cancel")
    assert CANCELLED in client.error_codes
    assert "low" not in client.open_refs()


def refusals(client: Any, gateway: Gateway) -> None:
    off_tick = {"action": "BUY", "totalQuantity": 5, "orderType": "LMT", "lmtPrice": 100.001, "orderRef": "off"}
    client.place(SPY, {**off_tick, "transmit": True})
    client.until(lambda: OFF_TICK in client.error_codes, "the refusal of the price")
    too_much = {"action": "BUY", "totalQuantity": 10_000_000, "orderType": "MKT", "orderRef": "rich", "transmit": True}
    client.place(SPY, too_much)
    client.until(lambda: REJECTED in client.error_codes, "the refusal of the size")
    assert not {"off", "rich"} & set(client.open_refs())


def what_if(client: Any, gateway: Gateway) -> None:
    order = {"action": "BUY", "totalQuantity": 100, "orderType": "MKT", "orderRef": "if", "transmit": True}
    answer = client.what_if(SPY, order)
    assert answer["margin_change"] > 0
    assert answer["commission"] > 0
    assert "if" not in {one["ref"] for one in client.executions()}


def profit_and_loss(client: Any, gateway: Gateway) -> None:
    assert abs(client.daily_pnl(ACCOUNT)) < 1_000_000


def results_are_those_of_the_ledger(client: Any, gateway: Gateway) -> None:
    told = {
        one["exec_id"]: (one["ref"], *(Decimal(str(one[part])) for part in ("shares", "price", "commission")))
        for one in client.executions()
    }
    booked = {
        exec_id: (ref, *map(Decimal, figures))
        for exec_id, ref, *figures in gateway.rows(
            "SELECT exec_id, order_ref, quantity, price, commission FROM execution"
        )
    }
    assert told == booked
    assert {ref for ref, *_ in told.values()} == {"market", "parts", "entry", "profit", "spread"}
    held = [Decimal(str(quantity)) for quantity in client.positions().values()]
    kept = [Decimal(quantity) for (quantity,) in gateway.rows("SELECT quantity FROM position")]
    assert sorted(filter(None, held)) == sorted(filter(None, kept))


STORY = (
    connects_and_names_the_account,
    contracts_are_found,
    quotes_come,
    history_with_updates,
    option_chain_and_greeks,
    market_order_fills,
    large_order_fills_in_parts,
    bracket,
    combo,
    limit_order_rests_and_is_cancelled,
    refusals,
    what_if,
    profit_and_loss,
    results_are_those_of_the_ledger,
)


def test_story(client: Any, gateway: Gateway) -> None:
    for chapter in STORY:
        chapter(client, gateway)
