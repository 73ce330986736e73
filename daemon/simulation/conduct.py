"""Judges what a world shows besides its books: secrets that were said, alerts that nobody raised, what has piled up."""

from collections.abc import Iterator

from daemon.simulation.books import Books
from daemon.simulation.oracle import Invariant, Violation
from daemon.simulation.world import History


def judge_conduct(history: History, books: Books) -> tuple[Violation, ...]:
    """Return everything that did not hold."""
    return (*_secrets(history, books), *_alerts(history), *_growth(history))


def _secrets(history: History, books: Books) -> Iterator[Violation]:
    """G: what only the settings hold is nowhere in the journal, in log lines or in what the daemon tells of itself."""
    for where in (*history.leaks, *(f"table {table}" for table in books.leaks)):
        text = "says a secret of the settings"
        yield Violation(invariant=Invariant.AUTHORISED, subject=where, evidence=text)


def _alerts(history: History) -> Iterator[Violation]:
    """H: a person is told of an outage that lasts."""
    for text in history.unalarmed:
        yield Violation(invariant=Invariant.ALERTED, subject="alert", evidence=text)


def _growth(history: History) -> Iterator[Violation]:
    """F: a daemon that has been through everything has no more tasks and connections than after its start."""
    for text in history.grown:
        yield Violation(invariant=Invariant.BOUNDED, subject="daemon", evidence=text)
