"""The groups in which help lists the commands."""

from typing import Final

RUN: Final = "Run"
CONTROL: Final = "Look after a running daemon"
SET_UP: Final = "Set up and check"
LOOK_BACK: Final = "Look back"
