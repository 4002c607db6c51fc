"""What is built on threading: threads that are known to it, barriers, thread-local values."""

from __future__ import annotations

import contextlib
import threading
from threading import BrokenBarrierError
from typing import Any, Callable

from lowthread import Condition, Lock, _native, interrupt
from lowthread._builtin import thread as _builtin

__all__ = ["Barrier", "BrokenBarrierError", "Local", "Thread"]


if hasattr(_builtin, "start_joinable_thread"):
    # At exit the interpreter waits for the threads of its own module only.
    threading._register_atexit(_native._shutdown)  # type: ignore[attr-defined]


class Thread(threading.Thread):
    """A thread, known to threading as its own are, that can be interrupted; its join() can be, too."""

    if hasattr(_builtin, "start_joinable_thread"):
        # Since 3.13 a thread is what its handle says.

        def start(self) -> None:
            """Start the thread. RuntimeError if it was started before."""
            if not self._initialized:  # type: ignore[attr-defined]
                raise RuntimeError("thread.__init__() not called")
            if self._started.is_set():  # type: ignore[attr-defined]
                raise RuntimeError("threads can only be started once")
            handle = _native._ThreadHandle()
            self._handle = handle
            self._begin(lambda: _native.start_joinable_thread(self._bootstrap, handle, self.daemon))  # type: ignore[attr-defined]

    else:

        def start(self) -> None:
            """Start the thread. RuntimeError if it was started before."""
            if not self._initialized:  # type: ignore[attr-defined]
                raise RuntimeError("thread.__init__() not called")
            if self._started.is_set():  # type: ignore[attr-defined]
                raise RuntimeError("threads can only be started once")
            self._begin(lambda: _native.start_new_thread(self._bootstrap, ()))  # type: ignore[attr-defined]

        def _set_tstate_lock(self) -> None:
            # As threading does it, with a lock whose wait can be interrupted, and that it waits for at exit.
            lock = self._tstate_lock = _native._set_sentinel()
            lock.acquire()
            if not self.daemon:
                with threading._shutdown_locks_lock:  # type: ignore[attr-defined]
                    if hasattr(threading, "_maintain_shutdown_locks"):
                        threading._maintain_shutdown_locks()
                    threading._shutdown_locks.add(lock)  # type: ignore[attr-defined]

    def _begin(self, begin: Callable[[], object]) -> None:
        with threading._active_limbo_lock:  # type: ignore[attr-defined]
            threading._limbo[self] = self  # type: ignore[attr-defined]
        try:
            begin()
        except BaseException:
            with threading._active_limbo_lock:  # type: ignore[attr-defined]
                del threading._limbo[self]  # type: ignore[attr-defined]
            raise
        self._started.wait()  # type: ignore[attr-defined]

    def interrupt(self) -> None:
        """End the thread's wait, or its next one that would block: it raises Interrupted there.

        Nothing happens to a thread that has ended; RuntimeError for one that was not started.
        """
        if self.ident is None:
            raise RuntimeError("cannot interrupt thread before it is started")
        if self.is_alive():
            # It may have ended just now.
            with contextlib.suppress(ValueError):
                interrupt(self.ident)


class Barrier(threading.Barrier):
    """A barrier whose waits can be interrupted, which breaks it, as a time-out does."""

    def __init__(self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None) -> None:
        super().__init__(parties, action, timeout)  # type: ignore[arg-type]
        self._cond = Condition(Lock())

    def _wait(self, timeout: float | None) -> None:
        try:
            super()._wait(timeout)  # type: ignore[misc]
        except BrokenBarrierError:
            raise
        except BaseException:
            self._break()  # type: ignore[attr-defined]
            raise


class Local(_builtin._local):
    """Attributes of which each thread has its own. The interpreter's: its thread states keep them."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle 'lowthread.Local' object")
