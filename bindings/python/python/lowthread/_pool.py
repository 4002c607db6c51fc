"""A pool of threads, as concurrent.futures has it, whose waits are lowthread's."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref
from concurrent.futures import BrokenExecutor, Executor
from concurrent.futures import Future as _Future
from concurrent.futures._base import PENDING
from typing import Any, Callable, TypeVar

from lowthread import Condition, Lock, Queue
from lowthread._shutdown import ShutDown
from lowthread._threads import Thread

__all__ = ["Future", "Pool"]

_T = TypeVar("_T")
_names = itertools.count()
# The pool whose worker the calling thread is.
_current = threading.local()
# Another one in each forked child.
_process = object()


def _forked() -> None:
    global _process
    _process = object()


os.register_at_fork(after_in_child=_forked)


class Future(_Future[_T]):
    """What becomes of a task: a concurrent.futures.Future, for as_completed(), wait() and asyncio.wrap_future().

    result() in a task of the same pool runs a task that nobody has begun, so that tasks can wait for each other in a
    pool of one worker. Of those that wait for each other in turn, each some hundred are on a stack of their own.
    """

    # The call that is to be made, in a list from which whoever makes it takes it out.
    _call: list[tuple[Callable[..., Any], Any, Any]] | None = None
    # What the workers have of its pool, until it is begun.
    _pool: _Shared | None = None

    def __init__(self) -> None:
        # What the base makes, but for its condition: a second one would cost as much as the rest.
        self._condition = Condition()  # type: ignore[assignment]
        self._state = PENDING
        self._result: Any = None
        self._exception: BaseException | None = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Any] = []

    def result(self, timeout: float | None = None) -> _T:
        """Return what the task returned, or raise what it raised, after waiting for its end."""
        try:
            if self._pool is not None:
                self._help()
            return super().result(timeout)
        finally:
            del self  # A traceback has this frame, and the exception is this one's.

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the task raised, or None, after waiting for its end."""
        if self._pool is not None:
            self._help()
        return super().exception(timeout)

    def _help(self) -> None:
        shared: _Shared | None = getattr(_current, "pool", None)
        if shared is None or shared is not self._pool:
            return
        if not (_is_deep() and shared.assist(self)):
            self._run()

    def _take(self) -> tuple[Callable[..., Any], Any, Any] | None:
        """Return the call, once: what waits elsewhere for its turn in the queue holds nothing any more."""
        try:
            call = self._call.pop()  # type: ignore[union-attr]
        except IndexError:
            return None
        self._pool = None
        return call

    def _run(self) -> None:
        call = self._take()
        if call is None or not self.set_running_or_notify_cancel():
            return
        function, args, kwargs = call
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            self.set_exception(error)
            # The traceback has this frame, and this frame the future: no cycle is to be left.
            del self, call, function, args, kwargs
        else:
            self.set_result(result)

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")


