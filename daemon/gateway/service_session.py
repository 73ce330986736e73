"""Requests about the login, and about services this gateway has no subscription for: they get IB's refusals."""

from typing import Any, Final

from daemon.gateway.connection import NO_ID, Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.subscriptions import UNKNOWN_CONTRACT
from daemon.gateway.wire.account_responses import FamilyCode, FamilyCodes, SoftDollarTiers, UserInfo
from daemon.gateway.wire.group_messages import DisplayGroupList, QueryDisplayGroups
from daemon.gateway.wire.history_responses import NewsProviders
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.reference_requests import ReqFundamentalData
from daemon.gateway.wire.session_requests import (
    ReplaceFA,
    ReqFamilyCodes,
    ReqNewsProviders,
    ReqSoftDollarTiers,
    RequestFA,
    ReqUserInfo,
    SetServerLogLevel,
)

_LOG_LEVELS: Final = range(1, 6)
_NO_ADVISOR: Final = "FA data operations ignored for non FA customers."
_NO_NEWS: Final = "News feed is not allowed."
_NO_FUNDAMENTALS: Final = (
    "We are sorry, but fundamentals data for the security specified is not available.failed to fetch"
)
_NOT_VERIFIED: Final = "Intent to authenticate needs to be expressed during initial connect request."


class SessionDesk:
    """Answers that need no market."""

    def __init__(self, contracts: Contracts, account: str) -> None:
        self._contracts = contracts
        self._account = account

    def family_codes(self, connection: Connection, request: ReqFamilyCodes) -> None:
        """Say that the account belongs to no family."""
        del request
        connection.respond(FamilyCodes(codes=(FamilyCode(account=self._account, code=""),)))

    def soft_dollar_tiers(self, connection: Connection, request: ReqSoftDollarTiers) -> None:
        """Say that there are no tiers."""
        connection.respond(SoftDollarTiers(req_id=request.req_id, tiers=()))

    def user_info(self, connection: Connection, request: ReqUserInfo) -> None:
        """Say that the login has no brand of its own."""
        connection.respond(UserInfo(req_id=request.req_id, white_branding_id=""))

    def log_level(self, connection: Connection, request: SetServerLogLevel) -> None:
        """Take a level; what this gateway logs is chosen where it is started."""
        if request.level not in _LOG_LEVELS:
            text = f"Error validating request.-'logLevel' : cause - Must be from 1 to 5, was {request.level}."
            connection.error(NO_ID, 321, text)

    def news_providers(self, connection: Connection, request: ReqNewsProviders) -> None:
        """Say that there are none."""
        del request
        connection.respond(NewsProviders(providers=()))

    def no_news(self, connection: Connection, request: Any) -> None:
        """Refuse an article, headlines or an event calendar."""
        connection.error(request.req_id, 10276, _NO_NEWS)

    def no_events(self, connection: Connection, request: Any) -> None:
        """Refuse events: their catalogue must be asked for first, and is never had."""
        connection.error(request.req_id, 10282, "WSH metadata not requested")

    def no_catalogue_to_cancel(self, connection: Connection, request: Any) -> None:
        """Refuse to take back what was never had."""
        connection.error(request.req_id, 10280, "Failed to cancel request WSH meta data")

    def no_events_to_cancel(self, connection: Connection, request: Any) -> None:
        """Refuse to take back what was never had."""
        connection.error(request.req_id, 10284, "Failed to cancel request WSH event data")

    def fundamentals(self, connection: Connection, request: ReqFundamentalData) -> None:
        """Refuse a report: there is none of a simulated company."""
        if self._contracts.find(request.contract) is None:
            connection.error(request.req_id, 200, UNKNOWN_CONTRACT)
        else:
            connection.error(request.req_id, 430, _NO_FUNDAMENTALS)

    def read_advisor(self, connection: Connection, request: RequestFA) -> None:
        """Refuse: the account is no advisor's."""
        del request
        connection.error(NO_ID, 321, f"Error validating request.-'faDataType' : cause - {_NO_ADVISOR}")

    def write_advisor(self, connection: Connection, request: ReplaceFA) -> None:
        """Refuse: the account is no advisor's."""
        connection.error(request.req_id, 321, f"Error validating request.-'faDataType' : cause - {_NO_ADVISOR}")

    def display_groups(self, connection: Connection, request: QueryDisplayGroups) -> None:
        """Say that a gateway has no windows."""
        connection.respond(DisplayGroupList(req_id=request.req_id, groups=""))

    def no_display_group(self, connection: Connection, request: Any) -> None:
        """Refuse: there is no such group."""
        connection.error(request.req_id, 321, "Error validating request.-'groupId' : cause - Invalid display group.")

    def no_verification(self, connection: Connection, request: Request) -> None:
        """Refuse to verify a program."""
        text = f"Error validating request.-'{type(request).__name__}' : cause - {_NOT_VERIFIED}"
        connection.error(NO_ID, 321, text)

    def nothing(self, connection: Connection, request: Request) -> None:
        """Take a request that has no answer and no effect here."""
