"""The order state machine: pure functions from evidence to state."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from daemon.domain.order import OrderState

_WORKING_WORDS = frozenset({"PreSubmitted", "Submitted"})
_CANCELLED_WORDS = frozenset({"Cancelled", "ApiCancelled"})
_ON_ITS_WAY_WORDS = frozenset({"ApiPending", "PendingSubmit", "Filled"})
LIVE_WORDS: Final = frozenset({"ApiPending", "PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel"})
UNKNOWN_AFTER: Final = 2  # snapshots in a row that do not show an order; at a new connection the first will do
LOST_AFTER: Final = 3


def after_status(state: OrderState, status: str, *, filled: Decimal, quantity: Decimal) -> OrderState:
    """Return the state after a status word on the wire.

    Executions outrank words: a word never takes a filled order back, and "Filled" without the executions changes
    nothing, because they are still to come. Words that regress are ignored. Whatever is said of an order that was
    given up for lost brings it back.

    Args:
        state: the present state.
        status: the broker's word.
        filled: quantity by executions so far.
        quantity: quantity ordered.
    """
    if filled >= quantity:
        return OrderState.FILLED
    if status in _CANCELLED_WORDS:
        return OrderState.REJECTED if state is OrderState.REJECTED else OrderState.CANCELLED
    if state.is_terminal:
        return state
    if status == "PendingCancel" or (state is OrderState.PENDING_CANCEL and status in _WORKING_WORDS):
        return OrderState.PENDING_CANCEL
    if status in _WORKING_WORDS:
        return OrderState.PARTIALLY_FILLED if filled else OrderState.SUBMITTED
    if status == "Inactive" or (state is OrderState.LOST and status in _ON_ITS_WAY_WORDS):
        return OrderState.UNKNOWN
    return state


def after_refusal(state: OrderState, *, acknowledged: bool) -> OrderState:
    """Return the state of an order, nothing of it filled, whose number came with an error that says it was refused.

    The same errors have been seen for orders that live on. Where the broker had acknowledged the order, the error alone
    decides nothing: it is UNKNOWN until a status, a completed order or a complete snapshot says the same.
    """
    if state.is_terminal:
        return state
    return OrderState.UNKNOWN if acknowledged else OrderState.REJECTED


def after_completion(state: OrderState, *, filled: Decimal, quantity: Decimal) -> OrderState:
    """Return the state of an order that the broker lists as completed, with no more filled than we know of.

    Whatever its word ("Inactive" after a refusal that was missed, "Filled" before a correction), nothing comes of it
    any more.
    """
    if filled >= quantity:
        return OrderState.FILLED
    return OrderState.REJECTED if state is OrderState.REJECTED else OrderState.CANCELLED


def after_fill(state: OrderState, *, filled: Decimal, quantity: Decimal) -> OrderState:
    """Return the state after an execution; one that comes late opens an order that had ended."""
    if filled >= quantity:
        return OrderState.FILLED
    if state in {OrderState.PENDING_CANCEL, OrderState.CANCELLED}:
        return state  # the rest is being, or has been, cancelled: the fill stands all the same
    return OrderState.PARTIALLY_FILLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """That complete snapshots do not show an order."""

    in_a_row: int  # at least ten seconds apart, on one connection, with nothing heard of the order in between
    at_connection: bool  # the last was taken as a connection began
    session_over: bool  # the order could not have outlived its session
    explained: bool  # the broker's position in its instrument is what our books say
    rejected: bool = False  # an error said that it was refused, and nothing of it has filled


def after_absence(state: OrderState, absence: Absence) -> OrderState:
    """Return the state of an order that a complete snapshot does not show.

    It has ended only where an error had said so before, or its session is over, and the position shows that nothing
    more was executed. Before that it may still be on its way, or its execution may not be told of yet: it becomes
    UNKNOWN, and LOST once it has been missing time and again, for as long as the position stays as it was. Neither is
    ever sent again.
    """
    if state.is_terminal:
        return state
    if absence.rejected and absence.explained:
        return OrderState.REJECTED
    if absence.session_over and absence.explained:
        return OrderState.CANCELLED
    if state is OrderState.LOST:
        return state if absence.explained else OrderState.UNKNOWN
    if state is OrderState.UNKNOWN and absence.in_a_row >= LOST_AFTER and absence.explained:
        return OrderState.LOST
    return OrderState.UNKNOWN if absence.at_connection or absence.in_a_row >= UNKNOWN_AFTER else state


def after_presence(state: OrderState, word: str, *, settled: bool, filled: Decimal, quantity: Decimal) -> OrderState:
    """Return the state of an order that a complete snapshot lists among the open ones.

    Args:
        state: the present state.
        word: the broker's word; one that was refused may be listed as "Inactive", which is no sign of life.
        settled: whether its end, if it had ended, was told long enough before the snapshot was asked for: then the
            list is the later word, and the order lives.
        filled: quantity by executions so far.
        quantity: quantity ordered.
    """
    if filled >= quantity or not state.is_terminal or not settled or word not in LIVE_WORDS:
        return state
    return OrderState.PARTIALLY_FILLED if filled else OrderState.SUBMITTED
