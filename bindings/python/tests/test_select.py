"""One wait for several things, and watchers of event loops."""

from __future__ import annotations

import asyncio
import gc
import select
import sys
import threading
import weakref
from concurrent.futures import Future
from typing import Any

import lowthread as lt
import pytest
from conftest import Run


def held(lock: lt.Lock | lt.RLock) -> bool:
    """Whether another thread cannot have it."""
    got: list[bool] = []

    def attempt() -> None:
        got.append(lock.acquire(False))
        if got[0]:
            lock.release()

    thread = lt.Thread(target=attempt)
    thread.start()
    thread.join()
    return not got[0]


def test_what_can_be_done_is_done_and_nothing_else() -> None:
    lock, rlock, semaphore, event, rw = lt.Lock(), lt.RLock(), lt.Semaphore(0), lt.Event(), lt.RWLock()
    items: lt.Queue[int] = lt.Queue(1)
    lock.acquire()
    cases: list[lt.Case[Any]] = [
        lt.on_acquire(lock),
        lt.on_acquire(semaphore),
        lt.on_set(event),
        lt.on_get(items),
        lt.on_acquire(rw.reading()),
    ]
    rw.write_acquire()
    assert lt.select(*cases, timeout=0) is None
    assert lt.select(*cases, timeout=0.01) is None

    lock.release()
    assert lt.select(*cases) == (0, True)
    assert held(lock)
    semaphore.release()
    assert lt.select(*cases) == (1, True)
    assert semaphore.value == 0
    items.put(7)
    assert lt.select(*cases) == (3, 7)
    assert items.empty()
    rw.write_release()
    assert lt.select(*cases) == (4, True)
    assert not rw.write_acquire(False)
    rw.read_release()
    assert lt.select(lt.on_acquire(rw.writing())) == (0, True)
    assert not rw.read_acquire(False)
    event.set()
    assert lt.select(*cases) == (2, True)

    assert lt.select(lt.on_acquire(rlock)) == (0, True)
    assert held(rlock)
    rlock.release()


def test_a_put_happens_when_there_is_room() -> None:
    items: lt.Queue[str] = lt.Queue(1)
    stop = lt.Event()
    put = lt.on_put(items, "a")
    assert lt.select(put, lt.on_set(stop)) == (0, None)
    assert lt.select(put, lt.on_set(stop), timeout=0) is None
    stop.set()
    assert lt.select(put, lt.on_set(stop)) == (1, True)
    assert [items.get_nowait(), items.qsize()] == ["a", 0]


def test_a_wait_is_ended_by_another_thread() -> None:
    items: lt.Queue[int] = lt.Queue()
    full: lt.Queue[int] = lt.Queue(1)
    full.put(0)
    for n in range(200):
        thread = lt.Thread(target=items.put, args=(n,))
        thread.start()
        assert lt.select(lt.on_put(full, 1), lt.on_get(items)) == (1, n)
        thread.join()
        thread = lt.Thread(target=full.get)
        thread.start()
        assert lt.select(lt.on_put(full, n), lt.on_get(items)) == (0, None)
        thread.join()


def test_a_queue_that_is_shut_down_raises() -> None:
    items: lt.Queue[int] = lt.Queue()
    threading.Timer(0.01, items.shutdown).start()
    with pytest.raises(lt.ShutDown):
        lt.select(lt.on_get(items))
    with pytest.raises(lt.ShutDown):
        lt.select(lt.on_put(items, 1))


def test_threads_and_futures() -> None:
    go, never = lt.Event(), lt.Event()
    thread = lt.Thread(target=go.wait)
    with pytest.raises(RuntimeError, match="before it is started"):
        lt.on_join(thread)
    thread.start()
    over = lt.on_join(thread)
    assert lt.select(over, lt.on_set(never), timeout=0.01) is None
    go.set()
    assert lt.select(over, lt.on_set(never)) == (0, None)
    thread.join(0)
    assert not thread.is_alive()
    assert lt.select(lt.on_join(thread), over) in [(0, None), (1, None)]
    with pytest.raises(RuntimeError, match="current thread"):
        lt.on_join(threading.current_thread())

    with lt.Pool(1) as pool:
        go.clear()
        future = pool.submit(go.wait)
        assert lt.select(lt.on_done(future), timeout=0.01) is None
        go.set()
        assert lt.select(lt.on_done(future), lt.on_set(never)) == (0, future)
    other: Future[int] = Future()
    other.cancel()
    assert lt.select(lt.on_done(other)) == (0, other)


