"""The standard module _thread, on lowthread: every name of the interpreter's own, for lowthread.install().

Locks, threads and interrupts are lowthread's. Thread-local attributes and the default excepthook stay the
interpreter's: they are parts of its thread states, and have nothing that waits.
"""

from lowthread import _native
from lowthread._builtin import thread as _builtin
from lowthread._native import (
    _RLock,
    allocate_lock,
    exit,
    lock,
    start_new_thread,
)

_ExceptHookArgs = _builtin._ExceptHookArgs
_excepthook = _builtin._excepthook
_local = _builtin._local
TIMEOUT_MAX = 9223372036.0

RLock = _RLock
LockType = lock
error = RuntimeError
allocate = allocate_lock
exit_thread = exit
start_new = start_new_thread

# What versions have and others have not: threading looks for it.
for _name in (
    "_set_sentinel",
    "daemon_threads_allowed",
    "_is_main_interpreter",
    "_get_main_thread_ident",
    "start_joinable_thread",
    "_make_thread_handle",
    "_ThreadHandle",
    "_shutdown",
):
    if hasattr(_builtin, _name):
        globals()[_name] = getattr(_native, _name)
if hasattr(_builtin, "set_name"):
    set_name = _builtin.set_name
if not hasattr(_builtin, "lock"):
    del lock
del _name
