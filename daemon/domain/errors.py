"""Every error paperd raises on purpose, named by what the caller has to do.

PaperdError
|- ConfigError          stop: a person must edit the file or the command (exit 78)
|- ForbiddenError       stop: it is not allowed, e.g. a live account in a paper mode (exit 77)
|- BadMarketData        drop the value, count it
|- Transient            try again with back-off
|  |- BrokerUnavailable nothing was sent
|  `- FeedUnavailable   no market data could be had
|- JournalFailed        what happened can no longer be made durable: stop (exit 74)
|  `- JournalBusy       somebody else is using it: try again when they have ended (exit 75)
`- InvariantBroken      our own state is wrong: stop the daemon
"""


class PaperdError(Exception):
    """The root of the tree."""


class ConfigError(PaperdError):
    """The configuration or the command is wrong; every fault found is listed, each with its cure."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ForbiddenError(PaperdError):
    """What was asked for is not allowed, whoever asks: cause and cure in words."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause} {cure}")
        self.cause = cause
        self.cure = cure


class BadMarketData(PaperdError):
    """A quote, bar, tape or file holds values no market gives."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"{source}: {problem}")
        self.source = source
        self.problem = problem


class Transient(PaperdError):
    """It may work later."""


class BrokerUnavailable(Transient):
    """Nothing was sent to the broker."""


class PaceKept(BrokerUnavailable):
    """Nothing was sent: it would have been one message too many within the second."""


class ClockStepped(Transient):
    """The host's clock was set while the daemon ran; a new start goes by the new time."""


class FeedUnavailable(Transient):
    """The market data asked for could not be had now."""


class JournalFailed(PaperdError):
    """The journal cannot be read or written."""


class JournalBusy(JournalFailed):
    """Somebody else writes to the journal; nothing was changed."""


class InvariantBroken(PaperdError):
    """Two things that must agree do not."""
