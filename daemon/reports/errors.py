"""Why a report cannot be made."""

from daemon.domain.errors import PaperdError


class DayNotThere(PaperdError):
    """The day that was asked for is no trading day, or lies beyond what the journal tells (exit 64)."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause} {cure}")
        self.cause = cause
        self.cure = cure


class NothingToReport(PaperdError):
    """The journal holds no day at all yet, or there is no journal (exit 69)."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause} {cure}")
        self.cause = cause
        self.cure = cure
