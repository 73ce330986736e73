"""Listens to everything that a simulated daemon says, for a secret that only its settings hold.

Lines are looked at before the redactor masks anything: a secret should not get as far as a log call.
"""

import logging
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

import structlog

CANARY: Final = "canary-7QmR2xVw"  # the password in the settings of every simulated daemon
_KEPT: Final = 5


class Ear:
    """Hears log lines, and what else it is told; nothing is shown."""

    def __init__(self) -> None:
        self.leaks: list[str] = []  # who said the secret, the first few times
        self.criticals = 0  # lines that call for a person

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take every log line of this process, structlog's and the standard library's; nobody else gets it."""
        before, root, handler = structlog.get_config(), logging.getLogger(), _Handler(self)
        handlers, root.handlers = root.handlers, [handler]
        structlog.configure(processors=[self._line], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
        try:
            yield
        finally:
            structlog.configure(**before)
            root.handlers = handlers

    def hear(self, who: str, said: object) -> None:
        """Look at anything that was said."""
        if CANARY in str(said) and len(self.leaks) < _KEPT:
            self.leaks.append(who)

    def _line(self, _: object, level: str, event: MutableMapping[str, Any]) -> str:
        self.criticals += level == "critical"
        self.hear(f"log line {event.get('event')}", event)
        error = event.get("exc_info")
        if isinstance(error, BaseException):
            self.hear(f"traceback at {event.get('event')}", "".join(traceback.format_exception(error)))
        raise structlog.DropEvent


class _Handler(logging.Handler):
    """Brings what libraries log."""

    def __init__(self, ear: Ear) -> None:
        super().__init__(logging.WARNING)
        self._ear = ear

    def emit(self, record: logging.LogRecord) -> None:
        """Listen to one record."""
        self._ear.hear(f"log line of {record.name}", record.getMessage())
