"""lowthread against the standard library, in one run.

python bench.py [--quick] [--json FILE] [--plot FILE]: every figure is the least of several rounds, in nanoseconds
for one operation; those of lowthread and of the standard library are taken in turns.
"""

from __future__ import annotations

import _thread
import argparse
import gc
import json
import queue
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import lowthread as lt
from lowthread import _native

Row = Callable[[], float]


def timed(count: int, body: Callable[[range], None]) -> float:
    start = time.perf_counter_ns()
    body(range(count))
    return (time.perf_counter_ns() - start) / count


def lock(make: Callable[[], Any], count: int) -> Row:
    lock = make()

    def body(times: range) -> None:
        acquire, release = lock.acquire, lock.release
        for _ in times:
            acquire()
            release()

    return lambda: timed(count, body)


def with_lock(make: Callable[[], Any], count: int) -> Row:
    lock = make()

    def body(times: range) -> None:
        for _ in times:
            with lock:
                pass

    return lambda: timed(count, body)


def contended(make: Callable[[], Any], count: int) -> Row:
    """Two threads, each of which does the same: the time of one of all pairs of calls."""

    def run() -> float:
        lock = make()

        def work() -> None:
            acquire, release = lock.acquire, lock.release
            for _ in range(count):
                acquire()
                release()

        threads = [threading.Thread(target=work) for _ in range(2)]
        start = time.perf_counter_ns()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (time.perf_counter_ns() - start) / count / 2

    return run


def threads(start: Callable[[Callable[[], None], tuple[()]], int], make: Callable[[], Any], count: int) -> Row:
    """From the start of a thread until its end is seen."""
    ended = make()

    def body(times: range) -> None:
        release, acquire = ended.release, ended.acquire
        for _ in times:
            start(release, ())
            acquire()

    ended.acquire()
    return lambda: timed(count, body)


def hand_off(start: Callable[..., int], make: Callable[[], Any], count: int) -> Row:
    """There and back between two threads, with two locks."""

    def run() -> float:
        there, back = make(), make()
        there.acquire()
        back.acquire()

        def answer() -> None:
            acquire, release = there.acquire, back.release
            for _ in range(count):
                acquire()
                release()

        start(answer, ())

        def body(times: range) -> None:
            release, acquire = there.release, back.acquire
            for _ in times:
                release()
                acquire()

        return timed(count, body)

    return run


def queued(make: Callable[[], Any], count: int) -> Row:
    items = make()

    def body(times: range) -> None:
        put, get = items.put, items.get
        for item in times:
            put(item)
            get()

    return lambda: timed(count, body)


def piped(make: Callable[[], Any], count: int) -> Row:
    """Between two threads."""

    def run() -> float:
        items = make()

        def take() -> None:
            get = items.get
            for _ in range(count):
                get()

        thread = threading.Thread(target=take)
        start = time.perf_counter_ns()
        thread.start()
        put = items.put
        for item in range(count):
            put(item)
        thread.join()
        return (time.perf_counter_ns() - start) / count

    return run


def pool(make: Callable[[], Any], count: int) -> Row:
    executor = make()
    executor.submit(int).result()

    def body(times: range) -> None:
        submit = executor.submit
        for _ in times:
            submit(int).result()

    return lambda: timed(count, body)


