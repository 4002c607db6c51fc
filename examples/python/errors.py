"""What goes wrong is an exception with the status and the library's sentence; nothing is undefined."""

import math

import lt


def expect(status, function, *arguments):
    try:
        function(*arguments)
    except lt.LowthreadError as error:
        print(error)
        assert error.status == status, error
    else:
        raise AssertionError(f"{status} was expected")


lock = lt.Lock()
expect(lt.NOT_HELD, lock.release)
expect(lt.INVALID, lock.acquire, math.nan)
expect(lt.OVERFLOW, lock.acquire, math.inf)

# A handle that is no more, or of another type, is told from a good one.
handle = lock.handle
lock.free()
expect(lt.BAD_HANDLE, lambda: lt.check(lt.lib.lt_lock_acquire_timeout(handle, 0)))
event = lt.Event()
expect(lt.BAD_HANDLE, lambda: lt.check(lt.lib.lt_lock_acquire_timeout(event.handle, 0)))
expect(lt.BAD_HANDLE, lambda: lt.check(lt.lib.lt_lock_acquire_timeout(None, 0)))


# An exception in a thread is raised again by the join, with the frames of the thread.
def fail():
    raise LookupError("raised in a thread")


try:
    lt.Thread(fail).join()
    raise AssertionError("the thread did fail")
except LookupError as error:
    frames = error.__traceback__
    while frames.tb_next:
        frames = frames.tb_next
    print(f"{error}, in {frames.tb_frame.f_code.co_name}()")
    assert frames.tb_frame.f_code.co_name == "fail"

# A pool that is shut down says so, and keeps nothing of what it did not take.
pool = lt.Pool(1)
pool.shutdown()
expect(lt.CLOSED, pool.submit, fail)
pool.free()
assert not lt._kept
