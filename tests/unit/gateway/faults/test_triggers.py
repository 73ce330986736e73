"""When faults begin: counting, selecting, chance and market time."""

from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.gateway.faults.executions import TimeForm, time_text
from daemon.gateway.faults.frames import Frame, cut
from daemon.gateway.faults.history import PacingRules
from daemon.gateway.faults.latency import AdjustableLatency
from daemon.gateway.faults.when import Armed, Happening, When, seconds
from daemon.gateway.wire.framing import encode_frame
from daemon.matching.latency import LatencyModel

NEW_YORK = ZoneInfo("America/New_York")
SECOND = 1_000_000


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * SECOND)


def armed(seed: int = 1, **when: object) -> Armed:
    return Armed(When.model_validate(when), Random(seed))


def firings(trigger: Armed, events: list[Happening]) -> list[int]:
    return [number for number, event in enumerate(events, 1) if trigger.sees(event)]


def orders(count: int, **more: object) -> list[Happening]:
    return [Happening(kind="order", **more) for _ in range(count)]  # type: ignore[arg-type]


def test_the_nth_fires_once_unless_more_times_are_wished() -> None:
    assert firings(armed(order=3), orders(9)) == [3]
    assert firings(armed(order=3, times=2), orders(9)) == [3, 6]
    assert firings(armed(order=1, times=9), orders(3)) == [1, 2, 3]


def test_only_what_is_selected_counts() -> None:
    events = [
        Happening(kind="order", client=1, symbol="AAA"),
        Happening(kind="order", client=2, symbol="AAA"),
        Happening(kind="order", client=1, symbol="BBB"),
        Happening(kind="fill", client=1, symbol="AAA"),
        Happening(kind="order", client=1, symbol="AAA"),
    ]
    assert firings(armed(order=2, client=1), events) == [3]
    assert firings(armed(order=2, client=1, symbol="AAA"), events) == [5]
    assert firings(armed(fill=1), events) == [4]


def test_requests_count_by_name() -> None:
    events = [Happening(kind="request", request=name) for name in ("ReqIds", "ReqMktData", "ReqIds")]
    assert firings(armed(request={"ReqIds": 2}), events) == [3]
    assert firings(armed(request={"8": 1}), events) == [1]


def test_chance_is_drawn_from_the_seed() -> None:
    def drawn(seed: int) -> list[int]:
        return firings(armed(seed, order=1, times=1000, probability=0.3), orders(1000))

    assert drawn(1) == drawn(1) != drawn(2)
    assert 220 < len(drawn(1)) < 380


@pytest.mark.parametrize(
    ("at", "now", "due"),
    [
        ("10:15", "2024-03-05T14:30:00+00:00", "2024-03-05T15:15:00+00:00"),
        ("10:15:30", "2024-03-05T14:30:00+00:00", "2024-03-05T15:15:30+00:00"),
        ("10:15", "2024-03-05T16:00:00+00:00", "2024-03-06T15:15:00+00:00"),
        ("10:15", "2024-03-09T16:00:00+00:00", "2024-03-10T14:15:00+00:00"),  # the clocks go forward that night
        ("2024-03-05T15:00:00+00:00", "2024-03-05T14:30:00+00:00", "2024-03-05T15:00:00+00:00"),
        ("2024-03-05T10:00:00-05:00", "2024-03-05T14:30:00+00:00", "2024-03-05T15:00:00+00:00"),
    ],
)
def test_times_of_day_are_the_exchanges(at: str, now: str, due: str) -> None:
    assert armed(at=at).due_us(us(now), None, NEW_YORK) == us(due)


def test_after_counts_from_the_first_client_and_repeats() -> None:
    trigger = armed(after="30s", every="10s", times=2)
    start = us("2024-03-05T14:30:00+00:00")
    assert trigger.due_us(start, None, NEW_YORK) is None
    assert trigger.due_us(start, start, NEW_YORK) == start + 30 * SECOND
    assert trigger.strikes()
    assert trigger.due_us(start, start, NEW_YORK) == start + 40 * SECOND
    assert trigger.strikes()
    assert trigger.due_us(start, start, NEW_YORK) is None
    assert trigger.is_spent
    assert not trigger.strikes()


@pytest.mark.parametrize(
    ("text", "length"), [("30s", 30), ("500ms", 0.5), ("2m", 120), ("1h", 3600), ("1.5 m", 90), (7, 7), (0.25, 0.25)]
)
def test_lengths_of_time(text: object, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "5", "5d", "-5s", "s", None, True, -1, [1]])
def test_what_is_no_length_of_time(text: object) -> None:
    with pytest.raises(ValueError, match="length of time"):
        seconds(text)


def test_pacing_rules_are_ibs_three() -> None:
    rules = PacingRules()
    assert not rules.breaks(0, "a", "AAA")
    assert rules.breaks(14, "a", "AAA"), "identical within 15 s"
    assert not rules.breaks(29.5, "a", "AAA")
    six = PacingRules()
    assert [six.breaks(1, str(number), "AAA") for number in range(6)] == [False] * 5 + [True]
    assert not six.breaks(4, "other", "AAA")
    sixty = PacingRules()
    assert [sixty.breaks(number * 3, str(number), str(number)) for number in range(61)] == [False] * 60 + [True]
    double = PacingRules()
    assert [double.breaks(1, str(number), "AAA", weight=2) for number in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("form", "zone", "text"),
    [
        ("zone", "America/Chicago", "20240305 08:30:07 America/Chicago"),
        ("alias", "US/Eastern", "20240305 09:30:07 US/Eastern"),
        ("no_zone", "America/New_York", "20240305 09:30:07"),
        ("two_blanks", "America/New_York", "20240305  09:30:07"),
        ("utc_dash", "America/New_York", "20240305-14:30:07"),
    ],
)
def test_each_form_of_a_time_is_the_same_moment(form: TimeForm, zone: str, text: str) -> None:
    assert time_text(int(datetime(2024, 3, 5, 14, 30, 7, tzinfo=UTC).timestamp()), form, zone) == text


def test_only_the_message_named_arrives_later() -> None:
    model, plain = AdjustableLatency(seed=3), LatencyModel(seed=3)
    assert model.of("a") == plain.of("a")
    model.delay("a", "cancel", 5 * SECOND)
    assert model.of("a") == plain.of("a")
    late, drawn = model.of("a", message="cancel"), plain.of("a", message="cancel")
    assert (late.acknowledged_us, late.arrived_us) == (drawn.acknowledged_us, drawn.arrived_us + 5 * SECOND)


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0", codec="ascii")), min_size=1), max_size=8))
def test_frames_are_cut_where_they_were_joined(messages: list[list[str]]) -> None:
    frames = [encode_frame(fields) for fields in messages]
    assert list(cut(b"".join(frames))) == frames


def test_frames_know_kind_subject_and_can_be_changed() -> None:
    frame = Frame(encode_frame(["3", "17", "Filled", "1", "0"]))
    assert (frame.kind, frame.subject) == ("orderStatus", 17)
    assert frame.changed(f2="Inactive").fields == ["3", "17", "Inactive", "1", "0"]
    assert Frame(encode_frame(["176", "20240305"]), is_hello=True).kind == "hello"
    assert Frame(encode_frame(["200", "x"])).kind == "200"
    assert Frame(encode_frame(["62", "1"])).subject is None
