"""The order state machine as tables: every state, every word."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.order import OrderState
from daemon.execution.states import (
    LOST_AFTER,
    UNKNOWN_AFTER,
    Absence,
    after_absence,
    after_fill,
    after_presence,
    after_refusal,
    after_status,
)

SENDING, SUBMITTED, PARTIAL, PENDING, UNKNOWN, LOST, FILLED, CANCELLED, REJECTED = OrderState
WORDS = [
    "ApiPending",
    "PendingSubmit",
    "PreSubmitted",
    "Submitted",
    "PendingCancel",
    "Filled",
    "Inactive",
    "Cancelled",
    "ApiCancelled",
    "?",
]
SAME = {state: state for state in OrderState}
DONE = {FILLED: FILLED, CANCELLED: CANCELLED, REJECTED: REJECTED}

NOTHING_FILLED = {
    "ApiPending": {**SAME, LOST: UNKNOWN},
    "PendingSubmit": {**SAME, LOST: UNKNOWN},
    "PreSubmitted": {
        SENDING: SUBMITTED,
        SUBMITTED: SUBMITTED,
        PARTIAL: SUBMITTED,
        PENDING: PENDING,
        UNKNOWN: SUBMITTED,
        LOST: SUBMITTED,
        **DONE,
    },
    "Submitted": {
        SENDING: SUBMITTED,
        SUBMITTED: SUBMITTED,
        PARTIAL: SUBMITTED,
        PENDING: PENDING,
        UNKNOWN: SUBMITTED,
        LOST: SUBMITTED,
        **DONE,
    },
    "PendingCancel": {**dict.fromkeys([SENDING, SUBMITTED, PARTIAL, PENDING, UNKNOWN, LOST], PENDING), **DONE},
    "Filled": {**SAME, LOST: UNKNOWN},  # the executions are still to come
    "Inactive": {**dict.fromkeys([SENDING, SUBMITTED, PARTIAL, PENDING, UNKNOWN, LOST], UNKNOWN), **DONE},
    "Cancelled": {**dict.fromkeys(OrderState, CANCELLED), REJECTED: REJECTED},
    "ApiCancelled": {**dict.fromkeys(OrderState, CANCELLED), REJECTED: REJECTED},
    "?": SAME,
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("state", [state for state in OrderState if state is not FILLED])
def test_after_a_status_without_executions(word: str, state: OrderState) -> None:
    assert after_status(state, word, filled=Decimal(0), quantity=Decimal(10)) is NOTHING_FILLED[word][state]


@pytest.mark.parametrize(
    ("state", "word", "expected"),
    [
        (PARTIAL, "Submitted", PARTIAL),
        (SENDING, "Submitted", PARTIAL),
        (UNKNOWN, "PreSubmitted", PARTIAL),
        (LOST, "Submitted", PARTIAL),
        (LOST, "Cancelled", CANCELLED),
        (PARTIAL, "PendingCancel", PENDING),
        (PENDING, "Submitted", PENDING),
        (PARTIAL, "Cancelled", CANCELLED),
        (PARTIAL, "Filled", PARTIAL),
        (CANCELLED, "Submitted", CANCELLED),
    ],
)
def test_after_a_status_with_a_part_executed(state: OrderState, word: str, expected: OrderState) -> None:
    assert after_status(state, word, filled=Decimal(4), quantity=Decimal(10)) is expected


@given(st.sampled_from(list(OrderState)), st.sampled_from(WORDS))
def test_no_word_takes_a_filled_order_back(state: OrderState, word: str) -> None:
    assert after_status(state, word, filled=Decimal(10), quantity=Decimal(10)) is FILLED


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SENDING, PARTIAL),
        (SUBMITTED, PARTIAL),
        (PARTIAL, PARTIAL),
        (UNKNOWN, PARTIAL),
        (LOST, PARTIAL),
        (REJECTED, PARTIAL),
        (FILLED, PARTIAL),
        (PENDING, PENDING),
        (CANCELLED, CANCELLED),
    ],
)
def test_after_a_part_was_executed(state: OrderState, expected: OrderState) -> None:
    assert after_fill(state, filled=Decimal(4), quantity=Decimal(10)) is expected


@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize("filled", [10, 11])
def test_after_all_was_executed(state: OrderState, filled: int) -> None:
    assert after_fill(state, filled=Decimal(filled), quantity=Decimal(10)) is FILLED


def test_terminal_states_are_three() -> None:
    assert {state for state in OrderState if state.is_terminal} == {FILLED, CANCELLED, REJECTED}


# ---- what a complete snapshot does and does not show

absences = st.builds(
    Absence,
    in_a_row=st.integers(1, 6),
    at_connection=st.booleans(),
    session_over=st.booleans(),
    explained=st.booleans(),
    rejected=st.booleans(),
)


def absence(
    in_a_row: int,
    *,
    at_connection: bool = False,
    session_over: bool = False,
    explained: bool = True,
    rejected: bool = False,
) -> Absence:
    return Absence(
        in_a_row=in_a_row,
        at_connection=at_connection,
        session_over=session_over,
        explained=explained,
        rejected=rejected,
    )


@pytest.mark.parametrize(
    ("state", "what", "expected"),
    [
        (SUBMITTED, absence(1), SUBMITTED),  # it may have ended between two answers
        (SENDING, absence(UNKNOWN_AFTER), UNKNOWN),
        (SUBMITTED, absence(UNKNOWN_AFTER), UNKNOWN),
        (PARTIAL, absence(UNKNOWN_AFTER), UNKNOWN),
        (PENDING, absence(UNKNOWN_AFTER), UNKNOWN),
        (SENDING, absence(1, at_connection=True), UNKNOWN),
        (UNKNOWN, absence(LOST_AFTER - 1), UNKNOWN),
        (UNKNOWN, absence(LOST_AFTER), LOST),
        (UNKNOWN, absence(LOST_AFTER, explained=False), UNKNOWN),  # it has probably filled
        (SUBMITTED, absence(LOST_AFTER), UNKNOWN),  # one step at a time
        (LOST, absence(9), LOST),
        (LOST, absence(9, explained=False), UNKNOWN),  # it may have filled after all
        (LOST, absence(9, session_over=True), CANCELLED),
        (UNKNOWN, absence(1, rejected=True), REJECTED),  # an error said so before
        (UNKNOWN, absence(1, rejected=True, explained=False), UNKNOWN),
        (LOST, absence(9, session_over=True, explained=False), UNKNOWN),
        (SUBMITTED, absence(1, session_over=True), CANCELLED),
        (SUBMITTED, absence(UNKNOWN_AFTER, session_over=True, explained=False), UNKNOWN),
    ],
)
def test_after_an_absence(state: OrderState, what: Absence, expected: OrderState) -> None:
    assert after_absence(state, what) is expected


@given(st.sampled_from(list(OrderState)), absences)
def test_absence_alone_ends_no_order_within_its_session(state: OrderState, what: Absence) -> None:
    after = after_absence(state, what)
    assert after.is_terminal is (state.is_terminal or ((what.session_over or what.rejected) and what.explained))


@given(st.sampled_from(list(OrderState)), absences)
def test_an_order_is_lost_only_after_three_absences_that_the_position_bears_out(
    state: OrderState, what: Absence
) -> None:
    if after_absence(state, what) is LOST and state is not LOST:
        assert state is UNKNOWN
        assert what.in_a_row >= LOST_AFTER
        assert what.explained


@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("filled", [0, 4])
@pytest.mark.parametrize("word", WORDS)
def test_an_order_that_a_later_list_shows_open_lives(
    state: OrderState, word: str, *, settled: bool, filled: int
) -> None:
    found = after_presence(state, word, settled=settled, filled=Decimal(filled), quantity=Decimal(10))
    lives = PARTIAL if filled else SUBMITTED
    is_sign_of_life = word not in {"Inactive", "Cancelled", "ApiCancelled", "Filled", "?"}
    assert found is (lives if state.is_terminal and settled and is_sign_of_life else state)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SENDING, REJECTED),
        (UNKNOWN, REJECTED),
        (LOST, REJECTED),
        (PENDING, REJECTED),
        (CANCELLED, CANCELLED),
        (FILLED, FILLED),
    ],
)
def test_an_error_that_refuses_ends_only_what_was_never_acknowledged(state: OrderState, expected: OrderState) -> None:
    assert after_refusal(state, acknowledged=False) is expected
    assert after_refusal(state, acknowledged=True) is (state if state.is_terminal else UNKNOWN)


@given(
    st.sampled_from(list(OrderState)),
    st.lists(
        st.one_of(
            st.sampled_from(WORDS).map(lambda word: ("word", word)),
            st.integers(1, 4).map(lambda units: ("fill", units)),
            absences.map(lambda what: ("absence", what)),
            st.booleans().map(lambda settled: ("listed", settled)),
        ),
        max_size=20,
    ),
)
def test_whatever_is_told_in_whatever_order_all_executed_means_filled_and_nothing_else_does(
    state: OrderState, story: list[tuple[str, object]]
) -> None:
    state = SENDING if state is FILLED else state
    filled, quantity = Decimal(0), Decimal(10)
    for kind, what in story:
        if kind == "fill":
            assert isinstance(what, int)
            filled += what
            state = after_fill(state, filled=filled, quantity=quantity)
        elif kind == "word":
            state = after_status(state, str(what), filled=filled, quantity=quantity)
        elif kind == "listed":
            state = after_presence(state, "Submitted", settled=bool(what), filled=filled, quantity=quantity)
        else:
            assert isinstance(what, Absence)
            state = after_absence(state, what)
        assert (state is FILLED) is (filled >= quantity)
