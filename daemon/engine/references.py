"""Order references that are unique for ever and the same in every run over the same events."""

import hashlib
from datetime import UTC, datetime, timedelta

from daemon.domain.order import OrderRef

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32, as in the ULID specification
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)  # ten bits at once
_RANDOM_BITS = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def ulid(at: datetime, entropy: bytes) -> str:
    """Return a ULID: 48 bits of milliseconds since the epoch, 80 bits of `entropy`; they sort by time.

    Source:
        The ULID specification, github.com/ulid/spec.
    """
    random_part = int.from_bytes(hashlib.blake2b(entropy, digest_size=_RANDOM_BITS // 8).digest())
    value = ((at - _EPOCH) // _MILLISECOND << _RANDOM_BITS) | random_part
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


def order_ref(instance: str, at: datetime, *parts: str) -> OrderRef:
    """Return `pd-<instance>-<ULID>`; the ULID's entropy is derived from `parts`, which must differ between orders."""
    return OrderRef(f"pd-{instance}-{ulid(at, '|'.join((instance, *parts)).encode())}")