class _Shared:
    """What the workers have of a pool: not the pool itself, so that it can end when nobody uses it."""

    def __init__(self, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
        self.tasks: Queue[Future[Any]] = Queue()
        self.initializer = initializer
        self.initargs = initargs
        # How many workers wait for a task, but for those that one is under way to.
        self.idle = 0
        self.lock = Lock()
        self.broken: str | None = None
        # Who runs what a worker waits for. They end with that.
        self.assistants: weakref.WeakSet[Thread] = weakref.WeakSet()

    def assist(self, task: Future[Any]) -> bool:
        """Has another thread run the task, in the place of the calling worker. False if there is none to be had."""
        name = threading.current_thread().name
        assistant = Thread(target=_work, name=name, args=(self, task), daemon=True)
        with self.lock:
            self.assistants.add(assistant)
        try:
            assistant.start()
        except (RuntimeError, MemoryError):
            return False
        _threads.add(assistant)
        return True

    def running_assistants(self) -> list[Thread]:
        with self.lock:
            return [assistant for assistant in self.assistants if assistant.is_alive()]


def _is_deep() -> bool:
    """Whether so many calls are under way that a task had better begin on another stack."""
    try:
        sys._getframe(min(sys.getrecursionlimit(), 1000) * 3 // 4)
    except ValueError:
        return False
    return True


def _work(shared: _Shared, only: Future[Any] | None = None) -> None:
    _current.pool = shared
    if shared.initializer is not None:
        try:
            shared.initializer(*shared.initargs)
        except BaseException:
            import logging

            logging.getLogger("concurrent.futures").critical("Exception in initializer:", exc_info=True)
            shared.broken = "A thread initializer failed, the thread pool is not usable anymore"
            shared.tasks.shutdown()
            for task in shared.tasks:
                if task._take() is not None:
                    task.set_exception(BrokenExecutor(shared.broken))
            return
    if only is not None:
        only._run()
        return
    get = shared.tasks.get
    while True:
        try:
            task = get()
        except ShutDown:
            return
        task._run()
        del task
        with shared.lock:
            shared.idle += 1


# At exit the tasks of all pools are run, as those of ThreadPoolExecutor are.
_pools: weakref.WeakSet[_Shared] = weakref.WeakSet()
_threads: weakref.WeakSet[Thread] = weakref.WeakSet()


def _at_exit() -> None:
    for shared in list(_pools):
        shared.tasks.shutdown()
    for thread in list(_threads):
        thread.join()


threading._register_atexit(_at_exit)  # type: ignore[attr-defined]


class Pool(Executor):
    """Runs calls on threads of its own: a concurrent.futures.Executor.

    A worker is started when a call comes and none is idle, up to max_workers. A forked child has the pool without its
    workers and tasks.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if max_workers is None:
            max_workers = min(32, (os.cpu_count() or 1) + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = max_workers
        self._prefix = thread_name_prefix or f"Pool-{next(_names)}"
        self._begin(_Shared(initializer, initargs))

    def _begin(self, shared: _Shared) -> None:
        self._shared = shared
        self._workers: list[Thread] = []
        self._owner = _process
        _pools.add(shared)
        # A pool that nobody uses any more ends its workers when they have run what was submitted.
        weakref.finalize(self, shared.tasks.shutdown).atexit = False

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Have a worker call fn(*args, **kwargs), and return its future. RuntimeError after shutdown()."""
        shared = self._shared
        if self._owner is not _process and not shared.tasks.is_shutdown:
            # The workers and the tasks are the parent's, and so is who may hold the lock.
            self._begin(_Shared(shared.initializer, shared.initargs))
            shared = self._shared
        future: Future[_T] = Future()
        future._call = [(fn, args, kwargs)]
        future._pool = shared
        with shared.lock:
            if shared.broken is not None:
                raise BrokenExecutor(shared.broken)
            try:
                shared.tasks.put_nowait(future)
            except ShutDown:
                raise RuntimeError("cannot schedule new futures after shutdown") from None
            if shared.idle > 0:
                shared.idle -= 1
                return future
            if len(self._workers) >= self._max_workers:
                # Who takes one more than it was counted for is counted so when it comes back.
                shared.idle -= 1
                return future
            worker = Thread(target=_work, name=f"{self._prefix}_{len(self._workers)}", args=(shared,), daemon=True)
            self._workers.append(worker)
        try:
            worker.start()
        except BaseException:
            with shared.lock:
                self._workers.remove(worker)
                if self._workers:  # The others run it.
                    shared.idle -= 1
                    return future
            if future.cancel():
                future._run()
            raise
        _threads.add(worker)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls. Those that have not begun are run, or, with cancel_futures, cancelled.

        With wait, this returns when all workers have ended.
        """
        shared = self._shared
        with shared.lock:
            shared.tasks.shutdown()
        if cancel_futures:
            while True:
                tasks = [] if shared.tasks.empty() else shared.tasks.get_many(64, 0)
                if not tasks:
                    break
                for task in tasks:
                    task.cancel()
                    # Tells those who wait for it.
                    task._run()
        if wait:
            for worker in self._workers:
                worker.join()
            # Each may have had another.
            while running := shared.running_assistants():
                for assistant in running:
                    assistant.join()
