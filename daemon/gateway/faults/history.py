"""Faults of contracts and history: unknown, ambiguous, refused for pace or lack of data, cancelled too late."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Final, Literal

from pydantic import Field

from daemon.gateway.faults.frames import Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Counted, EachFrame, Effect, Fault, Scope
from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.history_requests import CancelHistoricalData, ReqHistoricalData
from daemon.gateway.wire.market_requests import ReqMktData
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.reference_requests import ReqContractDetails
from daemon.gateway.wire.reference_responses import ContractData

_UNKNOWN: Final = "No security definition has been found for the request"
_HISTORY: Final = "Historical Market Data Service error message:"
_PACING: Final = f"{_HISTORY}Historical data request pacing violation"


class _ContractUnknown(Effect["ContractUnknown"]):
    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, ReqContractDetails | ReqMktData | ReqHistoricalData) or not self.scope.hits(link):
            return False
        if not self.scope.wants(self.scope.stage.symbol_of(request.contract)) or not self.strikes():
            return False
        link.error(200, _UNKNOWN, request.req_id)
        return True


class ContractUnknown(Counted):
    """200: contracts that exist are not found, in details, quotes and history."""

    effect: ClassVar = _ContractUnknown
    name: Literal["contract_unknown"] = "contract_unknown"


class _ContractAmbiguous(EachFrame["ContractAmbiguous"]):
    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        if frame.kind != "contractDetails" or not self.scope.hits(link):
            return (frame,)
        version = link.connection.version
        found: ContractData = frame.response(version)
        if not self.scope.wants(found.contract.symbol) or not self.strikes():
            return (frame,)
        other = replace(
            found.contract, con_id=found.contract.con_id + 500_000_000, primary_exchange="IBIS", currency="EUR"
        )
        return (frame, frame.rewritten(version, contract=other))


class ContractAmbiguous(Counted):
    """Contract details come twice, with different conIds: the description fits two instruments."""

    effect: ClassVar = _ContractAmbiguous
    name: Literal["contract_ambiguous"] = "contract_ambiguous"


class PacingRules:
    """IB's three rules for historical requests, per client, in market time. Pure."""

    def __init__(self) -> None:
        self._asked: deque[tuple[float, str, str]] = deque()

    def breaks(self, at_s: float, whole: str, contract: str, *, weight: int = 1) -> bool:
        """Return whether a request breaks a rule: identical in 15 s, six of a contract in 2 s, over 60 in 10 min."""
        while self._asked and self._asked[0][0] <= at_s - 600:
            self._asked.popleft()
        identical = any(text == whole and at_s - then < 15 for then, text, _ in self._asked)
        same = sum(name == contract and at_s - then < 2 for then, _, name in self._asked)
        broken = identical or same + weight > 5 or len(self._asked) + weight > 60
        self._asked.extend([(at_s, whole, contract)] * weight)
        return broken


class _HistoryRefused(Effect["HistoryRefused"]):
    def __init__(self, fault: "HistoryRefused", scope: Scope) -> None:
        super().__init__(fault, scope)
        self._rules: dict[Link, PacingRules] = {}

    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, ReqHistoricalData) or not self.scope.hits(link):
            return False
        symbol = self.scope.stage.symbol_of(request.contract)
        if not self.scope.wants(symbol) or (self.fault.by_rules and not self._breaks(link, request, symbol or "")):
            return False
        if not self.strikes():
            return False
        link.streams.pop(request.req_id, None)
        texts = {
            "pacing": _PACING,
            "no_data": f"{_HISTORY}HMDS query returned no data: {symbol}@SMART {request.what_to_show}",
            "no_permission": f"{_HISTORY}No market data permissions for NYSE STK",
            "cancelled": f"{_HISTORY}API historical data query cancelled: {request.req_id}",
        }
        link.error(162, texts[self.fault.reason], request.req_id)
        return True

    def _breaks(self, link: Link, request: ReqHistoricalData, symbol: str) -> bool:
        rules = self._rules.setdefault(link, PacingRules())
        whole = repr(replace(request, req_id=0))
        weight = 2 if request.what_to_show == "BID_ASK" else 1
        now_s = self.scope.stage.now_us / SECOND_US
        return rules.breaks(now_s, whole, f"{symbol} {request.what_to_show}", weight=weight)


class HistoryRefused(Counted):
    """162 for historical requests: pacing violation (always, or by IB's three rules), no data, no permission."""

    effect: ClassVar = _HistoryRefused
    name: Literal["history_refused"] = "history_refused"
    reason: Literal["pacing", "no_data", "no_permission", "cancelled"] = "pacing"
    by_rules: bool = Field(default=False, description="only what breaks IB's rules for the pace of requests")


class _HistoryQueryUnknown(Effect["HistoryQueryUnknown"]):
    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, CancelHistoricalData) or not self.scope.hits(link) or not self.strikes():
            return False
        self.scope.stage.desk.streams(link.connection).updating.pop(request.req_id, None)
        link.streams.pop(request.req_id, None)
        link.error(366, f"No historical data query found for ticker id:{request.req_id}", request.req_id)
        return True


class HistoryQueryUnknown(Counted):
    """366: cancels of a history are answered as if it had ended before."""

    effect: ClassVar = _HistoryQueryUnknown
    name: Literal["history_query_unknown"] = "history_query_unknown"


HISTORY_FAULTS: tuple[type[Fault], ...] = (ContractUnknown, ContractAmbiguous, HistoryRefused, HistoryQueryUnknown)
