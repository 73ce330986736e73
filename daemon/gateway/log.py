"""How the gateway says what happened: injected, so that the composition root decides where it goes."""

from typing import Protocol

Fact = str | int | float | bool | None


class GatewayLog(Protocol):
    """A sink for log events; must not raise and must not block."""

    def __call__(self, event: str, fields: dict[str, Fact], /) -> None:
        """Take one event, named `noun.past_verb`, with its facts."""
        ...


def silent(event: str, fields: dict[str, Fact], /) -> None:
    """Drop everything."""
    del event, fields
