"""Threads, pools, timers, barriers; processes that fork or end while threads wait."""

from __future__ import annotations

import asyncio
import concurrent.futures as futures
import gc
import pydoc
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import lowthread as lt
import pytest
from conftest import Run


def test_a_thread_is_known_to_threading() -> None:
    seen: list[object] = []
    thread = lt.Thread(target=lambda: seen.extend([threading.current_thread(), threading.get_ident()]), name="a")
    thread.start()
    thread.join()
    assert seen == [thread, thread.ident]
    assert not thread.is_alive()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    with pytest.raises(RuntimeError):
        lt.Thread().join()


def test_a_thread_cannot_join_itself() -> None:
    errors: list[str] = []

    def join() -> None:
        try:
            threading.current_thread().join()
        except RuntimeError as error:
            errors.append(str(error))

    thread = lt.Thread(target=join)
    thread.start()
    thread.join()
    assert errors == ["cannot join current thread"]


def test_exit_waits_for_threads_that_are_no_daemons(run: Run) -> None:
    out = run("""
        import time
        import lowthread as lt
        lt.Thread(target=lambda: (time.sleep(0.2), print("end"))).start()
        """)
    assert out == "end\n"


@pytest.mark.parametrize("module", [False, True])
def test_exit_with_daemons_in_every_wait(run: Run, module: bool) -> None:
    out = run(
        """
        import threading
        import lowthread as lt
        lock, full, rw = lt.Lock(), lt.Queue(1), lt.RWLock()
        lock.acquire(); full.put(1); rw.write_acquire()
        def condition():
            c = lt.Condition()
            with c:
                c.wait_for(lambda: False)
        def spin():
            while True: lt.Queue().qsize()
        def tick():
            e = lt.Event()
            while True: e.wait(0.0001)
        for target in (lock.acquire, lambda: full.put(2), lt.Queue().get, rw.read_acquire, lt.Semaphore(0).acquire,
                       lt.Event().wait, lt.Barrier(2).wait, condition, lambda: lt.sleep(99), spin, tick, tick):
            lt.Thread(target=target, daemon=True).start()
            threading.Thread(target=target, daemon=True).start()
        lt.Timer(0.0, print, repeat=0.001).cancel
        timer = lt.Timer(0.0, lambda: None, repeat=0.0005); timer.start()
        lt.sleep(0.05)
        """,
        module=module,
    )
    assert out == ""


def test_a_forked_child_goes_on(run: Run) -> None:
    out = run("""
        import os, signal, sys, threading, time
        import lowthread as lt
        item = object()
        items = lt.Queue(); items.put(item)
        held = lt.Lock(); held.acquire()
        waiters = [lt.Thread(target=f, daemon=True) for f in (lt.Queue().get, held.acquire, lt.Event().wait)]
        getter = lt.Queue(1)
        waiters.append(lt.Thread(target=getter.get, daemon=True))
        pool = lt.Pool(2); assert pool.submit(id, 1).result()
        for thread in waiters: thread.start()
        time.sleep(0.05)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                assert items.get() is item and sys.getrefcount(item) == 2
                assert not held.acquire(False)
                held._at_fork_reinit()
                assert held.acquire(False)
                assert not any(thread.is_alive() for thread in waiters)
                got = []
                thread = lt.Thread(target=lambda: got.append(getter.get()))
                thread.start(); getter.put(5); thread.join(); assert got == [5]
                assert pool.submit(lambda: 6).result() == 6
                threading.Thread(target=lambda: (time.sleep(0.1), lt.interrupt_main())).start()
                try:
                    lt.Event().wait()
                except KeyboardInterrupt:
                    code = 0
            finally:
                sys.stdout.flush()
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert items.qsize() == 1
        """)
    assert out == ""


def test_a_child_of_a_thread_is_its_main_thread(run: Run) -> None:
    out = run("""
        import os, time
        import lowthread as lt
        status = []
        def fork():
            child = os.fork()
            if child == 0:
                import threading
                threading.Thread(target=lambda: (time.sleep(0.1), lt.interrupt_main())).start()
                try:
                    lt.Event().wait()
                except KeyboardInterrupt:
                    os._exit(0)
            status.append(os.waitpid(child, 0)[1])
        thread = lt.Thread(target=fork); thread.start(); thread.join()
        assert status == [0]
        """)
    assert out == ""


