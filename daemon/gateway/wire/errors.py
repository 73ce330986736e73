"""What can be wrong with bytes, fields or values on the wire.

WireError                 the peer (or our own caller) broke the protocol
|- FrameTooLong           close the connection: the stream cannot be resynchronised
|- HandshakeError         close the connection: no version can be agreed
`- FieldError             answer with an error message; the connection can go on
"""


class WireError(Exception):
    """Something on the wire is not TWS protocol; the subclass says what to do about it."""


class FrameTooLong(WireError):
    """A frame announced more bytes than we accept."""

    def __init__(self, *, length: int, limit: int, completed: list[list[str]]) -> None:
        super().__init__(f"frame of {length} bytes is over the limit of {limit} bytes")
        self.length = length
        self.limit = limit
        self.completed = completed  # frames that came whole before the bad one, in the same call


class HandshakeError(WireError):
    """The first bytes of a connection are no handshake, or ask for versions we do not speak."""


class FieldError(WireError):
    """One field of one message cannot be read or written."""

    def __init__(self, *, message: str, field: str, value: str, reason: str) -> None:
        super().__init__(f"{message}.{field}: {reason}, was {value!r}")
        self.message = message
        self.field = field
        self.value = value
        self.reason = reason
