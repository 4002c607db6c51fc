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

    This must be done before threading is imported: RuntimeError otherwise.
    """
    from lowthread import _thread

    if _sys.modules.get("_thread") is _thread:
        return
    if "threading" in _sys.modules:
        raise RuntimeError("lowthread.install() must be called before threading is imported")
    _sys.modules["_thread"] = _thread