def test_in_a_child_no_thread_lives_that_was_about_to_end(run: Run) -> None:
    out = run("""
        import os, sys
        import lowthread as lt
        # A thread that the core is left to last is stopped where it lets go of the GIL, at its end.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        sys.setswitchinterval(1e-6)
        def end_late():
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        for _ in range(50):
            thread = lt.Thread(target=end_late)
            thread.start()
            child = os.fork()
            if child == 0:
                os._exit(thread.is_alive())
            thread.join()
            assert os.waitpid(child, 0)[1] == 0
        """)
    assert out == ""


def test_subprocess_with_preexec_fn(run: Run) -> None:
    out = run("""
        import subprocess, sys
        import lowthread as lt
        lt.Thread(target=lt.Event().wait, daemon=True).start()
        lock = lt.Lock()
        def before():
            with lock:
                lt.Queue().put(1)
        for _ in range(20):
            subprocess.run(["true"], preexec_fn=before, check=True)
        """)
    assert out == ""


def test_a_sub_interpreter_is_refused(run: Run) -> None:
    pytest.importorskip("_testcapi")
    out = run("""
        import _testcapi
        import lowthread
        _testcapi.run_in_subinterp('''
        try:
            import lowthread
        except ImportError as error:
            print(error)
        '''.replace("\\n        ", "\\n"))
        """)
    assert "no sub-interpreters" in out


