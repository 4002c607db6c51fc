# not a test: the module that the scripts beside it import
"""lowthread from Python, with nothing but ctypes: written by hand, to be copied and added to.

The library is the file in $LOWTHREAD_LIBRARY, else what the system finds by its name. A status that is
an error becomes a LowthreadError, an answer ("not in time") becomes False where there is a question.

Three rules keep this safe; they are those of every language with a runtime of its own:

1. ctypes.CDLL releases the GIL during each call, so a thread that waits in the library holds up nobody.
   (ctypes.PyDLL does not: a callback would then wait for ever for the thread that waits for it.)
2. What C calls must live as long as C may call it. There is one C function for each kind of callback,
   made once and never freed. What it is to call stands in a table, and C carries the number of the row.
3. No exception crosses C. A Python exception is kept and raised again where the result is asked for;
   lt_fail() tells C that the thread or task has failed. A callback must not call lt_exit() or
   lt_raise(), which would unwind the interpreter's own frames.
"""

import ctypes
import itertools
import os
import signal
from ctypes import POINTER, byref, c_bool, c_char_p, c_double, c_int, c_int32, c_size_t, c_uint32
from ctypes import c_uint64, c_void_p

lib = ctypes.CDLL(os.environ.get("LOWTHREAD_LIBRARY", "liblowthread.so.0"))

OK, BUSY, TIMED_OUT, INTERRUPTED, CLOSED, BROKEN, CANCELLED, FAILED, EMPTY, FULL = range(10)
INVALID, BAD_HANDLE, NOT_HELD, NOT_OWNER, OVERFLOW, NO_MEMORY, NO_THREAD, DEADLOCK, UNSUPPORTED = \
    range(-1, -10, -1)
FOREVER = -1.0
ALL, ANY, FIRST_ERROR = range(3)


class LowthreadError(Exception):
    """A call that did not do what it was asked to: its status, and a sentence."""

    def __init__(self, status):
        self.status = status
        self.name = lib.lt_status_name(status).decode()
        sentence = lib.lt_last_error() if status < 0 else lib.lt_status_message(status)
        super().__init__(f"{self.name}: {sentence.decode()}")


def check(status, *answers):
    """OK is True, one of the answers False; Ctrl-C is KeyboardInterrupt; all else is an error."""
    if status == OK:
        return True
    if status in answers:
        return False
    if status == INTERRUPTED and lib.lt_interrupt_signal() == signal.SIGINT:
        raise KeyboardInterrupt
    raise LowthreadError(status)


def seconds(timeout):
    return FOREVER if timeout is None else timeout


# ---- The functions, as the header has them ----

ThreadFunction = ctypes.CFUNCTYPE(None, c_void_p)  # lt_thread_fn, lt_drop_fn, lt_timer_fn
TaskFunction = ctypes.CFUNCTYPE(c_void_p, c_void_p)  # lt_task_fn
FutureFunction = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)  # lt_future_fn


def declare(result, **functions):
    for name, arguments in functions.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments


