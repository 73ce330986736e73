"""`paperd simulate` as people and machines use it."""

import json

import pytest
from typer.testing import CliRunner

from daemon.cli.app import paperd
from daemon.simulation.seeds import verdict
from tests.simulation import planted_bugs

RUNNER = CliRunner()


def test_one_seed_is_told_as_a_story() -> None:
    result = RUNNER.invoke(paperd, ["simulate", "--seed", "3"])
    assert result.exit_code == 0, result.output
    told = verdict(3)
    for words in (told.journal_hash, told.ledger_hash, *told.struck):
        assert words in result.output


def test_machines_get_one_object() -> None:
    result = RUNNER.invoke(paperd, ["simulate", "--first", "3", "--seeds", "2", "--processes", "1", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    both = (verdict(3), verdict(4))
    assert told["seeds"] == 2
    assert told["orders"] == sum(each.orders for each in both)
    assert told["fills"] == sum(each.fills for each in both)
    assert told["failed"] == []


def test_violation_names_the_command_that_shows_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    planted_bugs.free_of_charge(monkeypatch)
    result = RUNNER.invoke(paperd, ["simulate", "--first", "3", "--seeds", "2", "--processes", "1"])
    assert result.exit_code == 1
    assert "paperd simulate --seed 3" in result.output
    assert "commission" in result.output


def test_violation_is_in_the_object_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    planted_bugs.free_of_charge(monkeypatch)
    result = RUNNER.invoke(paperd, ["simulate", "--seed", "3", "--minutes", "4", "--json"])
    assert result.exit_code == 1
    (failed,) = json.loads(result.output)["failed"]
    assert failed["command"] == "paperd simulate --seed 3 --minutes 4"
    assert {each["invariant"] for each in failed["violations"]} == {"D"}


def test_help_says_what_the_letters_mean() -> None:
    result = RUNNER.invoke(paperd, ["simulate", "--help"])
    assert result.exit_code == 0
    assert "before its intent was durable" in " ".join(result.output.replace("│", " ").split())
