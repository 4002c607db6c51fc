"""Cases of threads and futures, whose state threading and concurrent.futures keep."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from lowthread import Case, Event, _native

__all__ = ["on_done", "on_join"]


def on_join(thread: threading.Thread, /) -> Case[None]:
    """The thread is over: its join() does not wait any more. The result is None.

    The thread is one of lowthread's, as all are after install().
    """
    if not thread._started.is_set():  # type: ignore[attr-defined]
        raise RuntimeError("cannot join thread before it is started")
    if thread is threading.current_thread():
        raise RuntimeError("cannot join current thread")
    of = thread._handle if hasattr(thread, "_handle") else getattr(thread, "_tstate_lock", None)
    if of is None and not thread.is_alive():
        # Before 3.13 it has nothing by then.
        over = Event()
        over.set()
        return _native._on_told(over, None)
    return _native._on_end(of)


def on_done(future: Future[Any], /) -> Case[Future[Any]]:
    """The future is done, or cancelled: its result() does not wait any more. The result is the future."""
    over: Event | None = getattr(future, "_lowthread_over", None)
    if over is None:
        over = Event()
        future.add_done_callback(lambda _: over.set())
        # Last: a case of what has refused that would never happen.
        future._lowthread_over = over  # type: ignore[attr-defined]
    return _native._on_told(over, future)
