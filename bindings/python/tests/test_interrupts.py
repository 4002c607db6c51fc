"""Every wait of the main thread ends with Ctrl-C and interrupt_main(), and of any thread with interrupt()."""

from __future__ import annotations

import threading

import lowthread as lt
import pytest
from conftest import Run

WAITS = {
    "lock": "l = lt.Lock(); l.acquire(); l.acquire()",
    "lock in time": "l = lt.Lock(); l.acquire(); l.acquire(timeout=20)",
    "rlock": "l = lt.RLock(); t = lt.Thread(target=l.acquire); t.start(); t.join(); l.acquire()",
    "rwlock": "l = lt.RWLock(); l.write_acquire(); l.read_acquire()",
    "semaphore": "lt.Semaphore(0).acquire()",
    "event": "lt.Event().wait()",
    "condition": "c = lt.Condition()\nwith c: c.wait()",
    "barrier": "lt.Barrier(2).wait()",
    "get": "lt.Queue().get()",
    "put": "q = lt.Queue(1); q.put(1); q.put(2)",
    "queue join": "q = lt.Queue(1); q.put(1); q.join()",
    "join": "t = lt.Thread(target=lt.sleep, args=(20,), daemon=True); t.start(); t.join()",
    "result": "p = lt.Pool(1); threading.Thread(target=id, args=(1,)).start(); e = lt.Event(); f = p.submit(e.wait)\n"
    "try: f.result()\nfinally: e.set()",
    "sleep": "lt.sleep(20)",
    "time.sleep": "import time; time.sleep(20)",
}


@pytest.mark.parametrize("how", ["interrupt_main", "kill"])
@pytest.mark.parametrize("wait", WAITS)
def test_the_main_thread_is_interrupted(run: Run, wait: str, how: str) -> None:
    act = "lt.interrupt_main()" if how == "interrupt_main" else "os.kill(os.getpid(), signal.SIGINT)"
    body = WAITS[wait].replace("\n", "\n    ")
    out = run(f"""
import os, signal, threading, time
import lowthread as lt
began = 0
def act():
    global began
    time.sleep(0.1)
    began = time.monotonic()
    {act}
try:
    # In here: on a busy machine it can take until the interrupt.
    threading.Thread(target=act).start()
    {body}
except KeyboardInterrupt:
    late = time.monotonic() - began
    print("interrupted" if late < 5 else late)
""")
    assert out == "interrupted\n"


def test_a_handler_that_returns_lets_the_wait_go_on(run: Run) -> None:
    out = run("""
        import signal, threading, time
        import lowthread as lt
        calls = []
        signal.signal(signal.SIGUSR1, lambda *_: calls.append(1))
        lock = lt.Lock(); lock.acquire()
        def act():
            for _ in range(3):
                time.sleep(0.05)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            time.sleep(0.05)
            lock.release()
        start = time.monotonic()
        threading.Thread(target=act).start()
        assert lock.acquire(timeout=20)
        assert time.monotonic() - start >= 0.2
        print(len(calls))
        assert not lock.acquire(timeout=0.01)
        """)
    assert out == "3\n"


def test_a_notify_while_a_handler_runs_is_not_lost(run: Run) -> None:
    out = run("""
        import os, signal, threading
        import lowthread as lt
        c = lt.Condition()
        def notify(*_):
            with c:
                c.notify()
        signal.signal(signal.SIGUSR1, notify)
        with c:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            print(c.wait(20))
    """)
    assert out == "True\n"


def test_a_notify_before_who_is_interrupted_has_the_lock_is_not_lost(run: Run) -> None:
    out = run("""
        import os, signal, threading, time
        import lowthread as lt
        c = lt.Condition(lt.Lock())
        signal.signal(signal.SIGUSR1, lambda *_: None)
        def notify():
            with c:
                os.kill(os.getpid(), signal.SIGUSR1)
                while not repr(c).endswith(", 0)>"):
                    time.sleep(0.001)
                c.notify()
        with c:
            threading.Thread(target=notify).start()
            print(c.wait(20))
    """)
    assert out == "True\n"


def test_a_notify_of_others_ends_no_wait_that_is_interrupted(run: Run) -> None:
    out = run("""
        import os, signal, threading
        import lowthread as lt
        c = lt.Condition()
        def wait():
            with c:
                c.wait()
        others = [lt.Thread(target=wait) for _ in range(2)]
        def notify(*_):
            with c:
                c.notify()
        signal.signal(signal.SIGUSR1, notify)
        for other in others:
            other.start()
        while not repr(c).endswith(", 2)>"):
            lt.sleep(0.001)
        with c:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            print(c.wait(0.5))
            c.notify_all()
    """)
    assert out == "False\n"


