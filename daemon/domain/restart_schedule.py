"""When the gateway restarts by itself each day, and what that means for a moment. Pure: it is told the time."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartSchedule:
    """A daily restart at a local time of day."""

    at: time  # local, as set in the gateway
    zone: ZoneInfo
    blackout: timedelta  # before it nothing is opened
    expected: timedelta  # after it the gateway may be gone without being missed

    def near(self, now: datetime) -> datetime | None:
        """Return the restart (UTC) in whose window `now` lies: from its blackout to the end of the expected outage."""
        began = self._last_began(now)
        return began if now < began + self.expected else None

    def next_blackout(self, now: datetime) -> datetime:
        """Return the first moment after `now`, UTC, at which a blackout begins."""
        following = self._last_began(now).astimezone(self.zone).date() + _DAY
        return datetime.combine(following, self.at, self.zone).astimezone(UTC) - self.blackout

    def _last_began(self, now: datetime) -> datetime:
        """Return the last restart, UTC, whose blackout has begun by `now`."""
        day = (now + self.blackout).astimezone(self.zone).date()
        today = datetime.combine(day, self.at, self.zone).astimezone(UTC)
        if now >= today - self.blackout:
            return today
        return datetime.combine(day - _DAY, self.at, self.zone).astimezone(UTC)