def test_a_pool_is_an_executor() -> None:
    with lt.Pool(3, "worker") as pool:
        assert isinstance(pool, futures.Executor)
        assert list(pool.map(pow, [2, 3], [5, 2])) == [32, 9]
        tasks = [pool.submit(lambda n=n: n) for n in range(20)]
        assert sorted(task.result() for task in futures.as_completed(tasks, 10)) == list(range(20))
        assert futures.wait(tasks).not_done == set()
        assert pool.submit(threading.current_thread).result().name.startswith("worker_")

        async def later() -> int:
            return await asyncio.wrap_future(pool.submit(lambda: 5)) + await asyncio.get_running_loop().run_in_executor(
                pool, lambda: 6
            )

        assert asyncio.run(later()) == 11
        with pytest.raises(ZeroDivisionError):
            pool.submit(lambda: 1 // 0).result()
        with pytest.raises(futures.TimeoutError):
            pool.submit(lt.sleep, 0.2).result(0.01)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(id, 1)
    with pytest.raises(ValueError):
        lt.Pool(0)


def test_tasks_of_one_worker_wait_for_each_other() -> None:
    with lt.Pool(1) as pool:
        assert pool.submit(lambda: pool.submit(lambda: pool.submit(lambda: 3).result()).result()).result(10) == 3


@pytest.mark.parametrize("workers", [1, 3])
def test_tasks_wait_for_each_other_in_a_chain_of_any_length(workers: int) -> None:
    length = 10_000
    local, gate = lt.Local(), lt.Event()
    with lt.Pool(workers, initializer=lambda: setattr(local, "ready", True)) as pool:

        def wait_for_next(n: int) -> int:
            assert local.ready
            return tasks[n + 1].result() + 1 if n + 1 < length else 0

        standing = [pool.submit(gate.wait) for _ in range(workers)]
        tasks = [pool.submit(wait_for_next, n) for n in range(length)]
        gate.set()
        assert tasks[0].result(60) == length - 1
        assert all(task.result() for task in standing)


def test_callbacks_wait_for_tasks_in_a_chain_of_any_length() -> None:
    length = 10_000
    gate = lt.Event()
    results: list[int] = []
    with lt.Pool(1) as pool:
        pool.submit(gate.wait)
        tasks = [pool.submit(int, n) for n in range(length)]
        for task, following in zip(tasks, tasks[1:]):
            task.add_done_callback(lambda _, following=following: results.append(following.result()))  # type: ignore[misc]
        gate.set()
    assert sorted(results) == list(range(1, length))


def test_callbacks_submit_in_a_chain_of_any_length() -> None:
    last: lt.Queue[int] = lt.Queue()
    with lt.Pool(1) as pool:

        def go_on(task: futures.Future[int]) -> None:
            n = task.result() + 1
            if n == 10_000:
                last.put(n)
            else:
                pool.submit(int, n).add_done_callback(go_on)

        pool.submit(int).add_done_callback(go_on)
        assert last.get(timeout=60) == 10_000


def test_what_has_not_begun_is_cancelled() -> None:
    gate, begun = lt.Event(), lt.Event()
    pool = lt.Pool(1)

    def block() -> bool:
        begun.set()
        return gate.wait()

    first = pool.submit(block)
    others = [pool.submit(id, n) for n in range(5)]
    begun.wait()
    assert others[0].cancel()
    pool.shutdown(wait=False, cancel_futures=True)
    gate.set()
    first.result(10)
    assert all(task.cancelled() for task in others)
    assert futures.wait(others, 10).not_done == set()
    pool.shutdown()


def test_what_a_task_raises_leaves_no_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        with lt.Pool(1) as pool:
            task = pool.submit(lambda: 1 // 0)
            with pytest.raises(ZeroDivisionError) as raised:
                task.result()
            gone = weakref.ref(task)
            del task, raised
        assert gone() is None
    finally:
        gc.enable()


def test_initializers_run_and_may_fail() -> None:
    local = lt.Local()
    with lt.Pool(2, initializer=lambda: setattr(local, "x", 1)) as pool:
        assert pool.submit(lambda: local.x).result(10) == 1
    with lt.Pool(1, initializer=lambda: 1 // 0) as pool, pytest.raises(futures.BrokenExecutor):
        pool.submit(id, 1).result(10)
        pool.submit(id, 1).result(10)


def test_a_pool_that_is_forgotten_ends(run: Run) -> None:
    out = run("""
        import gc, threading
        import lowthread as lt
        pool = lt.Pool(2)
        done = pool.submit(lt.sleep, 0.1)
        workers = list(pool._workers)
        del pool
        gc.collect()
        done.result()
        for worker in workers: worker.join(10); assert not worker.is_alive()
        lt.Pool(1).submit(lambda: (lt.sleep(0.1), print("at exit")))
        """)
    assert out == "at exit\n"


def test_timers_fire_and_are_cancelled() -> None:
    items: lt.Queue[int] = lt.Queue()
    once = lt.Timer(0.01, items.put, (1,))
    once.start()
    assert items.get(timeout=10) == 1
    with pytest.raises(RuntimeError):
        once.start()
    again = lt.Timer(0, items.put, [2], repeat=0.001)
    again.start()
    assert [items.get(timeout=10) for _ in range(3)] == [2, 2, 2]
    again.cancel()
    items.get_many(1000, 0)
    assert items.get_many(1, 0.02) == []
    assert not again.is_alive()
    never = lt.Timer(60, items.put, (3,))
    never.start()
    never.cancel()
    never.cancel()


def test_a_timer_is_cancelled_by_its_function_and_freed() -> None:
    import gc
    import weakref

    ended = lt.Event()

    def function() -> None:
        timers.pop().cancel()
        ended.set()

    timers = [lt.Timer(0, function, repeat=0.001)]
    watch = weakref.ref(timers[0])
    timers[0].start()
    assert ended.wait(10)
    for _ in range(1000):
        gc.collect()
        if watch() is None:
            break
        lt.sleep(0.005)
    assert watch() is None


def test_an_interrupt_breaks_a_barrier() -> None:
    barrier = lt.Barrier(3)
    errors: lt.Queue[type] = lt.Queue()

    def wait() -> None:
        try:
            barrier.wait()
        except Exception as error:
            errors.put(type(error))

    threads = [lt.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    while barrier.n_waiting < 2:
        lt.sleep(0.001)
    threads[0].interrupt()
    assert {errors.get(timeout=10), errors.get(timeout=10)} == {lt.Interrupted, lt.BrokenBarrierError}
    assert barrier.broken


def test_a_barrier_gathers_its_parties() -> None:
    barrier = lt.Barrier(3, timeout=10)
    with lt.Pool(3) as pool:
        assert sorted(pool.map(lambda _: barrier.wait(), range(3))) == [0, 1, 2]


def test_install_comes_before_threads(run: Run) -> None:
    out = run("""
        import threading
        import lowthread as lt
        gate = threading.Event()
        thread = threading.Thread(target=gate.wait); thread.start()
        try:
            lt.install()
        except RuntimeError as error:
            print(error)
        gate.set()
        thread.join()
        lt.install()
        lt.install()
        import _thread
        assert isinstance(threading.Lock(), _thread.LockType) and _thread is lt._thread
        threading.Thread(target=print, args=("on lowthread",)).start()
        """)
    assert out == "lowthread.install() must be called before threads are started\non lowthread\n"


def test_the_module_runs_programs(run: Run, tmp_path: object) -> None:
    out = run("import sys, threading; print(sys.argv[0], type(threading.Lock()).__module__)", module=True)
    assert out == "-c _thread\n"
    assert "usage" in run(
        "import runpy, sys; sys.argv = ['x', '-h']; runpy.run_module('lowthread', run_name='__main__')"
    )


def test_a_script_finds_what_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("WHAT = 'beside'")
    (tmp_path / "script.py").write_text("import sys, beside; print(beside.WHAT, sys.argv[1:])")
    command = [sys.executable, "-m", "lowthread", str(tmp_path / "script.py"), "one"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "beside ['one']\n", done.stderr


def test_help_tells_once_how_a_function_is_called() -> None:
    for name in lt.__all__:
        documented = getattr(lt, name).__doc__ or ""
        assert not documented.startswith(f"{name}("), name
    assert "interrupt(ident, /)" in pydoc.plain(pydoc.render_doc(lt.interrupt))


def test_exit_while_threads_come_and_go(run: Run) -> None:
    for _ in range(5):
        out = run("""
            import lowthread as lt
            from lowthread import _native
            def start():
                while True:
                    try:
                        _native.start_new_thread(id, (1,))
                    except RuntimeError:
                        pass
            def fire():
                while True:
                    lt.Timer(0.0, id, (1,)).start()
                    lt.sleep(0.0001)
            for function in (start, fire):
                _native.start_new_thread(function, ())
            lt.sleep(0.03)
            """)
        assert out == ""


def test_many_threads_of_all_kinds_leave_nothing(run: Run) -> None:
    out = run("""
        import gc, sys, threading, weakref
        import lowthread as lt
        class Thing: pass
        def use(thing): local.thing = thing; queue.put(thing); queue.get()
        local, queue = lt.Local(), lt.Queue()
        thing = Thing()
        count = sys.getrefcount(thing)
        for kind in (lt.Thread, threading.Thread):
            threads = [kind(target=use, args=(thing,)) for _ in range(50)]
            for t in threads: t.start()
            for t in threads: t.join()
        with lt.Pool(4) as pool:
            list(pool.map(use, [thing] * 50))
        del threads, t, pool
        while lt._native._count(): lt.sleep(0.001)
        gc.collect()
        print(sys.getrefcount(thing) - count, threading.active_count())
        """)
    assert out == "0 1\n"


def test_a_dump_tells_who_waits_for_what(run: Run) -> None:
    out = run("""
        import os, signal, sys, tempfile
        import lowthread as lt
        def told(fd=None):
            with tempfile.TemporaryFile("w+") as file:
                lt.dump(file if fd is None else file.fileno())
                file.seek(0)
                return file.read()
        first, second, both = lt.RLock(), lt.RLock(), lt.Barrier(2)
        def cross(one, other):
            with one:
                both.wait()
                other.acquire()
        event = lt.Event()
        for target, args in [(event.wait, ()), (cross, (first, second)), (cross, (second, first))]:
            lt.Thread(target=target, args=args, daemon=True).start()
        while told().count("acquire rlock") < 2: lt.sleep(0.001)
        text = told(fd=True)
        print("wait event 0x" in text, text.count("deadlock: each waits for the next"))
        try:
            lt.dump(-1)
        except OSError as error:
            print(error)
        """)
    assert out == "True 1\nthe file cannot be written to\n"


def test_a_signal_dumps_where_the_environment_asks_for_it(run: Run) -> None:
    out = run("""
        import os, signal, subprocess, sys
        code = "import lowthread as lt, os, signal; os.kill(os.getpid(), signal.SIGQUIT); print(1)"
        env = {**os.environ, "LOWTHREAD_DUMP_SIGNAL": "QUIT"}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
        print(done.stdout.strip(), "MainThread (ident 1" in done.stderr)
        """)
    assert out == "1 True\n"
