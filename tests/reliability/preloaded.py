"""Imported by the fork server alone: the programs, and the markets of the worlds, made once for all processes."""

import gc

import tests.reliability.processes  # noqa: F401 - this is what it is for
from daemon.simulation.setting import SYMBOLS, calendar
from tests.reliability.world import DAY, WorldPlan

for _seed in range(4):  # as many markets as there are
    _market = WorldPlan.made(_seed).setting.market()
    for _symbol in SYMBOLS:
        _market.tape(_symbol, calendar().sessions_between(DAY, DAY)[0])

gc.collect()
gc.freeze()  # the collector of a fork need not look at what all forks share
