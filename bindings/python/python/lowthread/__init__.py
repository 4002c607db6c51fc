import sys as _sys

# The interpreter's own, which is there from its start, whatever stands under its name later.
import _thread as _builtin_thread
import atexit as _atexit
import os as _os

from lowthread import _native
from lowthread._native import Deadlock, Interrupted, Lock, RLock, interrupt, interrupt_main


def _in_child():
    _native._reopen()
    _native._forget_threads()
    _native._adopt()


_native._adopt()
_os.register_at_fork(after_in_child=_in_child)
_atexit.register(_native._close)


def install() -> None:
    """Put lowthread._thread in the place of the standard module _thread.

    To be called before threading is imported, or at least before a thread is started: threading is then executed
    anew, in its place. RuntimeError once there are other threads.
    """
    from lowthread import _thread

    if _sys.modules.get("_thread") is _thread:
        return
    threading = _sys.modules.get("threading")
    if threading is not None and (threading.active_count() != 1 or _builtin_thread._count() != 0):
        raise RuntimeError("lowthread.install() must be called before threads are started")
    _sys.modules["_thread"] = _thread
    if threading is not None:
        import importlib

        importlib.reload(threading)
