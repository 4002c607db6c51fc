"""lowthread from Python by cffi. cffi lets go of the GIL for each call and takes it for each callback, on
whatever thread; so a thread that waits in the library holds up nobody."""

import os
from pathlib import Path

import cffi

ffi = cffi.FFI()
ffi.cdef((Path(__file__).parents[2] / "include/lowthread.cdef.h").read_text())
lt = ffi.dlopen(os.environ.get("LOWTHREAD_LIBRARY", "liblowthread.so"))


class Error(Exception):
    pass


def text(chars):
    return ffi.string(chars).decode()


def check(status):
    """Errors raise; answers, such as LT_TIMED_OUT, are returned."""
    if status < 0:
        raise Error(text(lt.lt_last_error()))
    return status


def fail(kind, error, traceback):
    """No exception crosses C: the task has failed with it, once it returns."""
    check(lt.lt_fail(1, str(error).encode()))


# One C function for all tasks, made once and kept; what it calls comes with the handle.
@ffi.callback("void *(void *)", onerror=fail)
def run(arg):
    task = ffi.from_handle(arg)
    task.result = task.function(*task.arguments)
    return ffi.NULL


class Task:
    def __init__(self, pool, function, *arguments):
        self.function, self.arguments = function, arguments
        self.handle = ffi.new_handle(self)  # Keeps the task for C as long as this lives.
        future = ffi.new("lt_future **")
        check(lt.lt_pool_submit(pool, run, self.handle, future))
        self.future = future[0]

    def get(self):
        status = check(lt.lt_future_result(self.future, ffi.NULL))
        message = text(lt.lt_status_message(status))
        if status == lt.LT_FAILED:
            info = ffi.new("lt_error_info **")
            check(lt.lt_future_error(self.future, info))
            message = text(info[0].message)
        check(lt.lt_future_free(self.future))
        if status != lt.LT_OK:
            raise Error(message)
        return self.result


pool = lt.lt_pool_new(4, ffi.NULL)
tasks = [Task(pool, lambda n: n * n, n) for n in (1, 2, 3, 4)]
print("squares:", *(task.get() for task in tasks))

# A queue between Python's thread and one of C's. Items are pointers: a number will do as one.
queue = lt.lt_queue_new(0)
out = ffi.new("void **")
status = check(lt.lt_queue_get_timeout(queue, 0.02, out))
print("timed out:", text(lt.lt_status_message(status)))
echo = Task(pool, lambda: check(lt.lt_queue_put(queue, ffi.cast("void *", 42))))
check(lt.lt_queue_get(queue, out))
assert int(ffi.cast("intptr_t", out[0])) == 42 and echo.get() == lt.LT_OK

# The main thread's wait, ended by another thread.
main = lt.lt_get_ident()
interrupter = Task(pool, lambda: check(lt.lt_interrupt(main)))
status = check(lt.lt_queue_get(queue, out))
print("interrupted:", text(lt.lt_status_message(status)))
assert interrupter.get() == lt.LT_OK


def divide(a, b):
    if b == 0:
        raise Error(f"{a} cannot be divided by 0")
    return a / b


for what, function in ("failed", Task(pool, divide, 84, 0).get), ("error", lambda: check(lt.lt_lock_release(lock))):
    lock = lt.lt_allocate_lock()
    try:
        function()
        raise SystemExit("an exception was expected")
    except Error as error:
        print(f"{what}: {error}")
    check(lt.lt_lock_free(lock))

check(lt.lt_pool_free(pool))
check(lt.lt_queue_free(queue))
