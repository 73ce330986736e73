"""Budgets of messages and sliding windows."""

import asyncio

import pytest

from daemon.adapters.ib.pacing import MessageBudget, SlidingWindow


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_bulk_requests_leave_the_reserve_to_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    budget = MessageBudget(per_second=10, reserve=4, now=time)
    for _ in range(6):
        await budget.acquire()
    assert slept == []
    assert [budget.take() for _ in range(5)] == [True] * 4 + [False]
    await budget.acquire()
    assert slept == [pytest.approx(1.0)]


async def test_no_second_holds_more_messages_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    sent: list[float] = []

    async def sleep(seconds: float) -> None:
        time.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    budget = MessageBudget(per_second=20, reserve=5, now=time)
    for index in range(200):
        await budget.acquire()
        sent.append(time.now)
        if index % 3 == 0 and budget.take():
            sent.append(time.now)
    assert 15 < max(sum(1 for other in sent if at <= other < at + 1) for at in sent) <= 20


async def test_budget_smaller_than_its_reserve_still_lets_requests_through() -> None:
    budget = MessageBudget(per_second=2, reserve=5, now=Time())
    await budget.acquire()
    assert [budget.take(), budget.take()] == [True, False]


async def test_budget_without_a_rate_never_waits() -> None:
    budget = MessageBudget(per_second=0, reserve=5, now=Time())
    for _ in range(1000):
        await budget.acquire()
        assert budget.take()


def test_window_lets_through_as_many_as_its_limit() -> None:
    window = SlidingWindow(limit=2, seconds=10)
    assert [window.take(0), window.take(1), window.take(2)] == [True, True, False]
    assert window.wait_s(2) == 8
    assert [window.take(10), window.take(10)] == [True, False]


def test_window_knows_how_long_many_take() -> None:
    window = SlidingWindow(limit=60, seconds=600)
    assert window.time_for(60, 0) == 0
    assert window.time_for(100, 0) == 600
    assert window.time_for(121, 0) == 1200
    for _ in range(60):
        window.take(0)
    assert window.time_for(1, 100) == 500
    assert SlidingWindow(limit=0, seconds=600).time_for(1000, 0) == 0
