"""Locks, queues, threads and pools whose waits can be interrupted, and a drop-in for the standard module _thread.

Names, arguments and exceptions are those of threading, queue and concurrent.futures. What is new: Ctrl-C,
interrupt_main() and Thread.interrupt() end every wait, none of which polls.

python -m lowthread script.py runs a program, unchanged, on these threads and locks; so does install(), called before
threading is imported.
"""

from __future__ import annotations

import atexit as _atexit
import os as _os
import sys as _sys
from typing import IO, TYPE_CHECKING, Any

from lowthread import _builtin, _native
from lowthread._native import (
    BoundedSemaphore,
    Case,
    Condition,
    Deadlock,
    Event,
    Interrupted,
    Lock,
    Queue,
    RLock,
    RWLock,
    Semaphore,
    Timer,
    Watchdog,
    Watcher,
    __version__,
    interrupt,
    interrupt_main,
    on_acquire,
    on_get,
    on_put,
    on_set,
    select,
    signal_restore,
    signal_to_callback,
    signal_to_event,
    signal_to_queue,
    sleep,
)

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Case",
    "Condition",
    "Deadlock",
    "Event",
    "Future",
    "Interrupted",
    "Local",
    "Lock",
    "Pool",
    "Queue",
    "RLock",
    "RWLock",
    "Semaphore",
    "ShutDown",
    "Thread",
    "Timer",
    "Watchdog",
    "Watcher",
    "__version__",
    "dump",
    "install",
    "interrupt",
    "interrupt_main",
    "on_acquire",
    "on_done",
    "on_get",
    "on_join",
    "on_put",
    "on_set",
    "select",
    "signal_restore",
    "signal_to_callback",
    "signal_to_event",
    "signal_to_queue",
    "sleep",
]

# Those that need threading, which install() wants to be first for.
_LAZY = {
    "Barrier": "_threads",
    "BrokenBarrierError": "_threads",
    "Local": "_threads",
    "Thread": "_threads",
    "Future": "_pool",
    "Pool": "_pool",
    "ShutDown": "_shutdown",
    "on_done": "_select",
    "on_join": "_select",
}


if TYPE_CHECKING:
    from lowthread._pool import Future, Pool
    from lowthread._select import on_done, on_join
    from lowthread._shutdown import ShutDown
    from lowthread._threads import Barrier, BrokenBarrierError, Local, Thread
else:

    def __getattr__(name):
        if name in _LAZY:
            import importlib

            value = getattr(importlib.import_module(f"lowthread.{_LAZY[name]}"), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module 'lowthread' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def dump(file: int | IO[Any] | None = None) -> None:
    """Write what each thread waits for, and who holds that, to a file or descriptor: sys.stderr by default.

    LOWTHREAD_DUMP_SIGNAL=QUIT in the environment has that signal do so at any time, also when the interpreter hangs.
    """
    if file is None:
        file = _sys.stderr
    _native._dump(file if isinstance(file, int) else file.fileno())


def install() -> None:
    """Put lowthread._thread in the place of the standard module _thread.

    To be called before threading is imported, or at least before a thread is started: threading is then executed
    anew, in its place. RuntimeError once there are other threads.
    """
    from lowthread import _thread

    if _sys.modules.get("_thread") is _thread:
        return
    threading = _sys.modules.get("threading")
    if threading is not None and (threading.active_count() != 1 or _builtin.thread._count() != 0):
        raise RuntimeError("lowthread.install() must be called before threads are started")
    _sys.modules["_thread"] = _thread
    if threading is not None:
        import importlib

        importlib.reload(threading)


def _in_child() -> None:
    _native._reopen()
    _native._forget_threads()
    _native._adopt()


def _at_exit() -> None:
    # Both last, as what is registered first: other functions may still start threads and be interrupted.
    _native._close()
    _native._unchain()


_native._adopt()
_os.register_at_fork(after_in_child=_in_child)
_atexit.register(_at_exit)