HANDLE = (c_void_p,)  # Each is an address to ctypes; the library itself knows whose it is.
TIMED = (c_void_p, c_double)
declare(c_char_p, lt_status_name=(c_int32,), lt_status_message=(c_int32,), lt_last_error=())
declare(c_int32, lt_last_status=(), lt_sleep=(c_double,), lt_shutdown=(c_double,))
declare(c_int32, lt_signal_to_main=(c_int,), lt_signal_restore=(c_int,), lt_check_interrupt=())
declare(c_int32, lt_interrupt_main=(c_int,), lt_fail=(c_int, c_char_p))
declare(c_int, lt_interrupt_signal=())
declare(c_size_t, lt_thread_count=(), lt_queue_size=HANDLE)
declare(c_uint64, lt_get_ident=())
declare(c_void_p, lt_allocate_lock=(), lt_rlock_new=(), lt_event_new=())
declare(c_void_p, lt_semaphore_new_bounded=(c_uint32, c_uint32), lt_queue_new=(c_size_t,))
declare(c_void_p, lt_pool_new=(c_uint32, c_char_p))
declare(c_bool, lt_lock_locked=HANDLE, lt_event_is_set=HANDLE)
declare(c_bool, lt_future_done=HANDLE, lt_future_running=HANDLE, lt_future_cancelled=HANDLE)
declare(c_int32, lt_lock_acquire_timeout=TIMED, lt_lock_release=HANDLE, lt_lock_free=HANDLE)
declare(c_int32, lt_rlock_acquire_timeout=TIMED, lt_rlock_release=HANDLE, lt_rlock_free=HANDLE)
declare(c_int32, lt_semaphore_acquire_timeout=TIMED, lt_semaphore_release=(c_void_p, c_uint32))
declare(c_int32, lt_semaphore_free=HANDLE)
declare(c_int32, lt_event_wait_timeout=TIMED, lt_event_set=HANDLE, lt_event_clear=HANDLE)
declare(c_int32, lt_event_free=HANDLE)
declare(c_int32, lt_queue_put_timeout=(c_void_p, c_void_p, c_double), lt_queue_free=HANDLE)
declare(c_int32, lt_queue_get_timeout=(c_void_p, c_double, POINTER(c_void_p)))
declare(c_int32, lt_queue_close=(c_void_p, c_bool), lt_queue_set_drop=(c_void_p, ThreadFunction))
declare(c_int32, lt_thread_start=(ThreadFunction, c_void_p, c_void_p, POINTER(c_void_p)))
declare(c_int32, lt_thread_join_timeout=TIMED, lt_thread_interrupt=HANDLE, lt_thread_free=HANDLE)
declare(c_int32, lt_start_new_thread=(ThreadFunction, c_void_p, POINTER(c_uint64)))
declare(c_int32, lt_pool_submit=(c_void_p, TaskFunction, c_void_p, POINTER(c_void_p)))
declare(c_int32, lt_pool_shutdown=(c_void_p, c_bool, c_bool), lt_pool_free=HANDLE)
declare(c_int32, lt_future_result_timeout=(c_void_p, c_double, POINTER(c_void_p)))
declare(c_int32, lt_future_cancel=HANDLE, lt_future_free=HANDLE)
declare(c_int32, lt_future_add_done_callback=(c_void_p, FutureFunction, c_void_p))
declare(c_int32, lt_future_wait_many=(POINTER(c_void_p), c_size_t, c_int, c_double,
                                      POINTER(c_size_t)))

# ---- What C holds for Python: numbers, of rows in this table ----

_numbers = itertools.count(1)  # Not 0, which would be NULL, and that is None to ctypes.
_kept = {}


def keep(thing):
    number = next(_numbers)
    _kept[number] = thing
    return number


take = _kept.pop  # The thing that was kept, which C will not name again.


@ThreadFunction
def _run_thread(number):
    take(number)()  # An exception is printed by ctypes, and the thread ends.


@TaskFunction
def _run_task(number):
    take(number).run()


@FutureFunction
def _tell_done(_future, number):
    take(number)()


@ThreadFunction
def _drop_item(number):
    take(number)


# ---- The types ----


class Handle:
    """Something that the library made, freed with its Python object."""

    handle = None

    def __init__(self, handle, free):
        if handle is None:
            raise LowthreadError(lib.lt_last_status())
        self.handle, self._free = handle, free

    def free(self):
        check(self._free(self.handle))
        self.handle = None

    def __del__(self):
        if self.handle is not None:
            self._free(self.handle)


class Lock(Handle):
    _new, _free_lock = lib.lt_allocate_lock, lib.lt_lock_free
    _acquire, _release = lib.lt_lock_acquire_timeout, lib.lt_lock_release

    def __init__(self):
        super().__init__(self._new(), self._free_lock)

    def acquire(self, timeout=None):
        """Whether it was acquired in time."""
        return check(self._acquire(self.handle, seconds(timeout)), TIMED_OUT)

    def release(self):
        check(self._release(self.handle))

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *_):
        self.release()


class RLock(Lock):
    _new, _free_lock = lib.lt_rlock_new, lib.lt_rlock_free
    _acquire, _release = lib.lt_rlock_acquire_timeout, lib.lt_rlock_release


class Event(Handle):
    def __init__(self):
        super().__init__(lib.lt_event_new(), lib.lt_event_free)

    def set(self):
        check(lib.lt_event_set(self.handle))

    def clear(self):
        check(lib.lt_event_clear(self.handle))

    def is_set(self):
        return lib.lt_event_is_set(self.handle)

    def wait(self, timeout=None):
        """Whether it was set in time."""
        return check(lib.lt_event_wait_timeout(self.handle, seconds(timeout)), TIMED_OUT)


