"""Worlds as they are drawn: reproducible to the byte, full of faults, and without a violation."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.simulation import seeds as seeds_module
from daemon.simulation.faults import Fault, FaultKind
from daemon.simulation.gateway_faults import GATEWAY_FAULTS
from daemon.simulation.seeds import verdict, verdicts

SEEDS = 200


def test_no_seed_shows_a_violation_and_together_they_bring_every_fault() -> None:
    drawn = list(verdicts(range(SEEDS)))
    failed = {each.seed: each.violations for each in drawn if each.violations}
    assert failed == {}, "; ".join(f"paperd simulate --seed {seed}" for seed in failed)

    struck: Counter[str] = Counter()
    for each in drawn:
        struck.update(each.struck)
    assert {kind.value for kind in FaultKind if kind is not FaultKind.GATEWAY} - set(struck) == set()
    assert sum(label.startswith(FaultKind.GATEWAY.value + ": ") for label in struck) > len(GATEWAY_FAULTS) / 2
    assert sum(each.orders for each in drawn) > 10 * SEEDS
    assert sum(each.kills for each in drawn) > SEEDS / 2
    assert sum(each.fills > each.orders for each in drawn) > SEEDS / 4, "orders that fill in parts"
    assert len({each.journal_hash for each in drawn}) == SEEDS
    assert len({each.ledger_hash for each in drawn}) == SEEDS


def test_same_seed_is_the_same_world_in_every_process() -> None:
    """Other processes have other addresses and other hashes of texts: neither may decide about anything."""
    seeds = range(1, 7)
    assert list(verdicts(seeds, processes=2)) == [verdict(seed) for seed in seeds]


def test_processes_that_have_had_their_share_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds_module, "_SEEDS_A_PROCESS", 1)
    assert [each.seed for each in verdicts(range(5), minutes=1, processes=2)] == list(range(5))


def test_world_without_faults_has_one_process_of_each_program() -> None:
    quiet = verdict(2, plan=())
    assert (quiet.kills, quiet.starts, quiet.gateway_starts) == (0, 2, 1)  # the last start is the oracle's
    assert quiet.violations == ()
    assert quiet.orders > 10


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.GATEWAY])
def test_each_fault_alone_leaves_the_books_right(kind: FaultKind) -> None:
    fault = Fault(kind=kind, after=timedelta(minutes=2), aimed=True, count=2, seconds=3.0)
    seed = 1 if kind is FaultKind.CLOCK_WRONG else 2  # the clock matters where nothing steps it
    found = verdict(seed, plan=(fault, replace(fault, after=timedelta(minutes=4), aimed=False)))
    assert found.struck.get(kind.value, 0) >= 1
    assert found.violations == ()


@pytest.mark.parametrize("name", GATEWAY_FAULTS)
def test_each_fault_of_the_gateway_alone_leaves_the_books_right(name: str) -> None:
    kind, after = FaultKind.GATEWAY, timedelta(seconds=50)
    fault = Fault(kind=kind, after=after, aimed=True, count=2, seconds=3.0, detail=name)
    found = verdict(3, minutes=2, plan=(fault, replace(fault, after=after * 1.5, aimed=False)))
    assert found.struck == {f"gateway: {name}": 2}
    assert found.violations == ()
