"""What people and machines are told of drills."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from daemon.cli import drill as command
from daemon.cli.app import paperd
from daemon.drills.drill import Drill, holds
from daemon.drills.judgement import Result, unlooked
from daemon.drills.report import as_json, outcome
from daemon.drills.stage import Check, Scene, Stage
from daemon.simulation.oracle import Invariant

RUNNER = CliRunner()


async def _nothing(stage: Stage) -> None:
    del stage


DRILL = Drill(
    name="coffee-spilt", rows=(3, 7), goes_wrong="Coffee is spilt.", injected="a cup", holds=holds("AD"), play=_nothing
)
HELD = Check(invariant=Invariant.DURABLE_INTENT, evidence="3 orders were in the journal", held=True)
BROKEN = Check(invariant=Invariant.BOOKS_AGREE, evidence="SPY: the gateway holds 3, the journal 4", held=False)
GOOD = Result(
    drill=DRILL,
    story=(Scene(host_s=1.25, market="2026-03-02T14:30:30Z", text="the cup falls"),),
    checks=(HELD,),
    took_s=4.5,
)
BAD = replace(GOOD, checks=(HELD, BROKEN), folder="/tmp/kept")
SKIPPED = replace(GOOD, story=(), checks=(), took_s=0.0, skipped="needs strace")


@pytest.mark.parametrize(("result", "word"), [(GOOD, "held"), (BAD, "did not hold"), (SKIPPED, "skipped")])
def test_outcome_is_one_of_three(result: Result, word: str) -> None:
    assert outcome(result) == word


def test_letter_with_one_broken_check_did_not_hold() -> None:
    twice = replace(BAD, checks=(replace(BROKEN, held=True), BROKEN, HELD))
    assert twice.held == "A"


def test_invariant_that_was_promised_and_not_looked_at_is_a_failure() -> None:
    (missing,) = unlooked(DRILL, [HELD])
    assert (missing.invariant, missing.held) == (Invariant.BOOKS_AGREE, False)


def test_object_for_machines_has_story_checks_and_sum() -> None:
    told = as_json([GOOD, BAD, SKIPPED])
    assert (told["ok"], told["held"], told["broken"], told["skipped"]) == (False, 1, 1, 1)
    drills = told["drills"]
    assert isinstance(drills, list)
    assert drills[0]["story"] == [{"host_s": 1.25, "market": "2026-03-02T14:30:30Z", "text": "the cup falls"}]
    assert drills[1]["checks"][1] == {
        "invariant": "D",
        "held": False,
        "evidence": "SPY: the gateway holds 3, the journal 4",
    }
    assert drills[2]["skipped"] == "needs strace"


def _invoke(monkeypatch: pytest.MonkeyPatch, results: list[Result], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(command, "_run", lambda _drills, **_: results)
    found = RUNNER.invoke(paperd, ["drill", *arguments])
    return found.exit_code, found.output


def test_one_drill_is_told_as_a_story(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = _invoke(monkeypatch, [GOOD], "order-swallowed")
    assert code == 0
    assert "Row 3, 7 of the fault matrix; a cup." in output
    assert "14:30:30   1.2 s  the cup falls" in output
    assert "held    A  3 orders were in the journal" in output


def test_what_did_not_hold_is_named_with_its_evidence_and_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = _invoke(monkeypatch, [BAD], "order-swallowed")
    assert code == 1
    assert "BROKEN  D  SPY: the gateway holds 3, the journal 4" in output
    assert "/tmp/kept" in output


def test_table_of_all_ends_with_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = _invoke(monkeypatch, [GOOD, BAD, SKIPPED], "--all")
    assert code == 1
    assert "1 of 3 drills held, 1 did not, 1 skipped" in output
    assert "paperd drill coffee-spilt" in output
    assert "needs strace" in output


def test_machines_get_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = _invoke(monkeypatch, [GOOD], "--all", "--json")
    assert code == 0
    assert json.loads(output)["ok"] is True


def test_list_names_every_drill_with_its_sentence() -> None:
    output = RUNNER.invoke(paperd, ["drill", "--list"]).output
    assert "order-swallowed" in output
    assert "An order is lost" in output


@pytest.mark.parametrize("arguments", [[], ["--all", "--list"], ["order-swallowed", "--all"]])
def test_one_thing_must_be_asked_for(arguments: list[str]) -> None:
    assert RUNNER.invoke(paperd, ["drill", *arguments]).exit_code == 64


def test_unknown_name_gets_suggestions() -> None:
    found = RUNNER.invoke(paperd, ["drill", "order-swalowed"])
    assert found.exit_code == 64
    assert "did you mean order-swallowed" in found.output
