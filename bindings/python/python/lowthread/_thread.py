"""The standard module _thread, on lowthread: every name of the interpreter's own, for lowthread.install().

Locks, threads and interrupts are lowthread's. Thread-local attributes and the default excepthook stay the
interpreter's: they are parts of its thread states, and have nothing that waits.
"""

import sys as _sys

from lowthread import _builtin_thread, _native
from lowthread._native import (
    _count,
    _RLock,
    allocate_lock,
    exit,
    get_ident,
    get_native_id,
    interrupt_main,
    lock,
    stack_size,
    start_new_thread,
)

_ExceptHookArgs = _builtin_thread._ExceptHookArgs
_excepthook = _builtin_thread._excepthook
_local = _builtin_thread._local
TIMEOUT_MAX = 9223372036.0

RLock = _RLock
LockType = lock
error = RuntimeError
allocate = allocate_lock
exit_thread = exit
start_new = start_new_thread

# What versions have and others have not: threading looks for it.
for _name in ("_set_sentinel", "daemon_threads_allowed", "_is_main_interpreter", "_get_main_thread_ident",
              "start_joinable_thread", "_make_thread_handle", "_ThreadHandle", "_shutdown"):
    if hasattr(_builtin_thread, _name):
        globals()[_name] = getattr(_native, _name)
if hasattr(_builtin_thread, "set_name"):
    set_name = _builtin_thread.set_name
if not hasattr(_builtin_thread, "lock"):
    del lock
del _name
