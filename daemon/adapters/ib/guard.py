"""The two doors that keep live money out: the port before connecting, the account before anything is sent."""

import re
from collections.abc import Sequence
from typing import Final

from daemon.domain.errors import BrokerUnavailable, ConfigError, ForbiddenError

LIVE_PORTS: Final = {7496: "TWS with live money", 4001: "IB Gateway with live money"}
_PLAIN: Final = re.compile("[A-Za-z0-9 ]+")
PAPER_PREFIX: Final = "D"  # DU: paper account, DF: paper advisor; live accounts begin with U or F


def check_port(port: int) -> None:
    """Raise ForbiddenError for a port on which IB's programs serve live accounts."""
    if port in LIVE_PORTS:
        raise ForbiddenError(
            f"Port {port} is that of {LIVE_PORTS[port]}; this mode trades paper money only.",
            "Log in to a paper account and use port 4002 (IB Gateway) or 7497 (TWS).",
        )


def chosen_account(accounts: Sequence[str], pinned: str) -> str:
    """Return the account to use.

    Raises:
        BrokerUnavailable: a name is none that IB gives: what came cannot be read.
        ForbiddenError: one of the accounts is no paper account, whichever is pinned.
        ConfigError: the pinned account is not among them, or none is pinned and there are several.
    """
    unreadable = [account for account in accounts if not _PLAIN.fullmatch(account)]
    if unreadable:
        raise BrokerUnavailable(f"the gateway names accounts that cannot be read: {unreadable}")
    live = [account for account in accounts if not account.startswith(PAPER_PREFIX)]
    if live or not accounts:
        raise ForbiddenError(
            f"The login holds accounts that are no paper accounts: {', '.join(live) or 'none named'}.",
            "Log the gateway in with paper trading; paper account ids begin with D.",
        )
    if pinned and pinned not in accounts:
        raise ConfigError(f"ib.account is {pinned}, but the login has {', '.join(accounts)}: correct it or log in anew")
    if not pinned and len(accounts) > 1:
        raise ConfigError(f"the login has several accounts ({', '.join(accounts)}): set ib.account to one of them")
    return pinned or accounts[0]