def interrupted(count: int) -> Row:
    """From interrupt_main() until the blocked main thread has the exception."""
    lock = lt.Lock()
    lock.acquire()
    began = 0

    def act() -> None:
        nonlocal began
        lt.sleep(0.002)
        began = time.perf_counter_ns()
        lt.interrupt_main()

    def run() -> float:
        times = []
        for _ in range(count):
            _native.start_new_thread(act, ())
            try:
                lock.acquire()
            except KeyboardInterrupt:
                times.append(time.perf_counter_ns() - began)
        return float(sorted(times)[len(times) // 2])

    return run


def rows(scale: float) -> dict[str, tuple[Row, Row | None]]:
    def n(count: int) -> int:
        return max(1, int(count * scale))

    ours, theirs = _native.start_new_thread, _thread.start_new_thread
    new = _native.allocate_lock
    return {
        "Lock: acquire, release": (lock(new, n(200_000)), lock(_thread.allocate_lock, n(200_000))),
        "Lock: with": (with_lock(new, n(200_000)), with_lock(_thread.allocate_lock, n(200_000))),
        "RLock: acquire, release": (lock(lt.RLock, n(200_000)), lock(_thread.RLock, n(200_000))),
        "Lock: two threads": (contended(new, n(200_000)), contended(_thread.allocate_lock, n(200_000))),
        "thread: start until its end": (threads(ours, new, n(2000)), threads(theirs, _thread.allocate_lock, n(2000))),
        "hand-off there and back": (hand_off(ours, new, n(5000)), hand_off(theirs, _thread.allocate_lock, n(2000))),
        "Queue: put, get": (queued(lt.Queue, n(100_000)), queued(queue.Queue, n(20_000))),
        "Queue: put, get; SimpleQueue": (queued(lt.Queue, n(100_000)), queued(queue.SimpleQueue, n(100_000))),
        "Queue: two threads": (piped(lt.Queue, n(50_000)), piped(queue.Queue, n(20_000))),
        "Semaphore: acquire, release": (lock(lt.Semaphore, n(100_000)), lock(threading.Semaphore, n(50_000))),
        "Event: is_set, set, clear": (event(lt.Event, n(50_000)), event(threading.Event, n(20_000))),
        "pool: submit until its result": (
            pool(lambda: lt.Pool(1), n(2000)),
            pool(lambda: ThreadPoolExecutor(1), n(1000)),
        ),
        "interrupt of a blocked main": (interrupted(n(40)), None),
    }


def event(make: Callable[[], Any], count: int) -> Row:
    flag = make()

    def body(times: range) -> None:
        for _ in times:
            flag.is_set()
            flag.set()
            flag.clear()

    return lambda: timed(count, body)


def plot(results: dict[str, tuple[float, float | None]], file: str) -> None:
    """The shares of the standard library's time, as bars: no wider than a phone, each under its name."""
    shares = {name: ours / theirs for name, (ours, theirs) in results.items() if theirs}
    height = 36 * len(shares) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="360" height="{height}"'
        ' font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        '<text x="300" y="14" text-anchor="end" fill="#666">the standard library = 1</text>',
        f'<line x1="305" y1="4" x2="305" y2="{height}" stroke="#888" stroke-dasharray="4"/>',
    ]
    for index, (name, share) in enumerate(shares.items()):
        y = 36 * index + 36
        width = min(share, 1.08) * 300
        lines += [
            f'<text x="5" y="{y}">{name}</text>',
            f'<rect x="5" y="{y + 5}" width="{width:.0f}" height="12" fill="#3a7"/>',
            f'<text x="{10 + width:.0f}" y="{y + 15}" font-size="12">{share:.2f}</text>',
        ]
    lines.append("</svg>")
    with open(file, "w") as picture:
        picture.write("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--plot")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    results: dict[str, tuple[float, float | None]] = {}
    print(f"Python {sys.version.split()[0]}, lowthread {lt.__version__}")
    print(f"{'':34}{'lowthread':>12}{'standard':>12}{'share':>8}")
    for name, (ours, theirs) in rows(0.1 if options.quick else 1).items():
        gc.collect()
        best_ours, best_theirs = ours(), theirs() if theirs else None
        for _ in range(2 if options.quick else 6):
            best_ours = min(best_ours, ours())
            if theirs and best_theirs is not None:
                best_theirs = min(best_theirs, theirs())
        results[name] = (best_ours, best_theirs)
        other = f"{best_theirs:9.0f} ns" if best_theirs else "       never"
        share = f"{best_ours / best_theirs:8.2f}" if best_theirs else ""
        print(f"{name:34}{best_ours:9.0f} ns{other}{share}", flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