class Queue(Handle):
    """Of any objects: C gets their numbers."""

    def __init__(self, capacity=0):
        super().__init__(lib.lt_queue_new(capacity), lib.lt_queue_free)
        check(lib.lt_queue_set_drop(self.handle, _drop_item))

    def put(self, item, timeout=None):
        """Whether there was room in time."""
        number = keep(item)
        put = False
        try:
            put = check(lib.lt_queue_put_timeout(self.handle, number, seconds(timeout)), TIMED_OUT)
        finally:
            if not put:
                take(number)
        return put

    def get(self, timeout=None):
        """The oldest item; a LowthreadError with TIMED_OUT or CLOSED if there is none to come."""
        number = c_void_p()
        check(lib.lt_queue_get_timeout(self.handle, seconds(timeout), byref(number)))
        return take(number.value)

    def close(self, immediate=False):
        check(lib.lt_queue_close(self.handle, immediate))

    def __len__(self):
        return lib.lt_queue_size(self.handle)

    def __iter__(self):
        """The items, until the queue is closed and empty."""
        while True:
            try:
                yield self.get()
            except LowthreadError as error:
                if error.status == CLOSED:
                    return
                raise


class Outcome:
    """A call, and what came of it: a value, or an exception that is raised where it is asked for."""

    value = error = None

    def __init__(self, function, arguments):
        self.call = function, arguments

    def run(self):
        function, arguments = self.call
        try:
            self.value = function(*arguments)
        except BaseException as error:
            self.error = error
            check(lib.lt_fail(1, f"{type(error).__name__}: {error}".encode()))

    def get(self):
        if self.error is not None:
            raise self.error
        return self.value


class Thread(Handle):
    """A thread that runs function(*arguments), from now on."""

    def __init__(self, function, *arguments):
        self.outcome = Outcome(function, arguments)
        number, handle = keep(self.outcome.run), c_void_p()
        status = lib.lt_thread_start(_run_thread, number, None, byref(handle))
        if status != OK:
            take(number)
            raise LowthreadError(status)
        super().__init__(handle.value, lib.lt_thread_free)

    def join(self, timeout=None):
        """Whether it ended in time. Raises what it ended with."""
        status = lib.lt_thread_join_timeout(self.handle, seconds(timeout))
        if status == FAILED:
            self.outcome.get()
        return check(status, TIMED_OUT)

    def interrupt(self):
        check(lib.lt_thread_interrupt(self.handle))


def start_new_thread(function, *arguments):
    """A detached thread, as _thread has it. Its ident."""
    number, ident = keep(lambda: function(*arguments)), c_uint64()
    status = lib.lt_start_new_thread(_run_thread, number, byref(ident))
    if status != OK:
        take(number)
        raise LowthreadError(status)
    return ident.value


class Future(Handle):
    def __init__(self, handle, outcome):
        super().__init__(handle, lib.lt_future_free)
        self.outcome = outcome

    def result(self, timeout=None):
        """What the task returned. Raises what it raised; or TIMED_OUT, CANCELLED."""
        status = lib.lt_future_result_timeout(self.handle, seconds(timeout), None)
        if status != FAILED:
            check(status)
        return self.outcome.get()

    def cancel(self):
        """Whether it will never run."""
        return check(lib.lt_future_cancel(self.handle), BUSY)

    def done(self):
        return lib.lt_future_done(self.handle)

    def cancelled(self):
        return lib.lt_future_cancelled(self.handle)

    def add_done_callback(self, callback):
        number = keep(lambda: callback(self))
        status = lib.lt_future_add_done_callback(self.handle, _tell_done, number)
        if status != OK:
            take(number)
            raise LowthreadError(status)


class Pool(Handle):
    """Used by `with`, whose end waits for all tasks."""

    def __init__(self, max_workers=0, name_prefix=None):
        prefix = None if name_prefix is None else name_prefix.encode()
        super().__init__(lib.lt_pool_new(max_workers, prefix), lib.lt_pool_free)

    def submit(self, function, *arguments):
        outcome, handle = Outcome(function, arguments), c_void_p()
        number = keep(outcome)
        status = lib.lt_pool_submit(self.handle, _run_task, number, byref(handle))
        if status != OK:
            take(number)
            raise LowthreadError(status)
        future = Future(handle.value, outcome)
        # A task that is cancelled never takes its number.
        future.add_done_callback(lambda _: _kept.pop(number, None))
        return future

    def shutdown(self, wait=True, cancel_pending=False):
        check(lib.lt_pool_shutdown(self.handle, wait, cancel_pending))

    def __del__(self):  # Nobody can wait here: its workers end when they have nothing more to do.
        if self.handle is not None:
            lib.lt_pool_shutdown(self.handle, False, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.free()


def wait(futures, until=ALL, timeout=None):
    """How many are over, and whether as many as were asked for are."""
    handles = (c_void_p * len(futures))(*(future.handle for future in futures))
    done = c_size_t()
    met = check(lib.lt_future_wait_many(handles, len(futures), until, seconds(timeout), byref(done)),
                TIMED_OUT)
    return done.value, met


def sleep(time):
    check(lib.lt_sleep(time))
