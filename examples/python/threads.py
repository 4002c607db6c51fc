"""Threads that run Python functions; locks, with and without time-outs; waiting for an event."""

import threading

import lt

counter = 0
lock = lt.Lock()
go = lt.Event()


def count(rounds):
    global counter
    assert go.wait(30), "the event is set in time"
    for _ in range(rounds):
        with lock:
            counter += 1
    return threading.get_native_id()


# Python's own threads could call the library as well; these are the library's.
threads = [lt.Thread(count, 2000) for _ in range(4)]
assert not go.is_set() and not threads[0].join(0.01), "they wait for the event"
go.set()
assert all(thread.join(30) for thread in threads)
print(f"4 threads counted to {counter}")
assert counter == 4 * 2000
assert len({thread.outcome.value for thread in threads}) == 4, "each was a thread of its own"

# A lock that another thread holds: how long to wait is in seconds, as for Python's.
lock.acquire()
outcomes = []
waiting = lt.Thread(lambda: outcomes.append((lock.acquire(timeout=0), lock.acquire(timeout=0.02))))
waiting.join()
assert outcomes == [(False, False)], "it is not to be had in time"
patient = lt.Thread(lock.acquire)
lock.release()
assert patient.join(30), "it is to be had when it is released"
lock.release()  # Any thread may release a lock.
print("a lock was waited for, in vain and not in vain")

# A re-entrant lock is its owner's.
rlock = lt.RLock()
with rlock, rlock:
    other = lt.Thread(rlock.release)
    try:
        other.join()
        raise AssertionError("another thread must not release it")
    except lt.LowthreadError as error:
        assert error.status == lt.NOT_OWNER
        print(error)

# A detached thread, and the end of it.
ended = lt.Event()
assert lt.start_new_thread(ended.set) > 0
assert ended.wait(30)
