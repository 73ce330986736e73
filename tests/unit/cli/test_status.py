"""What `paperd status` shows a person."""

import pytest

from daemon.cli.control import _print_status


def test_status_names_what_is_wrong_with_the_connection_and_the_cure(capsys: pytest.CaptureFixture[str]) -> None:
    connection = {"state": "DATA_SUSPENDED", "host": "gw", "port": 4002, "account": "DU1", "cause": "no data"}
    _print_status({"connection": {**connection, "cure": "wait", "suspended": {"SPY": "late"}, "streams": [1, 2]}})
    told = capsys.readouterr().out
    assert told.splitlines() == [
        "connection  DATA_SUSPENDED, gw:4002, account DU1",
        "cause       no data",
        "cure        wait",
        "suspended   SPY late",
    ]
