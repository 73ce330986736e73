"""How the gateway says what happened: injected, so that the composition root decides where it goes."""

from collections.abc import Callable

Fact = str | int | float | bool | None

GatewayLog = Callable[[str, dict[str, Fact]], None]
"""Takes one event, named `noun.past_verb`, with its facts; must neither raise nor block."""
