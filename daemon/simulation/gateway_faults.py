"""What the simulated gateway itself can do wrong, as far as a daemon can live through it: its catalogue, with weights.

Each is an entry as a scenario spells it; how many messages or how long it hits is drawn with the fault. Left out is
what the network and the wire of this simulation do already (a connection that is closed, refused or dead, executions
corrected), and what the daemon rightly ends for (a contract that is unknown or ambiguous).
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from daemon.gateway.faults.scenario import Entry, entry

_COMMON, _USUAL, _RARE = 4, 2, 1
_MOST_HITS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFault:
    """One entry of the list."""

    fault: Mapping[str, Any]  # name and parameters
    weight: int
    lasts: bool = False  # for a while; otherwise some messages or requests, or an instant
    counted: bool = False  # `count` says how many
    symbol: str | None = None
    hides_executions: bool = False  # only the broker's list, which ends at midnight, shows them afterwards

    def entry(self, count: int) -> Entry:
        """Return it as the gateway takes it, for `count` messages or until it is ended."""
        what = {**self.fault, "count": min(count, _MOST_HITS)} if self.counted else dict(self.fault)
        return entry({"fault": what} if self.symbol is None else {"fault": what, "when": {"symbol": self.symbol}})


def _all() -> Iterator[tuple[str, GatewayFault]]:
    yield from _orders()
    yield from _fills()
    yield from _snapshots()
    yield from _data()
    yield from _sessions()
    yield from _bytes()


def _orders() -> Iterator[tuple[str, GatewayFault]]:
    for code in (110, 201, 203, 321, 383, 460):
        yield f"order refused {code}", _counted("order_refused", _USUAL if code == 201 else _RARE, code=code)
    for code in (161, 10147, 10148):
        yield f"cancel refused {code}", _counted("cancel_refused", _USUAL, code=code)
    for code in (399, 2109, 10349):
        yield f"order warned {code}", _counted("order_warned", _RARE, code=code)
    yield "gateway read-only", _lasting("read_only", _RARE)
    yield "order unanswered", _lasting("order_unanswered", _USUAL, hides_executions=True)
    yield "order held", _counted("order_held", _USUAL, by=20)
    yield "order inactive", _counted("order_inactive", _USUAL)
    yield "order cancelled by the exchange", _counted("order_cancelled", _COMMON)
    yield "cancel late", _counted("cancel_late", _COMMON, by=5)
    for request in ("PlaceOrder", "CancelOrder"):
        yield f"{request} swallowed", _counted("request_swallowed", _USUAL, request=request)


def _fills() -> Iterator[tuple[str, GatewayFault]]:
    for by in (1, 10, 30):
        yield f"fill {by} s after Cancelled", _counted("fill_after_cancel", _USUAL, by=by, hides_executions=by > 1)
    yield "part filled after Cancelled", _counted("fill_after_cancel", _USUAL, by=3, part="0.5")
    for place in ("before_acknowledgement", "after_status", "after_commission", "without_status"):
        yield f"fill {place.replace('_', ' ')}", _lasting("fill_order", _USUAL, place=place)
    yield "thin book", _lasting("partial_fills", _COMMON)
    for form in ("two_blanks", "utc_dash", "alias"):
        yield f"execution time {form.replace('_', ' ')}", _lasting("execution_time_text", _RARE, form=form)
    for message in ("orderStatus", "execDetails", "commissionReport", "openOrder"):
        yield f"{message} late", _counted("message_delayed", _RARE, message=message, by=4, hides_executions=True)
        yield f"{message} repeated", _counted("message_duplicated", _RARE, message=message, copies=3)


def _snapshots() -> Iterator[tuple[str, GatewayFault]]:
    for message in ("openOrderEnd", "execDetailsEnd", "positionEnd", "completedOrdersEnd"):
        yield f"{message} omitted", _counted("message_dropped", _RARE, message=message, answers=True)
    for request in ("ReqAllOpenOrders", "ReqExecutions", "ReqPositions", "ReqCompletedOrders"):
        yield f"{request} swallowed", _counted("request_swallowed", _RARE, request=request)


def _data() -> Iterator[tuple[str, GatewayFault]]:
    for kind in ("crossed", "zero", "nan", "negative", "infinite", "tenfold", "absent"):
        yield f"quotes {kind}", _lasting("bad_quotes", _RARE, kind=kind)
        if kind not in {"crossed", "absent"}:
            yield f"quotes and bars {kind}", _lasting("bad_quotes", _RARE, kind=kind, bars=True)
    yield "symbol halted", _lasting("symbol_halted", _COMMON, symbol="SPY")
    yield "all symbols halted", _lasting("symbol_halted", _RARE)
    yield "streams stalled", _lasting("stream_stalled", _USUAL)
    yield "bars stalled", _lasting("stream_stalled", _USUAL, streams=["bars"])
    yield "bars missing", _counted("message_dropped", _USUAL, message="realtimeBar")
    yield "bars repeated", _counted("message_duplicated", _USUAL, message="realtimeBar")
    yield "bars late", _counted("message_delayed", _USUAL, message="realtimeBar", by=7)
    yield "bars busted", _instant("bars_busted", _USUAL)
    yield "streams denied", _counted("market_data_denied", _RARE, code=354)
    yield "competing session", _lasting("competing_session", _USUAL)
    yield "delayed data only", _lasting("delayed_data", _RARE)
    for reason in ("pacing", "no_data"):
        yield f"history refused, {reason.replace('_', ' ')}", _counted("history_refused", _RARE, reason=reason)
    for farm in ("market", "history", "secdef"):
        yield f"{farm} farm broken", _lasting("farm_broken", _RARE, farm=farm)
        yield f"{farm} farm broken, requests lost", _lasting("farm_broken", _RARE, farm=farm, requests="lost")
    yield "streams dead after 2104", _lasting("farm_broken", _RARE, farm="market", dead_streams=True)


def _sessions() -> Iterator[tuple[str, GatewayFault]]:
    yield "IB lost, reports late, 1102", _lasting("upstream_lost", _USUAL, hides_executions=True)
    yield "IB lost, reports lost, 1102", _lasting("upstream_lost", _USUAL, reports="lost", hides_executions=True)
    yield (
        "IB lost, all lost, 1101",
        _lasting("upstream_lost", _USUAL, restored=1101, reports="lost", requests="lost", hides_executions=True),
    )
    yield "streams dead after 1102", _lasting("upstream_lost", _RARE, dead_streams=True, hides_executions=True)
    yield "notice 2119", _instant("notice", _RARE, code=2119)
    yield "message flood", _instant("message_flood", _RARE, messages=2000)
    yield "client id in use", _counted("client_id_in_use", _RARE)
    yield "order ids go back", _counted("next_valid_id_back", _USUAL)
    yield "nextValidId omitted", _counted("no_next_valid_id", _RARE)
    yield "managedAccounts omitted", _counted("no_managed_accounts", _RARE)
    yield "clock stands still", _lasting("clock_wrong", _RARE)


def _bytes() -> Iterator[tuple[str, GatewayFault]]:
    for part in ("bytes", "cut", "number", "length"):
        yield f"frame corrupted, {part}", _counted("frame_corrupted", _RARE, part=part, hides_executions=True)
    yield "frames byte by byte", _counted("frames_split", _RARE)
    yield "closed inside a frame", _counted("close_inside_frame", _RARE)
    yield "START_API unanswered", _lasting("version_only", _RARE)
    yield "connected and mute", _lasting("mute", _RARE)
    yield "half-open", _lasting("half_open", _USUAL, hides_executions=True)


def _lasting(
    name: str, weight: int, *, symbol: str | None = None, hides_executions: bool = False, **parameters: Any
) -> GatewayFault:
    return GatewayFault(
        fault={"name": name, **parameters}, weight=weight, lasts=True, symbol=symbol, hides_executions=hides_executions
    )


def _counted(name: str, weight: int, *, hides_executions: bool = False, **parameters: Any) -> GatewayFault:
    return GatewayFault(
        fault={"name": name, **parameters}, weight=weight, counted=True, hides_executions=hides_executions
    )


def _instant(name: str, weight: int, **parameters: Any) -> GatewayFault:
    return GatewayFault(fault={"name": name, **parameters}, weight=weight)


GATEWAY_FAULTS: Final[Mapping[str, GatewayFault]] = dict(_all())


def drawn_gateway_fault(chance: random.Random, *, over_night: bool) -> str:
    """Return the name of one; over night nothing that only a list which ends at midnight makes good."""
    fit = [name for name, fault in GATEWAY_FAULTS.items() if not (over_night and fault.hides_executions)]
    return chance.choices(fit, [GATEWAY_FAULTS[name].weight for name in fit])[0]