def test_where_several_can_be_each_is_it_in_turn() -> None:
    one: lt.Queue[int] = lt.Queue()
    other: lt.Queue[int] = lt.Queue()
    one.put_many(range(1000))
    other.put_many(range(1000))
    counts = [0, 0]
    for _ in range(1000):
        done = lt.select(lt.on_get(one), lt.on_get(other))
        assert done is not None
        counts[done[0]] += 1
    assert min(counts) > 400


def test_every_item_goes_to_one() -> None:
    queues: list[lt.Queue[int]] = [lt.Queue(2), lt.Queue(2)]
    got: list[list[int]] = [[], [], []]
    stop, taken = lt.Event(), lt.Semaphore(0)

    def take(mine: list[int]) -> None:
        while True:
            done = lt.select(*map(lt.on_get, queues), lt.on_set(stop))
            assert done is not None
            if done[0] == 2:
                return
            mine.append(done[1])
            taken.release()

    def iterate(mine: list[int]) -> None:
        for n in queues[0]:
            mine.append(n)
            taken.release()

    threads = [lt.Thread(target=take, args=(mine,)) for mine in got[:2]]
    threads.append(lt.Thread(target=iterate, args=(got[2],)))
    for thread in threads:
        thread.start()
    for n in range(4000):
        queues[n % 2].put(n)
    for _ in range(4000):
        assert taken.acquire(timeout=10)
    stop.set()
    queues[0].shutdown()
    for thread in threads:
        thread.join()
    assert sorted(n for mine in got for n in mine) == list(range(4000))


def test_what_is_no_case_is_refused() -> None:
    with pytest.raises(TypeError, match="on_get"):
        lt.select(lt.Lock())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not Condition"):
        lt.on_acquire(lt.Condition())  # type: ignore[arg-type]
    stop = lt.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    with pytest.raises(TypeError, match="not a thread of lowthread's"):
        lt.on_join(thread)
    stop.set()
    thread.join()
    with pytest.raises(lt.Deadlock):
        lt.select()
    assert lt.select(timeout=0.01) is None

    class Refuses:
        def add_done_callback(self, _: object) -> None:
            raise RuntimeError

    refuses: Any = Refuses()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            lt.on_done(refuses)


def test_a_thread_is_joined_by_several_at_once(run: Run) -> None:
    out = run("""
    import lowthread as lt
    lt.install()
    import threading
    for _ in range(500):
        go = threading.Event()
        thread = threading.Thread(target=go.wait)
        thread.start()
        over = lt.on_join(thread)
        others = [threading.Thread(target=thread.join), threading.Thread(target=lt.select, args=(over,))]
        for other in others:
            other.start()
        go.set()
        thread.join()
        for other in others:
            other.join()
    """)
    assert out == ""


def test_nothing_is_kept() -> None:
    class Item:
        pass

    items: lt.Queue[Item] = lt.Queue()
    item = Item()
    gone = weakref.ref(item)
    case = lt.on_put(items, item)
    cycle = [case]
    cycle.append(cycle)  # type: ignore[arg-type]
    before = sys.getrefcount(items)
    assert lt.select(case, timeout=0) == (0, None)
    assert sys.getrefcount(items) == before
    items.get()
    del item, case, cycle
    gc.collect()
    assert gone() is None

    watchers: lt.Queue[lt.Watcher] = lt.Queue()
    watchers.put(lt.Watcher(lt.on_get(watchers)))
    empty = weakref.ref(watchers)
    del watchers
    gc.collect()
    assert empty() is None


def test_an_interrupt_and_a_signal_end_it(run: Run) -> None:
    items: lt.Queue[int] = lt.Queue()
    ended = lt.Event()

    def wait() -> None:
        with pytest.raises(lt.Interrupted):
            lt.select(lt.on_get(items), lt.on_set(lt.Event()))
        ended.set()

    thread = lt.Thread(target=wait)
    thread.start()
    thread.interrupt()
    assert ended.wait(10)
    thread.join()
    assert (
        run("""
        import lowthread as lt
        lt.Timer(0.05, lt.interrupt_main).start()
        try:
            lt.select(lt.on_get(lt.Queue()), lt.on_set(lt.Event()))
        except KeyboardInterrupt:
            print("Ctrl-C")
        """)
        == "Ctrl-C\n"
    )


def readable(watcher: lt.Watcher, seconds: float = 0) -> bool:
    return bool(select.select([watcher], [], [], seconds)[0])


