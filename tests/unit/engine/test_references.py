"""Order references: unique, sorted by time, the same for the same inputs."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.engine.references import order_ref, ulid

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
AT = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)
MILLISECONDS = st.integers(0, 4_000_000_000_000 // 2)


def moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def decoded_ms(text: str) -> int:
    value = 0
    for letter in text:
        value = value * 32 + ALPHABET.index(letter)
    return value >> 80


def test_the_time_part_is_the_one_of_the_specification() -> None:
    # github.com/ulid/spec: 01ARYZ6S41 encodes 1469918176385 ms.
    assert ulid(moment(1_469_918_176_385), b"").startswith("01ARYZ6S41")


@given(MILLISECONDS)
def test_a_reference_carries_its_time_to_the_millisecond(milliseconds: int) -> None:
    assert decoded_ms(ulid(moment(milliseconds), b"x")) == milliseconds


@given(MILLISECONDS, MILLISECONDS)
def test_references_sort_by_time(one: int, other: int) -> None:
    first, second = sorted((one, other))
    if first != second:
        assert ulid(moment(first), b"x") <= ulid(moment(second), b"a")


def test_the_same_inputs_give_the_same_reference() -> None:
    assert order_ref("i", AT, "d", "open") == order_ref("i", AT, "d", "open")


def test_anything_different_gives_another_reference() -> None:
    references = {
        order_ref("i", AT, "d", "open"),
        order_ref("j", AT, "d", "open"),
        order_ref("i", AT, "d", "reduce"),
        order_ref("i", AT, "e", "open"),
        order_ref("i", AT + timedelta(milliseconds=1), "d", "open"),
    }
    assert len(references) == 5


def test_a_reference_has_the_form_that_is_promised() -> None:
    reference = order_ref("s7", AT, "d", "open")
    prefix, instance, number = reference.split("-")
    assert (prefix, instance, len(number)) == ("pd", "s7", 26)
    assert set(number) <= set(ALPHABET)


def test_ten_thousand_references_of_one_instant_differ() -> None:
    assert len({order_ref("i", AT, str(number)) for number in range(10_000)}) == 10_000
