"""What the network does to whole messages."""

import random
from decimal import Decimal

import pytest

from daemon.simulation.wire import Disturbance, Mouthpiece, framed, messages, notice, placed_order

EXECUTION = b"\0".join(
    [b"11", b"-1", b"7", b"1000", b"SPY", b"0000ce91.69a6f626.14.01", b"20260303 10:00:00 US/Eastern", b"DU1", b"ARCA",
     b"BOT", b"40", b"450.25", b"900", b""]
)  # fmt: skip
COMMISSION = b"\0".join([b"59", b"1", b"0000ce91.69a6f626.14.01", b"1.25", b"USD", b"0.0", b""])
STATUS = b"\0".join([b"3", b"7", b"Submitted", b"0", b"100", b""])
QUOTE = b"\0".join([b"1", b"6", b"1", b"450.1", b""])
NEXT_ID = b"9\x001\x0042\x00"


def mouthpiece(*, as_real: bool = False) -> Mouthpiece:
    return Mouthpiece(random.Random(3), as_real=as_real)


def told(mouth: Mouthpiece, *payloads: bytes) -> list[bytes]:
    return messages(mouth(framed(payloads)))


def test_messages_and_frames_are_inverse() -> None:
    assert messages(framed([EXECUTION, QUOTE, b""])) == [EXECUTION, QUOTE, b""]


def test_nothing_is_changed_unless_asked() -> None:
    assert told(mouthpiece(), EXECUTION, COMMISSION, STATUS, QUOTE, NEXT_ID) == [
        EXECUTION, COMMISSION, STATUS, QUOTE, NEXT_ID,
    ]  # fmt: skip


def test_only_messages_about_orders_are_swallowed_and_only_so_many() -> None:
    mouth = mouthpiece()
    mouth.disturb(Disturbance.SWALLOW, 2)
    assert told(mouth, QUOTE, EXECUTION, STATUS, COMMISSION) == [QUOTE, COMMISSION]
    assert mouth.done == {Disturbance.SWALLOW: 2}


def test_repeated_message_comes_twice() -> None:
    mouth = mouthpiece()
    mouth.disturb(Disturbance.REPEAT, 1)
    assert told(mouth, QUOTE, STATUS, EXECUTION) == [QUOTE, STATUS, STATUS, EXECUTION]


def test_reordering_leaves_other_messages_in_their_places() -> None:
    mouth = mouthpiece()
    orders = set()
    for _ in range(20):
        mouth.disturb(Disturbance.REORDER, 1)
        found = told(mouth, STATUS, QUOTE, EXECUTION, COMMISSION)
        assert found[1] == QUOTE
        assert sorted(found) == sorted([STATUS, QUOTE, EXECUTION, COMMISSION])
        orders.add(tuple(found))
    assert len(orders) > 1


def test_corrected_execution_follows_the_first_version_and_stays_corrected() -> None:
    mouth = mouthpiece()
    mouth.disturb(Disturbance.CORRECT, 1)
    first, second = told(mouth, EXECUTION)
    assert first == EXECUTION
    assert second == EXECUTION.replace(b".14.01", b".14.02").replace(b"450.25", b"450.26")
    assert mouth.corrections["0000ce91.69a6f626.14"].price == Decimal("450.26")
    mouth.leave_off()
    asked_for = EXECUTION.replace(b"11\x00-1", b"11\x005")
    assert told(mouth, asked_for, COMMISSION) == [
        asked_for.replace(b".14.01", b".14.02").replace(b"450.25", b"450.26"),
        COMMISSION.replace(b".14.01", b".14.02"),
    ]


def test_rows_of_an_answer_are_not_corrected_first() -> None:
    mouth = mouthpiece()
    mouth.disturb(Disturbance.CORRECT, 1)
    answer = EXECUTION.replace(b"11\x00-1", b"11\x005")
    assert told(mouth, answer) == [answer]


def test_forgotten_order_ids_begin_at_one() -> None:
    mouth = mouthpiece()
    mouth.forgets_order_ids = True
    assert told(mouth, NEXT_ID) == [b"9\x001\x001\x00"]
    mouth.leave_off()
    assert told(mouth, NEXT_ID) == [NEXT_ID]


@pytest.mark.parametrize(("as_real", "zone"), [(True, b"EST"), (False, b"PAPERD")])
def test_version_message_hides_the_simulator_where_it_shall(as_real: bool, zone: bytes) -> None:
    version = framed([b"176\x0020260303 09:30:00 PAPERD\x00"])
    assert messages(mouthpiece(as_real=as_real).version(version)) == [b"176\x0020260303 09:30:00 " + zone + b"\x00"]


def test_notice_is_one_whole_message() -> None:
    (payload,) = messages(notice(1100, "lost"))
    assert payload.startswith(b"4\x002\x00-1\x001100\x00lost\x00")


def test_what_places_no_order_is_none() -> None:
    assert placed_order(framed([b"49\x001\x00"])) is None
    assert placed_order(framed([b"3\x00garbage\x00"])) is None