def test_a_watcher_is_readable_while_it_may_be_possible() -> None:
    items: lt.Queue[int] = lt.Queue(1)
    with lt.Watcher(lt.on_get(items)) as gets, lt.Watcher(lt.on_put(items, 0)) as puts:
        assert (readable(gets), readable(puts)) == (False, True)
        items.put(1)
        assert (readable(gets), readable(puts)) == (True, False)
        items.get()
        assert (readable(gets), readable(puts)) == (False, True)
        items.shutdown()
        assert (readable(gets), readable(puts)) == (True, True)
    with pytest.raises(ValueError, match="closed"):
        gets.fileno()
    assert gets.closed
    gets.close()

    lock = lt.Lock()
    with lt.Watcher(lt.on_acquire(lock)) as watcher:
        assert readable(watcher)
        lock.acquire()
        assert not lock.acquire(False)
        assert not readable(watcher)
        lock.release()
        assert readable(watcher)


def test_a_watcher_without_a_descriptor_is_an_error_of_the_system(run: Run) -> None:
    out = run("""
    import errno, lowthread as lt, resource
    event = lt.Event()
    first = lt.Watcher(lt.on_set(event))
    resource.setrlimit(resource.RLIMIT_NOFILE, (first.fileno(), first.fileno()))
    try:
        lt.Watcher(lt.on_set(event))
    except OSError as error:
        print(error.errno == errno.EMFILE)
    """)
    assert out == "True\n"


def test_a_loop_of_asyncio_takes_what_threads_put() -> None:
    items: lt.Queue[int] = lt.Queue(4)

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        taken: list[int] = []
        done = asyncio.Event()

        def take() -> None:
            taken.extend(items.get_many(100, 0))
            if len(taken) == 2000:
                done.set()

        with lt.Watcher(lt.on_get(items)) as watcher:
            loop.add_reader(watcher, take)
            producer = lt.Thread(target=items.put_many, args=(range(2000),))
            producer.start()
            await asyncio.wait_for(done.wait(), 30)
            loop.remove_reader(watcher)
            producer.join()
        return taken

    assert asyncio.run(main()) == list(range(2000))


def test_a_watcher_calls_until_it_is_closed() -> None:
    event, told = lt.Event(), lt.Semaphore(0)
    watcher = lt.Watcher(lt.on_set(event), told.release)
    with pytest.raises(ValueError, match="calls a function"):
        watcher.fileno()
    assert not told.acquire(timeout=0.01)
    event.set()
    assert told.acquire(timeout=10)
    gone = weakref.ref(watcher)
    del watcher
    gc.collect()
    event.clear()
    event.set()
    assert told.acquire(timeout=10)
    open = gone()
    assert open is not None
    open.close()
    event.clear()
    event.set()
    assert not told.acquire(timeout=0.05)
    del open
    assert gone() is None


def test_a_watcher_is_closed_by_its_own_function() -> None:
    event, closed = lt.Event(), lt.Event()
    watchers: list[lt.Watcher] = []

    def close() -> None:
        watchers.pop().close()
        closed.set()

    watchers.append(lt.Watcher(lt.on_set(event), close))
    event.set()
    assert closed.wait(10)


def test_an_error_in_a_watcher_is_told(run: Run) -> None:
    out = run("""
    import lowthread as lt, sys
    told = lt.Event()
    sys.unraisablehook = lambda what: (print(repr(what.exc_value)), told.set())
    event = lt.Event()
    event.set()
    watcher = lt.Watcher(lt.on_set(event), lambda: 1 / 0)
    assert told.wait(10)
    watcher.close()
    """)
    assert out == "ZeroDivisionError('division by zero')\n"
    # One that is open does not keep the interpreter from its end.
    assert run("import lowthread as lt; w = lt.Watcher(lt.on_set(lt.Event()), print)") == ""


def test_no_item_is_missed_beside_those_who_watch_and_select() -> None:
    items: lt.Queue[int] = lt.Queue()
    got: list[int] = []
    all_there = lt.Event()

    def drain() -> None:
        while some := items.get_many(1000, 0):
            got.extend(some)
        if len(got) == 9000:
            all_there.set()

    with lt.Watcher(lt.on_get(items), drain):
        producers = [lt.Thread(target=items.put_many, args=(range(n * 3000, n * 3000 + 3000),)) for n in range(3)]
        for producer in producers:
            producer.start()
        for producer in producers:
            producer.join()
        assert all_there.wait(10)
    assert sorted(got) == list(range(9000))
