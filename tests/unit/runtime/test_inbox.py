"""The one queue: order kept, nothing blocked, an overflow told where it hurts."""

import asyncio

import pytest

from daemon.runtime.inbox import Inbox, InboxFull


async def test_items_come_out_in_the_order_in_which_they_went_in() -> None:
    inbox: Inbox[int, str] = Inbox(10)
    for number in range(3):
        inbox.put(number)
    await inbox.wait()
    assert len(inbox) == 3
    assert inbox.take() == [0, 1, 2]
    assert inbox.take() == []


async def test_waiting_ends_when_something_arrives_and_only_then() -> None:
    inbox: Inbox[int, str] = Inbox(10)
    waiting = asyncio.create_task(inbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(1)
    await waiting


async def test_an_overflow_refuses_the_item_and_is_told_to_the_consumer() -> None:
    inbox: Inbox[int, str] = Inbox(2)
    for number in range(3):
        inbox.put(number)
    with pytest.raises(InboxFull):
        await inbox.wait()
    assert inbox.take() == [0, 1]
    inbox.nudge()
    with pytest.raises(InboxFull):  # something is lost for ever: no later call makes that good
        await inbox.wait()


async def test_an_inbox_filled_to_its_limit_has_lost_nothing() -> None:
    inbox: Inbox[int, str] = Inbox(2)
    inbox.put(0)
    inbox.put(1)
    await inbox.wait()
    assert inbox.take() == [0, 1]


async def test_a_batch_ends_with_its_mark_and_leaves_the_rest() -> None:
    inbox: Inbox[int, str] = Inbox(10)
    for number in (1, 2, 0, 3, 0, 4):
        inbox.put(number)
    assert inbox.take_batch(lambda item: item == 0) == [1, 2, 0]
    await asyncio.wait_for(inbox.wait(), 30)
    assert inbox.take_batch(lambda item: item == 0) == [3, 0]
    assert inbox.take_batch(lambda item: item == 0) == []
    waiting = asyncio.create_task(inbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()  # an incomplete batch does not spin the consumer
    inbox.put(0)
    await waiting
    assert inbox.take_batch(lambda item: item == 0) == [4, 0]


async def test_what_is_posted_waits_in_a_lane_of_its_own_and_wakes_the_consumer() -> None:
    inbox: Inbox[int, str] = Inbox(10)
    inbox.put(1)
    inbox.post("a")
    inbox.post("b")
    assert (len(inbox), inbox.has_posted) == (3, True)
    assert inbox.take() == [1]
    assert inbox.take_posted() == ["a", "b"]
    assert not inbox.has_posted
    inbox.post("c")
    await asyncio.wait_for(inbox.wait(), 30)
    assert inbox.take() == []
    assert inbox.take_posted() == ["c"]


async def test_posting_beyond_the_limit_is_told_at_the_next_wait() -> None:
    inbox: Inbox[int, str] = Inbox(1)
    inbox.post("a")
    inbox.post("b")
    with pytest.raises(InboxFull):
        await inbox.wait()
    assert inbox.take_posted() == ["a"]


async def test_a_nudge_wakes_the_consumer_with_nothing_new() -> None:
    inbox: Inbox[int, str] = Inbox(1)
    inbox.nudge()
    await asyncio.wait_for(inbox.wait(), 30)
    assert inbox.take() == []
