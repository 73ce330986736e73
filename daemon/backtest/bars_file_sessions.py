"""The rows of a file of bars laid onto the exchange's sessions: each in the place of its bar, the others told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Final

import numpy as np

from daemon.adapters.files.bars_file import BarFile, BarRows, joined
from daemon.adapters.files.bars_notes import when
from daemon.domain.bar import Bar
from daemon.domain.errors import BadMarketData
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import OutOfCalendar, Session
from daemon.market.tape import IntArray
from daemon.market.windows import BarColumns, BarSchedule

_DAY: Final = Timeframe(seconds=86_400)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionRows:
    """What a file holds of one session."""

    session: Session
    start: IntArray  # of each bar, epoch seconds
    end: IntArray
    rows: BarRows

    def columns(self) -> BarColumns:
        """Return the bars as columns. A file does not count trades: the fewest that give the row's prices are taken.

        Nor does it tell the average price, for which the mean of the four prices stands.
        """
        rows = self.rows
        mean = (rows.open + rows.high + rows.low + rows.close) / 4
        above = rows.high > np.maximum(rows.open, rows.close)
        below = rows.low < np.minimum(rows.open, rows.close)
        flat = rows.high == rows.low
        trades = np.where(flat, rows.volume > 0, 2 + above.astype(np.int64) + below)
        return BarColumns(
            start=self.start, end=self.end, open=rows.open, high=rows.high, low=rows.low, close=rows.close,
            volume=rows.volume, wap=np.where(trades > 0, mean, rows.close), trades=trades,
        )  # fmt: skip

    def bars(self) -> list[Bar]:
        """Return the same as values."""
        columns = self.columns()
        return [
            Bar(start=start, end=end, open=o, high=h, low=low, close=c, volume=v, wap=wap, trades=n)
            for start, end, o, h, low, c, v, wap, n in zip(
                columns.start.tolist(), columns.end.tolist(), columns.open.tolist(), columns.high.tolist(),
                columns.low.tolist(), columns.close.tolist(), columns.volume.tolist(), columns.wap.tolist(),
                columns.trades.tolist(), strict=True,
            )
        ]  # fmt: skip


def sessions_of(file: BarFile, schedule: BarSchedule) -> Iterator[SessionRows]:
    """Yield the sessions that a file has bars of; rows outside the regular session and gaps are noted.

    Raises:
        BadMarketData: a row is damaged, impossible, or where the exchange's schedule has no bar of that length.
    """
    waiting: list[BarRows] = []
    current: Session | None = None
    before: SessionRows | None = None
    for batch in file.batches():
        for session, rows in _by_session(file, schedule, batch):
            if session != current and current is not None:
                before = _placed(file, schedule, current, joined(waiting), before)
                yield before
                waiting = []
            current = session
            waiting.append(rows)
    if current is not None:
        yield _placed(file, schedule, current, joined(waiting), before)


def _by_session(file: BarFile, schedule: BarSchedule, rows: BarRows) -> Iterator[tuple[Session, BarRows]]:
    calendar = schedule.calendar
    first, last = (_day(int(at)) for at in (rows.at[0], rows.at[-1]))
    try:
        sessions = calendar.sessions_between(first - timedelta(days=1), last + timedelta(days=1))
    except OutOfCalendar as error:
        raise BadMarketData(
            str(file.path), f"rows {rows.row[0]} to {rows.row[-1]} ({when(rows.at[0])} to {when(rows.at[-1])}): {error}"
        ) from error
    if _is_daily(file):
        days = _days(file, schedule, rows)
        opens = np.array([(session.day - date(1970, 1, 1)).days for session in sessions])
        place = np.searchsorted(opens, days)
        inside = (place < opens.size) & (opens[np.minimum(place, opens.size - 1)] == days)
    else:
        moments = rows.at if file.form.stamps == "start" else rows.at - 1
        opens = np.array([session.open_s for session in sessions])
        closes = np.array([session.close_s for session in sessions])
        place = np.searchsorted(opens, moments, side="right") - 1
        inside = (place >= 0) & (moments < closes[np.maximum(place, 0)])
    outside = np.flatnonzero(~inside)
    if outside.size:
        row = outside[0]
        file.notes.add(
            f"bars outside the regular sessions of {calendar.name} were left out",
            f"row {rows.row[row]} ({when(rows.at[row])})",
            int(outside.size),
        )
    places, kept = place[inside], rows.pick(inside)
    bounds = np.flatnonzero(np.diff(places)) + 1
    for start, stop in zip([0, *bounds.tolist()], [*bounds.tolist(), places.size], strict=True):
        if stop > start:
            yield sessions[places[start]], kept.pick(slice(start, stop))


def _placed(
    file: BarFile, schedule: BarSchedule, session: Session, rows: BarRows, before: SessionRows | None
) -> SessionRows:
    """Put each row in the place of its bar, and note what is missing since the row before."""
    starts, ends = schedule.starts(session, file.bar), schedule.ends(session, file.bar)
    if _is_daily(file):
        slots = np.zeros(rows.at.size, dtype=np.int64)
        if rows.at.size > 1:
            raise BadMarketData(
                str(file.path),
                f"row {rows.row[1]} ({when(rows.at[1])}): a second bar of {session.day}; keep one of them",
            )
    else:
        bounds = starts if file.form.stamps == "start" else ends
        slots = np.searchsorted(bounds, rows.at)
        off = np.flatnonzero(bounds[np.minimum(slots, bounds.size - 1)] != rows.at)
        if off.size:
            row = int(off[0])
            anchor = "open" if schedule.anchor == "open" else "full hour"
            raise BadMarketData(
                str(file.path),
                f"row {rows.row[row]} ({when(rows.at[row])}): no {file.bar} bar of {schedule.calendar.name} "
                f"{file.form.stamps}s then. Bars count from the {anchor} (calendar.bar_anchor); "
                "--bar names another length, --stamps what the times mark",
            )
    _note_gaps(file, schedule, session, slots, rows, bars=len(ends), before=before)
    return SessionRows(session=session, start=starts[slots], end=ends[slots], rows=rows)


def _note_gaps(
    file: BarFile,
    schedule: BarSchedule,
    session: Session,
    slots: IntArray,
    rows: BarRows,
    *,
    bars: int,
    before: SessionRows | None,
) -> None:
    if before is not None and (expected := schedule.calendar.session_after(before.session)) != session:
        days = schedule.calendar.sessions_between(expected.day, session.day)[:-1]
        file.notes.add("sessions have no bar", f"{days[0].day} to {days[-1].day}, before row {rows.row[0]}", len(days))
    edges = np.concatenate(([-1], slots, [bars]))
    for gap in np.flatnonzero(np.diff(edges) > 1).tolist():
        count = int(edges[gap + 1] - edges[gap] - 1)
        row = min(gap, rows.row.size - 1)
        place = "before" if gap < rows.row.size else "after"
        file.notes.add(
            "bars are missing within sessions", f"{count} {place} row {rows.row[row]} ({when(rows.at[row])})", count
        )


def _is_daily(file: BarFile) -> bool:
    return file.bar == _DAY


def _days(file: BarFile, schedule: BarSchedule, rows: BarRows) -> IntArray:
    """Return the exchange's date of each daily row, as days since 1970: of a date or midnight UTC the date itself."""
    midnight = rows.at % _DAY.seconds == 0
    if file.is_dated or midnight.all():
        return rows.at // _DAY.seconds
    zone = schedule.calendar.timezone
    local = np.array(
        [
            (np.datetime64(int(at), "s").item().replace(tzinfo=UTC).astimezone(zone).date() - date(1970, 1, 1)).days
            for at in rows.at
        ]
    )
    return np.where(midnight, rows.at // _DAY.seconds, local)


def _day(seconds: int) -> date:
    found: date = np.datetime64(seconds, "s").astype("datetime64[D]").item()
    return found
