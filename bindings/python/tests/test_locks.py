"""Locks, re-entrant locks, read-write locks and conditions."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import time
import weakref
from typing import Any

import lowthread as lt
import pytest


def test_a_lock_is_acquired_once_and_by_anybody_released() -> None:
    lock = lt.Lock()
    assert lock.acquire()
    assert lock.locked()
    assert not lock.acquire(False)
    assert not lock.acquire(timeout=0.01)
    thread = lt.Thread(target=lock.release)
    thread.start()
    thread.join()
    with lock:
        assert lock.locked()
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        lock.release()


@pytest.mark.parametrize("make", [lt.Lock, lt.RLock])
def test_arguments_of_acquire_are_checked_as_pythons_are(make: type[lt.Lock] | type[lt.RLock]) -> None:
    lock = make()
    cases: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"blocking": False, "timeout": 1}, ValueError),
        ({"timeout": -2}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": 1e100}, OverflowError),
        ({"timeout": "1"}, TypeError),
        ({"wait": True}, TypeError),
    ]
    for arguments, error in cases:
        with pytest.raises(error):
            lock.acquire(**arguments)
    with pytest.raises(TypeError):
        lock.acquire(True, 1, 2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        lock.acquire(True, blocking=True)  # type: ignore[misc]
    assert lock.acquire(True, -1)
    lock.release()


def test_a_timeout_is_not_early() -> None:
    lock = lt.Lock()
    lock.acquire()
    start = time.monotonic()
    assert not lock.acquire(timeout=0.05)
    assert time.monotonic() - start >= 0.05


def test_an_rlock_is_its_owners() -> None:
    lock = lt.RLock()
    with lock, lock:
        errors: list[Exception] = []

        def other() -> None:
            assert not lock.acquire(False)
            try:
                lock.release()
            except RuntimeError as error:
                errors.append(error)

        thread = lt.Thread(target=other)
        thread.start()
        thread.join()
        assert str(errors[0]) == "cannot release un-acquired lock"
        assert f"owner={threading.get_ident()} count=2" in repr(lock)
    assert not lock.locked()
    with pytest.raises(RuntimeError):
        lock.release()


def test_objects_can_be_referred_to_weakly_and_not_be_pickled_or_copied() -> None:
    event = lt.Event()
    for thing in [
        lt.Lock(), lt.RLock(), lt.RWLock(), lt.Condition(), lt.Semaphore(), lt.BoundedSemaphore(), event,
        lt.Queue(), lt.Local(), lt.Future(), lt.Timer(1, print), lt.Watchdog(100),
    ]:  # fmt: skip
        assert weakref.ref(thing)() is thing
        for refused in (pickle.dumps, copy.copy):
            with pytest.raises(TypeError, match="pickle"):
                refused(thing)


def test_locks_can_be_subclassed() -> None:
    class Named(lt.Lock):
        def __init__(self, name: str) -> None:
            self.name = name

        def __new__(cls, name: str) -> Named:
            return super().__new__(cls)

    lock = Named("a")
    with lock:
        assert lock.locked()
    watch = weakref.ref(lock)
    lock.name = lock  # type: ignore[assignment]
    del lock
    gc.collect()
    assert watch() is None


def test_readers_share_and_writers_do_not() -> None:
    lock = lt.RWLock()
    with lock.reading():
        assert lock.read_acquire(False)
        lock.read_release()
        assert not lock.write_acquire(timeout=0.01)
    with lock.writing():
        assert not lock.read_acquire(False)
    with pytest.raises(RuntimeError):
        lock.write_release()
    with pytest.raises(RuntimeError):
        lock.read_release()


@pytest.mark.parametrize("make", [lt.Lock, lt.RLock])
def test_a_condition_wakes_in_order(make: type[lt.Lock] | type[lt.RLock]) -> None:
    condition = lt.Condition(make())
    woken: list[int] = []
    waits = lt.Semaphore(0)

    def wait(number: int) -> None:
        with condition:
            waits.release()
            assert condition.wait(10)
            woken.append(number)
            condition.notify()

    threads = [lt.Thread(target=wait, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
        waits.acquire()
        # Who has the lock now knows that the thread sleeps.
        with condition:
            pass
    with condition:
        condition.notify()
    for thread in threads:
        thread.join()
    assert woken == [0, 1, 2, 3]


def test_a_condition_needs_its_lock() -> None:
    condition = lt.Condition()
    with pytest.raises(RuntimeError, match="cannot wait on un-acquired lock"):
        condition.wait()
    with pytest.raises(RuntimeError, match="cannot notify on un-acquired lock"):
        condition.notify()
    with pytest.raises(TypeError):
        lt.Condition(threading.Lock())  # type: ignore[arg-type]
    with condition:
        assert not condition.wait(0.01)
        assert condition.wait_for(lambda: 7) == 7
        assert condition.wait_for(list, timeout=0.01) == []
        with pytest.raises(ZeroDivisionError):
            condition.wait_for(lambda: 1 // 0)
