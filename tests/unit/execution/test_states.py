"""The order state machine as tables: every state, every word."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.order import OrderState
from daemon.execution.states import after_fill, after_status

SENDING, SUBMITTED, PARTIAL, PENDING, UNKNOWN, FILLED, CANCELLED, REJECTED = OrderState
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
    "ApiPending": SAME,
    "PendingSubmit": SAME,
    "PreSubmitted": {
        SENDING: SUBMITTED,
        SUBMITTED: SUBMITTED,
        PARTIAL: SUBMITTED,
        PENDING: PENDING,
        UNKNOWN: SUBMITTED,
        **DONE,
    },
    "Submitted": {
        SENDING: SUBMITTED,
        SUBMITTED: SUBMITTED,
        PARTIAL: SUBMITTED,
        PENDING: PENDING,
        UNKNOWN: SUBMITTED,
        **DONE,
    },
    "PendingCancel": {**dict.fromkeys([SENDING, SUBMITTED, PARTIAL, PENDING, UNKNOWN], PENDING), **DONE},
    "Filled": SAME,  # the executions are still to come
    "Inactive": {**dict.fromkeys([SENDING, SUBMITTED, PARTIAL, PENDING, UNKNOWN], UNKNOWN), **DONE},
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
