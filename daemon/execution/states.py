"""The order state machine: pure functions from evidence to state."""

from decimal import Decimal

from daemon.domain.order import OrderState

_WORKING_WORDS = frozenset({"PreSubmitted", "Submitted"})
_CANCELLED_WORDS = frozenset({"Cancelled", "ApiCancelled"})


def after_status(state: OrderState, status: str, *, filled: Decimal, quantity: Decimal) -> OrderState:
    """Return the state after a status word on the wire.

    Executions outrank words: a word never takes a filled order back, and "Filled" without the executions changes
    nothing, because they are still to come. Words that regress are ignored.

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
    if status == "Inactive":
        return OrderState.UNKNOWN
    return state


def after_fill(state: OrderState, *, filled: Decimal, quantity: Decimal) -> OrderState:
    """Return the state after an execution; one that comes late opens an order that had ended."""
    if filled >= quantity:
        return OrderState.FILLED
    if state in {OrderState.PENDING_CANCEL, OrderState.CANCELLED}:
        return state  # the rest is being, or has been, cancelled: the fill stands all the same
    return OrderState.PARTIALLY_FILLED
