"""The tear sheet of a backtest's journal."""

from decimal import Decimal

import numpy as np
from sqlalchemy import Engine

from daemon.domain.records import FillRecorded
from daemon.journal.queries import (
    bars_seen,
    commissions,
    equity_series,
    execution_checks,
    fills,
)
from daemon.reports.tear_sheet import tear_sheet
from daemon.reports.tear_sheet_values import BarsInfo, RunSettings, TearSheet
from daemon.statistics.equity_series import EquitySeries
from daemon.statistics.trades import Execution

_BPS = Decimal(10_000)


def backtest_sheet(journal: Engine, *, settings: RunSettings, source: str) -> TearSheet:
    """Return the tear sheet of everything in `journal`."""
    marks = equity_series(journal)
    bars = bars_seen(journal)
    counts: dict[str, int] = {}
    for bar in bars:
        name = f"{bar.instrument} {bar.timeframe}"
        counts[name] = counts.get(name, 0) + 1
    paid = {record.exec_id: record.amount for record in commissions(journal)}
    return tear_sheet(
        EquitySeries(
            times=np.array([mark.at.timestamp() for mark in marks]),
            values=np.array([float(mark.equity) for mark in marks]),
        ),
        [_execution(fill, paid) for fill in fills(journal)],
        settings=settings,
        bars=BarsInfo(
            source=source, counts=counts, first=bars[0].at if bars else None, last=bars[-1].at if bars else None
        ),
        slippage=_slippage(journal),
    )


def _execution(fill: FillRecorded, paid: dict[str, Decimal]) -> Execution:
    return Execution(
        strategy=fill.strategy,
        instrument=fill.instrument,
        at=fill.at,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        commission=paid.get(fill.exec_id, Decimal(0)),
        order=fill.order_ref,
    )


def _slippage(journal: Engine) -> Decimal:
    """Return what fills cost against the prices decided on, account currency."""
    return sum(
        (
            Decimal(str(check.decision_bps)) / _BPS * check.expected_price * check.filled_quantity
            for check in execution_checks(journal)
            if check.decision_bps is not None
        ),
        Decimal(0),
    )
