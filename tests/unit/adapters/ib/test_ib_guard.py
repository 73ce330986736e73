"""No live money: ports and accounts."""

import pytest

from daemon.adapters.ib.guard import check_port, chosen_account
from daemon.domain.errors import BrokerUnavailable, ConfigError, ForbiddenError


@pytest.mark.parametrize("port", [7496, 4001])
def test_live_ports_are_refused(port: int) -> None:
    with pytest.raises(ForbiddenError):
        check_port(port)


@pytest.mark.parametrize("port", [7497, 4002, 51234])
def test_other_ports_are_not(port: int) -> None:
    check_port(port)


@pytest.mark.parametrize("accounts", [["U1"], ["F1"], ["DU1", "U1"], [], ["du1"], [" DU1"]])
def test_any_account_that_is_no_paper_account_is_refused(accounts: list[str]) -> None:
    with pytest.raises(ForbiddenError):
        chosen_account(accounts, "DU1")


def test_accounts_that_cannot_be_read_prove_nothing() -> None:
    with pytest.raises(BrokerUnavailable, match="cannot be read"):
        chosen_account(["DU1", r"DU\xb02"], "DU1")


def test_account_is_the_pinned_or_the_only_one() -> None:
    assert chosen_account(["DU1"], "") == "DU1"
    assert chosen_account(["DU1", "DF2"], "DF2") == "DF2"
    with pytest.raises(ConfigError):
        chosen_account(["DU1", "DU2"], "")
    with pytest.raises(ConfigError):
        chosen_account(["DU1"], "DU2")
