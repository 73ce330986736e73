"""Display groups and the verification of third-party programs: requests and responses of both."""

from dataclasses import dataclass

from daemon.gateway.wire.kinds import ESCAPED, INT, TEXT, WORD_BOOL
from daemon.gateway.wire.messages import Message, Request, Response, message
from daemon.gateway.wire.tables import REQ_ID, each


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest(Request):
    """A program introduces itself."""

    api_name: str
    api_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyMessage(Request):
    """A program answers the challenge."""

    api_data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAndAuthRequest(Request):
    """A program introduces itself and its vendor."""

    api_name: str
    api_version: str
    opaque_isv_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAndAuthMessage(Request):
    """A program answers both challenges."""

    api_data: str
    xyz_response: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDisplayGroups(Request):
    """Ask which groups of linked windows there are."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeToGroupEvents(Request):
    """Follow the contract that a group shows."""

    req_id: int
    group_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDisplayGroup(Request):
    """Make a subscribed group show a contract."""

    req_id: int
    contract_info: str  # conId@exchange, "none", or "combo"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeFromGroupEvents(Request):
    """Follow a group no more."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyMessageApi(Response):
    """The challenge for a program."""

    api_data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyCompleted(Response):
    """Whether a program is accepted."""

    is_successful: bool
    error_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAndAuthMessageApi(Response):
    """The challenges for a program and its vendor."""

    api_data: str
    xyz_challenge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAndAuthCompleted(Response):
    """Whether a program and its vendor are accepted."""

    is_successful: bool
    error_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayGroupList(Response):
    """The groups there are."""

    req_id: int
    groups: str  # numbers joined by |


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayGroupUpdated(Response):
    """What a group shows now."""

    req_id: int
    contract_info: str  # conId@exchange, "none", or "combo"


GROUP_REQUESTS: tuple[Message[Request], ...] = (
    message(65, VerifyRequest, each(TEXT, "api_name", "api_version"), v=1),
    message(66, VerifyMessage, each(TEXT, "api_data"), v=1),
    message(67, QueryDisplayGroups, REQ_ID, v=1),
    message(68, SubscribeToGroupEvents, REQ_ID, each(INT, "group_id"), v=1),
    message(69, UpdateDisplayGroup, REQ_ID, each(TEXT, "contract_info"), v=1),
    message(70, UnsubscribeFromGroupEvents, REQ_ID, v=1),
    message(72, VerifyAndAuthRequest, each(TEXT, "api_name", "api_version", "opaque_isv_key"), v=1),
    message(73, VerifyAndAuthMessage, each(TEXT, "api_data", "xyz_response"), v=1),
)

GROUP_RESPONSES: tuple[Message[Response], ...] = (
    message(65, VerifyMessageApi, each(TEXT, "api_data"), v=1),
    message(66, VerifyCompleted, each(WORD_BOOL, "is_successful"), each(ESCAPED, "error_text"), v=1),
    message(67, DisplayGroupList, REQ_ID, each(TEXT, "groups"), v=1),
    message(68, DisplayGroupUpdated, REQ_ID, each(TEXT, "contract_info"), v=1),
    message(69, VerifyAndAuthMessageApi, each(TEXT, "api_data", "xyz_challenge"), v=1),
    message(70, VerifyAndAuthCompleted, each(WORD_BOOL, "is_successful"), each(ESCAPED, "error_text"), v=1),
)
