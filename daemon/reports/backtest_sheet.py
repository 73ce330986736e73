"""The tear sheet of a backtest's journal, read piece by piece."""

from decimal import Decimal
from typing import Final

from sqlalchemy import Engine

from daemon.domain.records import CommissionRecorded, ExecutionChecked, FillRecorded
from daemon.journal.queries import fills
from daemon.journal.streams import each, valuations
from daemon.reports.tear_sheet import tear_sheet
from daemon.reports.tear_sheet_values import BarsInfo, RunSettings, TearSheet
from daemon.statistics.equity_series import EquitySeries
from daemon.statistics.trades import Execution

_BPS: Final = Decimal(10_000)
_MOST_MARKS: Final = 1_000_000


def backtest_sheet(
    journal: Engine, *, settings: RunSettings, bars: BarsInfo, most_marks: int = _MOST_MARKS
) -> TearSheet:
    """Return the tear sheet of everything in `journal`.

    Args:
        journal: of one run, opened for reading.
        settings: what was run.
        bars: what it was fed with; a journal need not hold every bar.
        most_marks: valuations of the account to measure by; of more, the page says so.
    """
    marks = valuations(journal, most=most_marks)
    paid = {record.exec_id: record.amount for record in each(journal, CommissionRecorded)}
    thinned = (
        f"Of every {marks.stretch:,} valuations the first, lowest, highest and last were measured, for want of memory: "
        "exposure and mean equity are approximate. Give more with --memory."
    )
    return tear_sheet(
        EquitySeries(times=marks.times, values=marks.equity),
        [_execution(fill, paid) for fill in fills(journal)],
        settings=settings,
        bars=bars,
        slippage=_slippage(journal),
        warnings=(thinned,) if marks.stretch > 1 else (),
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
            for check in each(journal, ExecutionChecked)
            if check.decision_bps is not None
        ),
        Decimal(0),
    )
