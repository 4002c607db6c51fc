"""The queue, and who has references to its items."""

from __future__ import annotations

import contextlib
import gc
import queue
import sys
import weakref

import lowthread as lt
import pytest
from conftest import Run


class Item:
    pass


def test_a_queue_has_the_exceptions_of_pythons() -> None:
    items: lt.Queue[int] = lt.Queue(2)
    items.put(1)
    items.put(2)
    assert items.full()
    with pytest.raises(queue.Full):
        items.put(3, False)
    with pytest.raises(queue.Full):
        items.put(3, timeout=0.01)
    with pytest.raises(queue.Full):
        items.put_nowait(3)
    assert [items.get(), items.get_nowait()] == [1, 2]
    with pytest.raises(queue.Empty):
        items.get(False)
    with pytest.raises(queue.Empty):
        items.get(timeout=0.01)
    with pytest.raises(queue.Empty):
        items.get_nowait()
    with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
        items.get(timeout=-1)
    assert items.empty()
    items.task_done()
    assert not items.join(0.01)
    items.task_done()
    assert items.join()
    with pytest.raises(ValueError, match="task_done"):
        items.task_done()


def test_batches_and_iteration() -> None:
    items: lt.Queue[int] = lt.Queue(3)
    assert items.put_many(range(5), timeout=0.01) == 3
    assert items.get_many(2) == [0, 1]
    assert items.get_many(9) == [2]
    assert items.get_many(9, timeout=0.01) == []
    items.put_many([7, 8])
    items.shutdown()
    assert list(items) == [7, 8]
    with pytest.raises(lt.ShutDown):
        items.put(1)
    with pytest.raises(lt.ShutDown):
        items.get()


def test_an_item_is_referred_to_once_while_it_is_in() -> None:
    items: lt.Queue[Item] = lt.Queue()
    item = Item()
    count = sys.getrefcount(item)
    items.put(item)
    assert sys.getrefcount(item) == count + 1
    assert items.get() is item
    items.task_done()
    assert sys.getrefcount(item) == count
    items.put(item)
    items.shutdown(immediate=True)
    assert sys.getrefcount(item) == count
    assert items.join(0)
    other: lt.Queue[Item] = lt.Queue(1)
    other.put(item)
    with pytest.raises(queue.Full):
        other.put(item, False)
    assert sys.getrefcount(item) == count + 1
    del other
    assert sys.getrefcount(item) == count


def test_cycles_are_found() -> None:
    items: lt.Queue[object] = lt.Queue()
    items.put(items)
    watch = weakref.ref(items)
    del items
    gc.collect()
    assert watch() is None


def test_an_item_whose_destructor_uses_the_queue() -> None:
    items: lt.Queue[object] = lt.Queue()

    class Back:
        def __del__(self) -> None:
            items.qsize()
            items.shutdown(immediate=True)

    items.put(Back())
    items.put(Back())
    items.shutdown(immediate=True)
    assert items.qsize() == 0


@pytest.mark.parametrize("maxsize", [0, 1, 3])
def test_nothing_is_lost_between_many(maxsize: int) -> None:
    items: lt.Queue[int] = lt.Queue(maxsize)
    got: lt.Queue[int] = lt.Queue()
    count = 300

    def take() -> None:
        for item in items:
            got.put(item)
            items.task_done()

    def give(first: int) -> None:
        for item in range(first, first + count):
            items.put(item)

    takers = [lt.Thread(target=take) for _ in range(3)]
    givers = [lt.Thread(target=give, args=(n * count,)) for n in range(3)]
    for thread in takers + givers:
        thread.start()
    for thread in givers:
        thread.join()
    assert items.join(20)
    items.shutdown()
    for thread in takers:
        thread.join()
    assert sorted(got.get_many(count * 4)) == list(range(3 * count))


def test_a_timeout_of_one_getter_loses_no_item() -> None:
    items: lt.Queue[int] = lt.Queue()
    got: list[int] = []

    def take() -> None:
        while len(got) < 200:
            with contextlib.suppress(queue.Empty):
                got.append(items.get(timeout=0.0002))

    threads = [lt.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for item in range(210):
        items.put(item)
        lt.sleep(0.0001)
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_shutdown_wakes_all() -> None:
    items: lt.Queue[int] = lt.Queue(1)
    ended = lt.Semaphore(0)

    def get() -> None:
        with pytest.raises(lt.ShutDown):
            items.get()
        ended.release()

    threads = [lt.Thread(target=get) for _ in range(3)]
    for thread in threads:
        thread.start()
    items.shutdown()
    for _ in threads:
        assert ended.acquire(timeout=10)


def test_the_import_of_shut_downs_class_keeps_nobody_from_the_queue(run: Run) -> None:
    out = run("""
        import sys
        import lowthread as lt
        q = lt.Queue()
        q.shutdown()
        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "lowthread._shutdown":
                    print(q.qsize())
        sys.meta_path.insert(0, Finder())
        try:
            q.get()
        except Exception as error:
            print(type(error).__name__)
    """)
    assert out == "0\nShutDown\n"


def test_the_collector_may_come_to_a_queue_that_is_shut_down(run: Run) -> None:
    out = run("""
        import gc
        import lowthread as lt
        q = lt.Queue()
        q.shutdown()
        class Item:
            def __init__(self):
                self.me = self
            def __del__(self):
                q.qsize()
        gc.set_threshold(1, 1, 1)
        for _ in range(1000):
            Item()
            try:
                q.get()
            except lt.ShutDown:
                pass
        print("over")
    """)
    assert out == "over\n"
