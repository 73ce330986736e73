"""Makes the faults of a plan happen to a running world, and counts those that did."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from daemon.domain.errors import JournalFailed
from daemon.simulation.clock import Wall
from daemon.simulation.disk import DISK_ERRORS, Disk
from daemon.simulation.faults import Fault, FaultKind
from daemon.simulation.gateway_faults import GATEWAY_FAULTS
from daemon.simulation.loop import VirtualLoop
from daemon.simulation.machines import DaemonMachine, GatewayMachine
from daemon.simulation.network import Link, Network
from daemon.simulation.process import Job, Killed, Process
from daemon.simulation.wire import Disturbance, Mouthpiece, notice
from daemon.simulation.witness import Witness

_DISTURBANCES: Final = {
    FaultKind.REPEATED: Disturbance.REPEAT,
    FaultKind.REORDERED: Disturbance.REORDER,
    FaultKind.SWALLOWED: Disturbance.SWALLOW,
    FaultKind.CORRECTED: Disturbance.CORRECT,
}
_JOB_FAULTS: Final = frozenset(
    {
        FaultKind.KILL_BEFORE_COMMIT,
        FaultKind.KILL_AFTER_COMMIT,
        FaultKind.DISK_REFUSES,
        FaultKind.DISK_LIES,
        FaultKind.DISK_FULL,
        FaultKind.DISK_BREAKS,
        FaultKind.CHECKPOINT_FAILS,
        FaultKind.POWER_LOST,
    }
)
_LATENCIES_S: Final = (0.3, 2.0)  # of a slow network, one way
_CLOCK_ERRORS: Final = (timedelta(seconds=20), timedelta(hours=1))  # ahead, or behind
_OPERATOR: Final = "operator"

Act = Callable[[], None]


class Injector:
    """The hand that does it."""

    def __init__(
        self,
        loop: VirtualLoop,
        *,
        network: Network,
        daemon: DaemonMachine,
        gateway: GatewayMachine,
        mouthpiece: Mouthpiece,
        witness: Witness,
        wall: Wall,
        disk: Disk,
    ) -> None:
        self._loop = loop
        self._disk = disk
        self._network = network
        self._daemon = daemon
        self._gateway = gateway
        self._mouthpiece = mouthpiece
        self._witness = witness
        self._wall = wall
        self._at_order: list[Act] = []  # done as the bytes of the next order are written
        self._job_fault: Fault | None = None
        self._jobs_left = 0  # until it strikes
        self._start_faults: list[Fault] = []  # one for each of the next starts
        self.struck: Counter[str] = Counter()  # by label
        self._paused = False  # by the operator, who will let it go on
        self.daemon_down_s = 0.2  # until the service manager starts it again
        witness.on_order = self._order_leaves
        daemon.on_start.append(self._begin)
        network.on_connected.append(self._connected)

    def strike(self, fault: Fault) -> None:
        """Let a fault happen, now or at the next order, as it is aimed."""
        if fault.kind is FaultKind.KILL_IN_START:
            self._start_faults = [fault]
            self._kill(fault, counted=False)
        elif fault.kind is FaultKind.KILL_IN_RECOVERY:  # with an order under way, and in the next start once more
            self._at_order.append(lambda: self._soon(lambda: self._kill_and_again(fault)))
        elif fault.kind is FaultKind.KILL_BEFORE_SEND:
            self._at_order.append(lambda: self._die_sending(fault))
        elif fault.kind is FaultKind.KILL_AFTER_SEND:
            self._at_order.append(lambda: self._soon(lambda: self._kill(fault)))
        elif fault.aimed:
            self._at_order.append(lambda: self._soon(lambda: self._do(fault)))
        else:
            self._do(fault)

    def leave_off(self) -> None:
        """Heal everything; nothing more happens."""
        self._at_order.clear()
        self._job_fault = None
        self._start_faults.clear()
        self._start_gateway()
        self._gateway.heal()
        if self._paused:
            self._resume()
        self._mouthpiece.leave_off()
        self._wall.set_wrong(timedelta())
        if self._daemon.process is not None:
            self._daemon.process.dies_at_step = 0
        for link in self._network.connections:
            for pipe in (link.up, link.down):
                pipe.cut_after, pipe.extra_delay_s = None, 0.0

    # ---- where it reaches in

    def _begin(self, process: Process) -> None:
        process.do_job = lambda job: self._do_job(process, job)
        if self._start_faults:
            fault = self._start_faults.pop(0)
            process.die_within(fault.count)
            process.on_death.append(lambda: self._note(fault))

    def _connected(self, link: Link) -> None:
        link.up.taps.append(self._witness.tap)
        version = [True]

        def rewrite(data: bytes) -> bytes:
            if version[0]:
                version[0] = False
                return self._mouthpiece.version(data)
            return self._mouthpiece(data)

        link.down.rewrite = rewrite

    def _order_leaves(self) -> None:
        acts, self._at_order = self._at_order, []
        for act in acts:
            act()

    def _do_job(self, process: Process, job: Job) -> Any:
        fault = self._job_fault
        self._jobs_left -= 1
        if fault is None or self._jobs_left > 0:
            return job()
        self._job_fault = None
        match fault.kind:
            case FaultKind.POWER_LOST:
                self._lose_power(process, fault, job)
            case FaultKind.DISK_FULL | FaultKind.DISK_BREAKS | FaultKind.CHECKPOINT_FAILS:
                return self._do_on_bad_disk(fault, job)
        self._note(fault)
        if fault.kind is FaultKind.DISK_REFUSES:
            raise JournalFailed(f"journal: {DISK_ERRORS[0]}")
        if fault.kind is FaultKind.KILL_BEFORE_COMMIT:
            self._die(process, fault)
        result = job()
        if fault.kind is FaultKind.DISK_LIES:
            raise JournalFailed(f"journal: {DISK_ERRORS[0]}")
        self._die(process, fault)
        return result

    def _lose_power(self, process: Process, fault: Fault, job: Job) -> None:
        """Let the machine of the daemon go dark while it writes."""
        self._note(fault)
        before = self._disk.synced(self._disk.image(), self._daemon.connection)
        with suppress(JournalFailed):
            job()
        after = self._disk.image()
        self.daemon_down_s = fault.seconds
        process.kill()  # closes the files, whose state is then what the disk makes of it
        self._disk.lose_power(before, after)
        raise Killed

    def _do_on_bad_disk(self, fault: Fault, job: Job) -> Any:
        """Let the disk fail in the midst of it; what was written is rolled back by SQLite, now or after a start."""
        connection = self._daemon.connection
        if connection is None:  # nothing is open yet
            return job()
        if fault.kind is FaultKind.CHECKPOINT_FAILS:
            self._note(fault)
            result = job()
            self._disk.fail_checkpoint(connection)
            return result
        if fault.kind is FaultKind.DISK_FULL:
            self._note(fault)
            self._disk.fill_up(connection)  # it may take some transactions more, until a page is needed
            return job()
        try:
            with self._disk.breaking():
                return job()
        except JournalFailed:
            self._note(fault)
            raise

    # ---- the faults

    def _do(self, fault: Fault) -> None:
        kind = fault.kind
        if kind in _JOB_FAULTS:
            self._job_fault, self._jobs_left = fault, fault.count
            return
        if kind in _DISTURBANCES:
            self._mouthpiece.disturb(_DISTURBANCES[kind], fault.count)
            self._note(fault)
            return
        if kind is FaultKind.KILL_ANYWHERE:
            self._kill_later(fault)
            return
        acts: dict[FaultKind, Callable[[Fault], None]] = {
            FaultKind.CUT_REQUESTS: self._cut,
            FaultKind.CUT_ANSWERS: self._cut,
            FaultKind.CLOSED: self._close,
            FaultKind.SILENCE: self._silence,
            FaultKind.DELAY: self._delay,
            FaultKind.GATEWAY_KILLED: self._kill_gateway,
            FaultKind.GATEWAY_RESTARTED: self._restart_gateway,
            FaultKind.UPSTREAM_LOST: self._lose_upstream,
            FaultKind.CLOCK_WRONG: self._set_clock,
            FaultKind.KILL_CLOSING: self._kill_closing,
            FaultKind.PAUSED: self._pause,
            FaultKind.GATEWAY: self._disturb_gateway,
        }
        acts[kind](fault)

    def _kill_later(self, fault: Fault) -> None:
        process = self._daemon.process
        if process is not None and self._daemon.is_running:
            self.daemon_down_s = fault.seconds
            process.die_within(fault.count)
            process.on_death.append(lambda: self._note(fault))

    def _kill_and_again(self, fault: Fault) -> None:
        self._start_faults = [fault, fault]
        self._kill(fault, counted=False)

    def _kill_closing(self, fault: Fault) -> None:
        self._kill_later(fault)
        self._daemon.stop()

    def _kill(self, fault: Fault, *, counted: bool = True) -> None:
        if self._daemon.process is not None and self._daemon.is_running:
            self.daemon_down_s = fault.seconds
            if counted:
                self._note(fault)
            self._daemon.process.kill()

    def _die(self, process: Process, fault: Fault) -> None:
        self.daemon_down_s = fault.seconds
        process.kill()
        raise Killed

    def _die_sending(self, fault: Fault) -> None:
        if self._daemon.process is not None:
            self._note(fault)
            self._die(self._daemon.process, fault)

    def _cut(self, fault: Fault) -> None:
        for link in self.open_links():
            pipe = link.up if fault.kind is FaultKind.CUT_REQUESTS else link.down
            pipe.cut_after = fault.count

            def act(link: Link = link) -> None:
                self._note(fault)
                link.reset()

            pipe.on_cut = act

    def _close(self, fault: Fault) -> None:
        for link in self.open_links():
            self._note(fault)
            link.finish()

    def _silence(self, fault: Fault) -> None:
        self._note(fault)
        self._network.hold(fault.seconds)

    def _delay(self, fault: Fault) -> None:
        self._note(fault)
        for link in self.open_links():
            for pipe in (link.up, link.down):
                pipe.extra_delay_s = _LATENCIES_S[fault.count > 1]
        self._later(fault.seconds, self._hurry)

    def _hurry(self) -> None:
        for link in self.open_links():
            link.up.extra_delay_s = link.down.extra_delay_s = 0.0

    def _kill_gateway(self, fault: Fault) -> None:
        if self._gateway.is_running:
            self._note(fault)
            self._mouthpiece.forgets_order_ids = fault.count > 1
            self._gateway.kill()
            self._later(fault.seconds, self._start_gateway)

    def _restart_gateway(self, fault: Fault) -> None:
        if self._gateway.is_running:
            self._note(fault)
            self._gateway.stop_soon()
            self._later(fault.seconds, self._start_gateway)

    def _start_gateway(self) -> None:
        if not self._gateway.is_running:
            self._gateway.start()

    def _lose_upstream(self, fault: Fault) -> None:
        self._note(fault)
        self._say(notice(1100, "Connectivity between IB and Trader Workstation has been lost."))
        code = 1101 if fault.count > 1 else 1102
        text = "Connectivity between IB and Trader Workstation has been restored."
        self._later(fault.seconds, lambda: self._say(notice(code, text)))

    def _say(self, message: bytes) -> None:
        for link in self.open_links():
            link.down.push(message)

    def _set_clock(self, fault: Fault) -> None:
        self._note(fault)
        error = _CLOCK_ERRORS[fault.count > 1]
        self._wall.set_wrong(error if fault.count % 2 else -error)
        self._later(fault.seconds, lambda: self._wall.set_wrong(timedelta()))

    def _pause(self, fault: Fault) -> None:
        """Let the operator stop what opens risk, for a while."""
        if self._daemon.operate(lambda control: control.pause(_OPERATOR)):
            self._note(fault)
            self._paused = True
            self._later(fault.seconds, self._resume)

    def _resume(self) -> None:
        if self._daemon.operate(lambda control: control.resume(_OPERATOR)):
            self._paused = False

    def _disturb_gateway(self, fault: Fault) -> None:
        wanted = GATEWAY_FAULTS[fault.detail]
        if self._gateway.disturb(wanted.entry(fault.count), lasting_s=fault.seconds if wanted.lasts else None):
            self._note(fault)

    def open_links(self) -> list[Link]:
        """Return the connections that there are."""
        return [link for link in self._network.connections if link.is_open]

    def _note(self, fault: Fault) -> None:
        self.struck[fault.label] += 1

    def _soon(self, act: Act) -> None:
        self._loop.call_soon(act, context=self._loop.outside)

    def _later(self, seconds: float, act: Act) -> None:
        self._loop.call_later(seconds, act, context=self._loop.outside)
