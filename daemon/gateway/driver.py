"""Moves market time: one instant after another, as fast as pacing and the lockstep clients' answers allow."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from daemon.gateway.log import GatewayLog
from daemon.gateway.options import FREE_RUNNING_SPEED, GatewayOptions
from daemon.gateway.pacing import Pacer
from daemon.gateway.timeline import SECOND_US, Timeline

_SAVE_EVERY_US = 60 * SECOND_US
_BURST = 64  # instants at a stretch while nobody is waited for
_WATCH_S = 0.5


class Follower(Protocol):
    """A connected client as the driver sees it."""

    client_id: int
    is_ready: bool  # START_API done
    is_lockstep: bool
    sets_pace: bool  # market time goes as fast as this one answers, whatever speed was chosen

    def send_step(self, at_us: int) -> None:
        """Queue the mark that ends an instant."""
        ...

    def flush(self) -> None:
        """Write what is queued."""
        ...


class Driver:
    """The discrete-event loop over market time; everything it calls is synchronous.

    Time stands still until the first lockstep client's first answer, or, without any, until the first other client is
    ready. It waits for every lockstep client after every instant; one that stays silent too long is left behind and
    waited for again once it has answered.
    """

    def __init__(
        self,
        options: GatewayOptions,
        timeline: Timeline,
        log: GatewayLog,
        *,
        begin_session: Callable[[], None],
        play: Callable[[], None],
        save_time: Callable[[], None],
        due_us: Callable[[], int | None],
        followers: Callable[[], Iterable[Follower]],
    ) -> None:
        self._options = options
        self._timeline = timeline
        self._log = log
        self._begin_session = begin_session
        self._play = play  # does one instant
        self._save_time = save_time
        self._due_us = due_us
        self._followers = followers
        self._loop = asyncio.get_running_loop()
        self._pacer = Pacer(timeline.now_us, self._loop.time)
        self._timer: asyncio.Handle | None = None
        self._watch: asyncio.Handle | None = None
        self._waiting: dict[Follower, float] = {}  # lockstep clients whose answer is due, with host time of asking
        self._late: set[Follower] = set()  # left behind
        self._answered: set[Follower] = set()  # have answered at least once
        self._started = False
        self._saved_us = timeline.now_us

    def start(self) -> None:
        """Begin to watch over late answers."""
        self._watch = self._loop.call_later(_WATCH_S, self._check_late)

    def stop(self) -> None:
        """Stop for good."""
        for handle in (self._timer, self._watch):
            if handle is not None:
                handle.cancel()
        self._timer = self._watch = None
        self._started = False

    def joined(self, follower: Follower) -> None:
        """A client has finished START_API."""
        if follower.is_lockstep:
            self._ask(follower)
        self._start_for_the_free()
        self.poke()

    def left(self, follower: Follower) -> None:
        """A client is gone."""
        self._waiting.pop(follower, None)
        self._late.discard(follower)
        self._answered.discard(follower)
        self._start_for_the_free()
        self.poke()

    def answered(self, follower: Follower) -> bool:
        """Take a client's answer to a step; False when none was due, so that it is an ordinary request."""
        if follower in self._late:
            self._late.discard(follower)
            self._log("lockstep.resumed", {"client_id": follower.client_id, "market_us": self._timeline.now_us})
        elif self._waiting.pop(follower, None) is None:
            return False
        self._answered.add(follower)
        self._started = True
        return True

    def poke(self) -> None:
        """Move on as far as is possible now; harmless at any time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for _ in range(_BURST):
            if self._is_held():
                return
            at_us = self._timeline.next_us(self._due_us())
            if at_us is None:
                return
            jump = self._timeline.is_jump(at_us)
            wait_s = 0.0 if jump else self._pacer.wait_s(self._timeline.now_us, at_us, self._speed())
            if wait_s > 0:
                self._timer = self._loop.call_later(wait_s, self.poke)
                return
            self._step(at_us)
        self._timer = self._loop.call_soon(self.poke)

    def _start_for_the_free(self) -> None:
        """Start the market when clients are there and none of them keeps it in step."""
        ready = [follower for follower in self._followers() if follower.is_ready]
        if ready and not any(follower.is_lockstep for follower in ready):
            self._started = True

    def _is_held(self) -> bool:
        if not self._started or self._waiting:
            return True
        return self._options.hold_when_idle and not any(follower.is_ready for follower in self._followers())

    def _speed(self) -> float | None:
        if any(follower.sets_pace for follower in self._followers()):
            return None
        in_step = any(follower.is_lockstep and follower not in self._late for follower in self._followers())
        return self._options.speed if in_step else self._options.speed or FREE_RUNNING_SPEED

    def _step(self, at_us: int) -> None:
        if self._timeline.move(at_us):
            self._pacer.anchor(at_us)
            self._begin_session()
        self._play()
        if at_us - self._saved_us >= _SAVE_EVERY_US:
            self._saved_us = at_us
            self._save_time()
        for follower in tuple(self._followers()):
            if follower.is_ready:
                if follower.is_lockstep and follower not in self._late:
                    self._ask(follower)
                follower.flush()

    def _ask(self, follower: Follower) -> None:
        follower.send_step(self._timeline.now_us)
        self._waiting[follower] = self._loop.time()

    def _check_late(self) -> None:
        self._watch = self._loop.call_later(_WATCH_S, self._check_late)
        limit = self._loop.time() - self._options.answer_timeout_s
        for follower, asked_s in tuple(self._waiting.items()):
            warming_up = follower not in self._answered and not self._answered - self._late
            if asked_s < limit and not warming_up:
                del self._waiting[follower]
                self._late.add(follower)
                self._log("lockstep.lost", {"client_id": follower.client_id, "market_us": self._timeline.now_us})
                self.poke()
