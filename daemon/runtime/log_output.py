"""Where log lines go: a stream and a file that can be full, gone or blocked without anybody noticing but a counter.

A pipe or terminal whose reader has stopped must not stop the event loop. So a line is written only where the system
says that it takes one; until then lines wait, up to a bound, and what does not fit is dropped and counted.
"""

import os
import select
import stat
import threading
from collections import deque
from pathlib import Path
from typing import IO, Final

_WAITING_BYTES: Final = 4 << 20
_CHUNK_BYTES: Final = 4096  # PIPE_BUF: what a pipe that polls as writable takes without blocking
_PATIENCE_MS: Final = 1000  # for what still waits at the end


class DescriptorOutput:
    """Lines to a file descriptor, which it owns, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self.dropped = 0
        self._lock = threading.RLock()
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._torn = False  # the last line went out in part only
        self._use(descriptor)

    def write(self, line: bytes) -> None:
        """Write `line`, which ends in a newline, now or as soon as the other side reads."""
        with self._lock:
            if (self._waiting and not self._write_waiting(0)) or (self._may_block and not self._poll.poll(0)):
                self._wait(line)
            else:
                self._write_now(line)

    def flush(self) -> None:
        """Give what waits a last chance: up to a second for each time the reader makes room."""
        with self._lock:
            if not self._write_waiting(_PATIENCE_MS):
                self._drop_waiting()

    def replace(self, descriptor: int) -> None:
        """Go on with another descriptor, and close the one before."""
        with self._lock:
            self.flush()
            os.close(self._descriptor)
            self._use(descriptor)

    def close(self) -> None:
        """Flush and close."""
        with self._lock:
            self.flush()
            os.close(self._descriptor)

    def _use(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._may_block = not stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._torn = False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def _write_now(self, line: bytes) -> None:
        data = b"\n" + line if self._torn else line
        if self._may_block and len(data) > _CHUNK_BYTES:
            self._wait(line)
            self._write_waiting(0)
            return
        try:
            written = os.write(self._descriptor, data)
        except BlockingIOError:
            self._wait(line)
        except OSError:
            self.dropped += 1
        else:
            self._torn = False
            if written < len(data):
                self._keep_rest(memoryview(data)[written:])

    def _keep_rest(self, rest: memoryview) -> None:
        if self._may_block:
            self._waiting.appendleft(rest)
            self._waiting_bytes += len(rest)
        else:  # a regular file takes all, unless the disk is full
            self.dropped += 1
            self._torn = True

    def _wait(self, line: bytes) -> None:
        if self._waiting_bytes + len(line) > _WAITING_BYTES:
            self.dropped += 1
            return
        self._waiting.append(memoryview(line))
        self._waiting_bytes += len(line)

    def _write_waiting(self, patience_ms: int) -> bool:
        """Write what waits while there is room; return whether nothing waits any more."""
        while self._waiting:
            if self._may_block and not self._poll.poll(patience_ms):
                return False
            line = self._waiting.popleft()
            try:
                written = os.write(self._descriptor, line[:_CHUNK_BYTES])
            except BlockingIOError:
                self._waiting.appendleft(line)
                return False
            except OSError:
                self._waiting.appendleft(line)
                self._drop_waiting()
                return True
            self._waiting_bytes -= written
            if written < len(line):
                self._waiting.appendleft(line[written:])
        return True

    def _drop_waiting(self) -> None:
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0


class StreamOutput:
    """Lines to a stream without a descriptor, such as one held in memory."""

    def __init__(self, stream: IO[str]) -> None:
        self.dropped = 0
        self._stream = stream

    def write(self, line: bytes) -> None:
        """Write `line`."""
        try:
            self._stream.write(line.decode())
        except (OSError, ValueError):  # ValueError: closed
            self.dropped += 1

    def close(self) -> None:
        """Hand on what the stream holds back; it stays open."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self.dropped += 1


class FileOutput:
    """Lines to a file that may be moved away (reopen) and need not be there at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._output: DescriptorOutput | None = None
        self._missed = 0

    @property
    def dropped(self) -> int:
        """Return how many lines were lost."""
        return self._missed + (self._output.dropped if self._output else 0)

    def open(self) -> str:
        """Open the file, or open it anew under its name; return why that failed, or nothing.

        Whatever was open stays open then, so that no line is lost.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            return error.strerror or type(error).__name__
        if self._output is None:
            self._output = DescriptorOutput(descriptor)
        else:
            self._output.replace(descriptor)
        return ""

    def write(self, line: bytes) -> None:
        """Write `line`."""
        if self._output is None:
            self._missed += 1
        else:
            self._output.write(line)

    def close(self) -> None:
        """Close the file; lines after that count as lost."""
        if self._output is not None:
            self._output.close()
            self._missed += self._output.dropped
            self._output = None


def output_to(stream: IO[str]) -> DescriptorOutput | StreamOutput:
    """Return the output for `stream`, past its own buffer where it has a descriptor."""
    try:
        stream.flush()
        return DescriptorOutput(os.dup(stream.fileno()))
    except (OSError, ValueError, AttributeError):  # in memory, or closed
        return StreamOutput(stream)
