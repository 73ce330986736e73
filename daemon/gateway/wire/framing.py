"""Length-prefixed frames and the version handshake that precedes them."""

import re
from dataclasses import dataclass

from daemon.gateway.wire.errors import FieldError, FrameTooLong, HandshakeError

LENGTH_BYTES = 4
DEFAULT_FRAME_LIMIT = 16 * 1024 * 1024  # bytes of payload
HANDSHAKE_PREFIX = b"API\0"
HANDSHAKE_TEXT_LIMIT = 4096  # bytes; version range and connect options
MIN_VERSION = 157
MAX_VERSION = 178
# Official servers send `duration` in openOrder from 158, ib_insync and ib_async read it from 159.
AMBIGUOUS_VERSION = 158

_RANGE = re.compile(r"v(\d{1,9})(?:\.\.(\d{1,9}))?(?: (.*))?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a client offers in its first bytes."""

    min_version: int
    max_version: int
    options: str = ""  # connect options such as "+PACEAPI"; ignored by servers


class FrameReader:
    """Cuts a byte stream into frames and each frame into its fields."""

    def __init__(self, limit: int = DEFAULT_FRAME_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Return how many bytes wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[list[str]]:
        """Add received bytes and return the fields of every frame now whole, oldest first.

        Raises:
            FrameTooLong: a frame announces more than the limit; whole frames before it are in
                `completed`, and nothing can be read from this stream any more.
        """
        self._buffer += data
        frames: list[list[str]] = []
        start = 0
        while len(self._buffer) - start >= LENGTH_BYTES:
            body = start + LENGTH_BYTES
            length = int.from_bytes(self._buffer[start:body], "big")
            if length > self._limit:
                raise FrameTooLong(length=length, limit=self._limit, completed=frames)
            if len(self._buffer) < body + length:
                break
            frames.append(split_payload(bytes(self._buffer[body : body + length])))
            start = body + length
        del self._buffer[:start]
        return frames


def split_payload(payload: bytes) -> list[str]:
    """Cut one frame's payload at the NULs; bytes that are not UTF-8 become backslash escapes."""
    fields = payload.decode("utf-8", "backslashreplace").split("\0")
    if not fields[-1]:
        fields.pop()
    return fields


def encode_frame(fields: list[str]) -> bytes:
    """Join fields, each ended by a NUL, and put the length in front.

    Raises:
        FieldError: a field contains a NUL, which would shift every field after it.
    """
    for position, field in enumerate(fields):
        if "\0" in field:
            raise FieldError(message="frame", field=str(position), value=field, reason="a field cannot contain NUL")
    payload = ("\0".join(fields) + "\0" if fields else "").encode("utf-8", "backslashreplace")
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def encode_hello(version: int, connection_time: str) -> bytes:
    """The server's answer to the handshake: the only frame that may be sent before START_API."""
    return encode_frame([str(version), connection_time])


def parse_handshake(data: bytes) -> tuple[Handshake, int] | None:
    """Read the handshake at the start of a connection.

    Returns:
        The handshake and how many bytes it took, or None while more bytes are needed.

    Raises:
        HandshakeError: these bytes can never become a handshake.
    """
    if data[: len(HANDSHAKE_PREFIX)] != HANDSHAKE_PREFIX[: len(data)]:
        raise HandshakeError(f"connection starts with {data[:LENGTH_BYTES]!r}, not with {HANDSHAKE_PREFIX!r}")
    start = len(HANDSHAKE_PREFIX) + LENGTH_BYTES
    if len(data) < start:
        return None
    length = int.from_bytes(data[len(HANDSHAKE_PREFIX) : start], "big")
    if length > HANDSHAKE_TEXT_LIMIT:
        raise HandshakeError(f"handshake of {length} bytes is over the limit of {HANDSHAKE_TEXT_LIMIT} bytes")
    if len(data) < start + length:
        return None
    return _parse_range(data[start : start + length]), start + length


def _parse_range(text: bytes) -> Handshake:
    match = _RANGE.fullmatch(text.decode("utf-8", "backslashreplace"))
    if match is None:
        raise HandshakeError(f"no version range in {text!r}")
    low, high, options = match.groups()
    return Handshake(min_version=int(low), max_version=int(high or low), options=options or "")


def encode_handshake(handshake: Handshake) -> bytes:
    """Write a handshake as a client would."""
    suffix = f" {handshake.options}" if handshake.options else ""
    text = f"v{handshake.min_version}..{handshake.max_version}{suffix}".encode()
    return HANDSHAKE_PREFIX + len(text).to_bytes(LENGTH_BYTES, "big") + text


def negotiate(handshake: Handshake, server_max: int = MAX_VERSION) -> int:
    """Choose the highest version both ends speak, never the ambiguous 158.

    Raises:
        HandshakeError: the choice would be below 157 or below the client's own minimum.
    """
    version = min(handshake.max_version, server_max)
    if version == AMBIGUOUS_VERSION:
        version -= 1
    if version < max(MIN_VERSION, handshake.min_version):
        raise HandshakeError(
            f"client speaks v{handshake.min_version}..{handshake.max_version}, server v{MIN_VERSION}..{server_max}"
        )
    return version
