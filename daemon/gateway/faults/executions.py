"""Faults of executions: corrected prices, the text forms that times come in."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, PositiveInt

from daemon.gateway.faults.frames import Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Counted, EachFrame, Effect, Fault
from daemon.gateway.faults.when import Length
from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.order_responses import ExecDetails

TimeForm = Literal["zone", "alias", "no_zone", "two_blanks", "utc_dash"]


class _ExecutionCorrected(Effect["ExecutionCorrected"]):
    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        fault, stage = self.fault, self.scope.stage
        for frame in frames:
            if frame.kind != "execDetails" or frame.is_answer or not self.scope.hits(link):
                continue
            execution = frame.response(link.connection.version).execution
            if execution.exec_id.endswith(".01") and self.scope.is_about(link, frame) and self.strikes():
                self._plan(execution.exec_id, stage.now_us + round(fault.by * SECOND_US))
        return frames

    def _plan(self, exec_id: str, at_us: int) -> None:
        stage, fault = self.scope.stage, self.fault

        def correct() -> None:
            row = next(row for row in stage.broker.executions if row.exec_id == exec_id)
            stage.bookings.correct(exec_id, max(Decimal("0.01"), row.price + fault.change))

        stage.at(at_us, correct)


class ExecutionCorrected(Counted):
    """An execution comes again with the next version of its id (.01, then .02) and another price, which then holds.

    The gateway's books have the corrected execution in the place of the first.
    """

    effect: ClassVar = _ExecutionCorrected
    name: Literal["execution_corrected"] = "execution_corrected"
    by: Length = Field(5.0, description="market time after the first")
    change: Decimal = Field(Decimal("0.05"), description="of the price, currency per unit; may be negative or 0")
    count: PositiveInt | None = 1


def time_text(at_s: int, form: TimeForm, zone: str) -> str:
    """Return a moment in one of the forms that gateways of different versions and settings write."""
    moment = datetime.fromtimestamp(at_s, UTC)
    local = moment.astimezone(ZoneInfo(zone))
    match form:
        case "zone" | "alias":
            return f"{local:%Y%m%d %H:%M:%S} {zone}"
        case "no_zone":
            return f"{local:%Y%m%d %H:%M:%S}"
        case "two_blanks":
            return f"{local:%Y%m%d  %H:%M:%S}"
        case "utc_dash":
            return f"{moment:%Y%m%d-%H:%M:%S}"


class _ExecutionTimeText(EachFrame["ExecutionTimeText"]):
    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        if frame.kind != "execDetails" or not self.scope.hits(link):
            return (frame,)
        version = link.connection.version
        details: ExecDetails = frame.response(version)
        row = next(
            (row for row in self.scope.stage.broker.executions if row.exec_id == details.execution.exec_id), None
        )
        if row is None:
            return (frame,)
        zone = "US/Eastern" if self.fault.form == "alias" else self.fault.zone
        text = time_text(row.at_us // SECOND_US, self.fault.form, zone)
        return (frame.rewritten(version, execution=replace(details.execution, time=text)),)


class ExecutionTimeText(Fault):
    """Times of executions are written in another of IB's forms; the moment is the same."""

    effect: ClassVar = _ExecutionTimeText
    name: Literal["execution_time_text"] = "execution_time_text"
    form: TimeForm = Field("two_blanks", description="alias = zone US/Eastern; utc_dash = yyyymmdd-HH:MM:SS in UTC")
    zone: Literal["America/New_York", "America/Chicago", "Europe/London", "Asia/Tokyo", "UTC"] = "America/New_York"


EXECUTION_FAULTS: tuple[type[Fault], ...] = (ExecutionCorrected, ExecutionTimeText)
