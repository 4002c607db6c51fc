"""The standard module _thread, on lowthread: every name of the interpreter's own, for lowthread.install().

Locks, threads and interrupts are lowthread's. Thread-local attributes and the default excepthook stay the
interpreter's: they are parts of its thread states, and have nothing that waits.
"""

from lowthread import _native
from lowthread._builtin import thread as _builtin
from lowthread._native import (
    _count,
    _RLock,
    allocate_lock,
    exit,
    get_ident,
    get_native_id,
    interrupt_main,
    stack_size,
    start_new_thread,
)

TIMEOUT_MAX = 9223372036.0

_ExceptHookArgs = _builtin._ExceptHookArgs
_excepthook = _builtin._excepthook
_local = _builtin._local

LockType = _native.lock
RLock = _RLock
error = RuntimeError
allocate = allocate_lock
exit_thread = exit
start_new = start_new_thread

# What some versions have and others have not: threading looks for it.
for _name in (
    "_ThreadHandle",
    "_get_main_thread_ident",
    "_is_main_interpreter",
    "_make_thread_handle",
    "_set_sentinel",
    "_shutdown",
    "daemon_threads_allowed",
    "lock",
    "start_joinable_thread",
):
    if hasattr(_builtin, _name):
        globals()[_name] = getattr(_native, _name)
if hasattr(_builtin, "set_name"):  # Of 3.14. It is about the calling thread, whoever started it.
    set_name = _builtin.set_name
del _name