def test_a_set_while_a_handler_runs_is_not_lost(run: Run) -> None:
    out = run("""
        import os, signal, threading
        import lowthread as lt
        e = lt.Event()
        def pulse(*_):
            e.set()
            e.clear()
        signal.signal(signal.SIGUSR1, pulse)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        print(e.wait(20), e.is_set())
    """)
    assert out == "True False\n"


def test_the_timeout_stands_through_signals(run: Run) -> None:
    out = run("""
        import signal, time
        import lowthread as lt
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        start = time.monotonic()
        assert not lt.Event().wait(0.2)
        assert 0.2 <= time.monotonic() - start < 5
        lt.sleep(0.1)
        assert time.monotonic() - start >= 0.3
        signal.setitimer(signal.ITIMER_REAL, 0)
        """)
    assert out == ""


@pytest.mark.parametrize("wait", ["lt.Event().wait(20)", "lock.acquire(timeout=20)"])
def test_a_handler_that_c_code_sets_again_is_chained_again(run: Run, wait: str) -> None:
    out = run(f"""
        import ctypes, signal, threading, time, os
        libc = ctypes.CDLL(None)
        action = ctypes.create_string_buffer(512)
        libc.sigaction(signal.SIGINT, None, action)
        import lowthread as lt
        # As a library does that saved the interpreter's action and puts it back.
        libc.sigaction(signal.SIGINT, action, None)
        lock = lt.Lock()
        lock.acquire()
        began = time.monotonic()
        try:
            threading.Thread(target=lambda: (time.sleep(0.1), os.kill(os.getpid(), signal.SIGINT))).start()
            {wait}
            print("waited on")
        except KeyboardInterrupt:
            print("interrupted" if time.monotonic() - began < 15 else "late")
        """)
    assert out == "interrupted\n"


def test_interrupt_main_without_a_handler_does_nothing(run: Run) -> None:
    out = run("""
        import signal
        import lowthread as lt
        for action in (signal.SIG_IGN, signal.SIG_DFL):
            signal.signal(signal.SIGINT, action)
            lt.interrupt_main()
            assert not lt.Event().wait(0.01)
        for number in (0, -1, 65, 1000):
            try:
                lt.interrupt_main(number)
            except ValueError:
                pass
            else:
                print(number)
        """)
    assert out == ""


def test_a_thread_is_interrupted() -> None:
    result: lt.Queue[str] = lt.Queue()
    ready = lt.Event()

    def wait() -> None:
        ready.set()
        try:
            lt.Event().wait()
        except lt.Interrupted as error:
            result.put(str(error))

    thread = lt.Thread(target=wait)
    with pytest.raises(RuntimeError):
        thread.interrupt()
    thread.start()
    ready.wait()
    thread.interrupt()
    assert result.get(timeout=10) == "interrupted while waiting"
    thread.join()
    thread.interrupt()
    with pytest.raises(ValueError):
        lt.interrupt(1)


def test_oneself_is_interrupted_at_the_next_wait() -> None:
    lock = lt.Lock()
    lt.interrupt(threading.get_ident())
    assert lock.acquire()
    with pytest.raises(lt.Interrupted):
        lock.acquire()
    assert not lock.acquire(timeout=0.01)


def test_a_watchdog_interrupts_main(run: Run) -> None:
    out = run("""
        import lowthread as lt
        with lt.Watchdog(0.1) as dog:
            dog.feed()
            try:
                lt.Event().wait()
            except KeyboardInterrupt:
                print("bitten")
        """)
    assert out == "bitten\n"


def test_signals_go_where_they_are_routed(run: Run) -> None:
    out = run("""
        import os, signal
        import lowthread as lt
        event, items, calls = lt.Event(), lt.Queue(), lt.Queue()
        lt.signal_to_event(signal.SIGUSR1, event)
        lt.signal_to_queue(signal.SIGUSR2, items)
        lt.signal_to_callback(signal.SIGHUP, lambda number: calls.put(number))
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
            os.kill(os.getpid(), number)
        assert event.wait(10)
        assert items.get(timeout=10) == signal.SIGUSR2
        assert calls.get(timeout=10) == signal.SIGHUP
        seen = []
        lt.signal_restore(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
        os.kill(os.getpid(), signal.SIGUSR1)
        assert seen == [1]
        for bad in (0, 9, 99):
            try:
                lt.signal_to_event(bad, event)
            except ValueError:
                pass
            else:
                print(bad)
        """)
    assert out == ""
