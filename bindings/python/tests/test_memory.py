"""Where there is no memory for Python's objects."""

from __future__ import annotations

import pytest
from conftest import Run


def test_each_allocation_may_fail(run: Run) -> None:
    pytest.importorskip("_testcapi")
    out = run("""
        import _testcapi
        import lowthread as lt
        queue, event, lock = lt.Queue(), lt.Event(), lt.Lock()
        event.set(); lock.acquire()
        rlock = lt._native.RLock()
        def save():
            rlock.acquire()
            try:
                rlock._acquire_restore(rlock._release_save())
                rlock.release()
            finally:
                rlock._at_fork_reinit()
        makers = [lt.Lock, lt.RLock, lt.RWLock, lt.Condition, lt.Queue, lt.Event, lambda: lt.Semaphore(1),
                  lambda: lt.Timer(1, print), lambda: lt.Pool(1), lambda: queue.put(object()),
                  lambda: queue.get_many(3, 0), lambda: lt.select(lt.on_set(event)), lambda: lock.acquire(timeout=0.0),
                  lambda: lt.Timer(1, print, [2]), save]
        for number, make in enumerate(makers):
            for failing in range(40):
                while queue.qsize() < 2: queue.put(1)
                before = queue.qsize()
                failed = None
                _testcapi.set_nomemory(failing, failing + 1)
                try:
                    make()
                except BaseException as error:
                    failed = error
                _testcapi.remove_mem_hooks()
                if failed is not None:
                    assert type(failed) is MemoryError, (number, failing, repr(failed))
                    assert queue.qsize() == before, (number, failing)
        """)
    assert out == ""


def test_a_start_may_fail(run: Run) -> None:
    pytest.importorskip("_testcapi")
    # No thread is let begin: what it allocates would fail beside what starts it.
    out = run("""
        import _testcapi, sys
        import lowthread as lt
        def refuse(event, arguments):
            if event == "_thread.start_new_thread" and refused: raise SystemError
        sys.addaudithook(refuse)
        refused = True
        for failing in range(20):
            _testcapi.set_nomemory(failing, failing + 1)
            try:
                try:
                    lt._native.start_new_thread(id, (1,))
                finally:
                    _testcapi.remove_mem_hooks()
            except BaseException as error:
                failed = error
            assert type(failed) in (MemoryError, SystemError), repr(failed)
        """)
    assert out == ""
