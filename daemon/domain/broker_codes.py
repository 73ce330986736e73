"""What IB's numbered errors and notices mean for an order, a request or the connection. Data only: nothing acts here.

The library that delivers these codes draws wrong conclusions from several of them (it calls an order cancelled that
lives on), so the executor and the IB adapter both judge by this table. Sources: IBKR's message code page and the
threads named in docs; where they disagree, the careful reading was taken: a code that may leave an order alive is
ORDER_UNKNOWN, which means "ask the broker", never "dead".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class CodeKind(StrEnum):
    """What has to be done about a code."""

    NOTICE = "NOTICE"  # nothing
    ORDER_REJECTED = "ORDER_REJECTED"  # a new order with that id does not exist at the broker
    ORDER_CANCELLED = "ORDER_CANCELLED"  # the rest of the order is gone
    ORDER_LIVE = "ORDER_LIVE"  # a remark; the order lives
    ORDER_UNKNOWN = "ORDER_UNKNOWN"  # the order may or may not live: reconcile
    CANCEL_REFUSED = "CANCEL_REFUSED"  # the cancel had no effect; why is found in executions and open orders
    CONNECTION = "CONNECTION"  # about the connection as a whole
    DATA = "DATA"  # about a stream of market data
    REQUEST = "REQUEST"  # about one request for information


@dataclass(frozen=True, slots=True)
class BrokerCode:
    """One code."""

    kind: CodeKind
    meaning: str
    cure: str  # what a person or the daemon does about it; empty where nothing is to be done


_TABLE: Final[dict[int, BrokerCode]] = {}


def _add(kind: CodeKind, *rows: tuple[int, str, str]) -> None:
    _TABLE.update({code: BrokerCode(kind, meaning, cure) for code, meaning, cure in rows})


_add(
    CodeKind.ORDER_REJECTED,
    (110, "the price is no multiple of the instrument's tick", "round prices to the tick size"),
    (200, "no security is known by this description, or several are", "check symbol, exchange and currency"),
    (201, "the order was rejected", "read the reason in the text; do not send it again unchanged"),
    (203, "the security is not available or not allowed for this account", "check the account's trading permissions"),
    (382, "the price violates the gateway's price limits", "check the price, or the presets in the gateway"),
    (383, "the size violates the gateway's size limit", "raise the limit in the gateway's presets, or order less"),
    (387, "the order type is not supported for this exchange and security", "use another order type"),
    (388, "the order is smaller than the minimum", "order more"),
    (434, "the order size must not be zero", "order at least one unit"),
    (451, "the value of the order violates the gateway's limit", "raise the limit in the gateway's presets"),
    (460, "no trading permissions for this security", "ask for the permission in IBKR's account management"),
    (481, "the order size was refused", "read the reason in the text"),
    (10318, "this order does not support fractional quantities", "order whole units"),
)
_add(CodeKind.ORDER_CANCELLED, (202, "the order was cancelled", ""))
_add(
    CodeKind.ORDER_LIVE,
    (399, "a remark about the order, such as being held until the market opens", ""),
    (404, "shares for the short sale are being located; the order is held", ""),
    (2109, "the outside-trading-hours flag was ignored", ""),
    (10349, "the time in force was set by a preset; the order lives", ""),
)
_add(
    CodeKind.ORDER_UNKNOWN,
    (103, "the order id was used before", "ask the broker what that id is; take ids above nextValidId"),
    (104, "a filled order cannot be modified", "compare with the broker's executions"),
    (105, "the modification does not match the order", "compare with the broker's open orders"),
    (
        321,
        "the request failed validation: a wrong account, a read-only API, a bad value",
        "read the text; if it says read-only, untick 'Read-Only API' in the gateway's API settings",
    ),
    (463, "the order needs an attribute that was not given", "compare with the broker's open orders"),
    (10311, "an order straight to an exchange was held by a precaution", "compare with the broker's open orders"),
)
_add(
    CodeKind.CANCEL_REFUSED,
    (135, "the broker does not know this order id for this client", "look for the order in executions first"),
    (161, "the order is in no state that can be cancelled", "look for the order in executions first"),
    (10147, "the order to be cancelled was not found", "look for the order in executions first"),
    (10148, "the order can no longer be cancelled", "look for the order in executions first"),
)
_add(
    CodeKind.CONNECTION,
    (100, "more than 50 messages a second", "lower ib.messages_per_second"),
    (326, "the client id is in use", "end the other program that uses this client id, or give one of them another id"),
    (501, "already connected", "reconnect"),
    (502, "could not connect to the gateway", "start IB Gateway and enable its API"),
    (503, "the gateway is too old", "update IB Gateway"),
    (504, "not connected", "wait for the reconnect"),
    (506, "the gateway speaks another version of the protocol", "update IB Gateway"),
    (507, "the gateway could not read a message, or the client id is in use", "reconnect"),
    (508, "the gateway got a message it cannot make sense of", "reconnect"),
    (509, "the socket failed", "reconnect"),
    (1100, "the gateway has lost its connection to IB", "wait: orders at the exchange go on"),
    (1101, "the gateway is connected to IB again, subscriptions were lost", ""),
    (1102, "the gateway is connected to IB again, subscriptions were kept", ""),
    (1300, "the gateway's port was changed", "set ib.port to the new port"),
    (2110, "the gateway has lost its connection to IB and is restoring it", "wait: orders at the exchange go on"),
)
_add(
    CodeKind.DATA,
    (101, "all market data lines are in use", "subscribe to fewer instruments, or buy more lines at IBKR"),
    (354, "this market data is not subscribed to", "subscribe at IBKR, or set ib.market_data_type to 3 (delayed)"),
    (420, "too many requests for real-time bars, or no permission for them", "wait ten minutes; check subscriptions"),
    (10089, "this market data needs an additional subscription for the API", "subscribe at IBKR, or use delayed data"),
    (10090, "part of this market data is not subscribed to", "subscribe at IBKR, or use delayed data"),
    (10091, "part of this market data needs an additional subscription", "subscribe at IBKR, or use delayed data"),
    (10168, "not subscribed, and delayed data is not enabled", "set ib.market_data_type to 3 (delayed)"),
    (10186, "not subscribed, and delayed data is not enabled", "set ib.market_data_type to 3 (delayed)"),
    (10189, "tick-by-tick data is not permitted", "subscribe at IBKR"),
    (10190, "too many tick-by-tick requests", "subscribe to fewer instruments"),
    (10197, "another session of this login has the market data", "log out of the other session"),
    (10225, "a bust event ended the real-time bars", ""),
)
_add(
    CodeKind.REQUEST,
    (102, "the request id was used before", ""),
    (162, "the historical data service answered with an error", "read the text"),
    (300, "no such ticker", ""),
    (322, "the request could not be processed, for example too many account summaries", "read the text"),
    (366, "no historical request with that id is running", ""),
    (505, "the gateway does not know this message", "update IB Gateway"),
)
_add(
    CodeKind.NOTICE,
    (165, "a status of the historical data service", ""),
    (492, "a remark about a price", ""),
    (10167, "not subscribed: delayed data is sent instead", "subscribe at IBKR for live data"),
    (2100, "the account's data was unsubscribed", ""),
    (2103, "a market data farm is disconnected", "wait: streams are asked for again until bars come"),
    (2104, "a market data farm is connected", ""),
    (2105, "a historical data farm is disconnected", "wait: history and bars come with it"),
    (2106, "a historical data farm is connected", ""),
    (2107, "a historical data farm is inactive and starts on demand", ""),
    (2108, "a market data farm is inactive and starts on demand", ""),
    (2119, "a market data farm is connecting", ""),
    (2157, "the security definition farm is disconnected", "wait: contracts are looked up once it is back"),
    (2158, "the security definition farm is connected", ""),
)

BROKER_CODES: Final[Mapping[int, BrokerCode]] = MappingProxyType(_TABLE)

_OTHER_NOTICE: Final = BrokerCode(CodeKind.NOTICE, "a notice", "")
_OTHER: Final = BrokerCode(
    CodeKind.ORDER_UNKNOWN, "a code our table does not hold", "read the text, compare with the broker"
)


def classify(code: int) -> BrokerCode:
    """Return what `code` means; 2100 to 2169 are notices, any other unlisted code leaves an order UNKNOWN."""
    known = BROKER_CODES.get(code)
    if known is not None:
        return known
    return _OTHER_NOTICE if 2100 <= code <= 2169 else _OTHER
