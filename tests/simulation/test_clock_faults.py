"""The host's clock is set wrong by an hour while the daemon takes the gateway for a real one and lives by the wall."""

from datetime import timedelta

import pytest

from daemon.simulation.faults import Fault, FaultKind
from daemon.simulation.seeds import MINUTES, verdict
from daemon.simulation.setting import Setting

FREE_RUNNING = [seed for seed in range(40) if not Setting.drawn(seed, minutes=MINUTES).lockstep][:2]
AN_HOUR_AHEAD, AN_HOUR_BEHIND = 3, 2  # as the injector reads `count`


@pytest.mark.parametrize("count", [AN_HOUR_AHEAD, AN_HOUR_BEHIND], ids=["ahead", "behind"])
@pytest.mark.parametrize("seed", FREE_RUNNING)
def test_clock_an_hour_wrong_loses_and_doubles_nothing(seed: int, count: int) -> None:
    wrong = Fault(kind=FaultKind.CLOCK_WRONG, after=timedelta(minutes=3), aimed=False, count=count, seconds=40.0)
    judged = verdict(seed, plan=[wrong])
    assert dict(judged.struck) == {FaultKind.CLOCK_WRONG.value: 1}
    assert judged.orders > 0
    assert judged.violations == ()
    assert judged.kills == 0
    assert judged.starts == 4  # anew with each setting of the clock; the last one is the oracle's
