"""Ctrl-C ends a wait in the library, as KeyboardInterrupt: sent by oneself, and by another process.

Python's own handler for SIGINT only leaves a note for the interpreter, which a main thread that waits in
C does not read. lt_signal_to_main() puts the library's in its place, until lt_signal_restore(). Between
the waits Ctrl-C is kept for the next one; a loop that computes asks with lt_check_interrupt().
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

import lt


@contextlib.contextmanager
def ctrl_c():
    """In here Ctrl-C is KeyboardInterrupt in the library's waits."""
    lt.check(lt.lib.lt_signal_to_main(signal.SIGINT))
    try:
        yield
    finally:
        lt.check(lt.lib.lt_signal_restore(signal.SIGINT))  # Python's handler again.


def interrupted(wait, *arguments):
    try:
        wait(*arguments)
    except KeyboardInterrupt:
        return True
    return False


def blocked_child():
    """A process that waits for what will never be."""
    with ctrl_c():
        print("waiting", flush=True)
        if interrupted(lt.Event().wait):
            print("KeyboardInterrupt", flush=True)
            sys.exit(128 + signal.SIGINT)


def main():
    lock, queue, event = lt.Lock(), lt.Queue(), lt.Event()
    lock.acquire()
    with ctrl_c():
        for wait in (lock.acquire, queue.get, event.wait):
            sender = lt.Thread(lambda: (lt.sleep(0.02), os.kill(os.getpid(), signal.SIGINT)))
            assert interrupted(wait), "a wait without bound ends"
            sender.join()
        print("a lock, a queue and an event were interrupted")

        os.kill(os.getpid(), signal.SIGINT)  # Nobody waits: it is kept.
        deadline = time.monotonic() + 30
        while not interrupted(lambda: lt.check(lt.lib.lt_check_interrupt())):
            assert time.monotonic() < deadline
        lock.release()
        assert lock.acquire(0) and not event.wait(0), "it was one, and has been answered"
    assert interrupted(os.kill, os.getpid(), signal.SIGINT), "Python's own handler is back"

    # By another process, as by a terminal.
    child = subprocess.Popen([sys.executable, __file__, "child"], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "waiting\n"
    time.sleep(0.1)  # So that it does wait. If it does not yet, it will not either.
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=30)
    assert (output, child.returncode) == ("KeyboardInterrupt\n", 130), (output, child.returncode)
    print("a real Ctrl-C ended a blocked process, as KeyboardInterrupt")

    thread = lt.Thread(event.wait)
    thread.interrupt()  # No signal, and only this thread.
    try:
        thread.join(30)
        raise AssertionError("the event was never set")
    except lt.LowthreadError as error:
        assert error.status == lt.INTERRUPTED
        print(f"a thread was interrupted: {error}")


if __name__ == "__main__":
    blocked_child() if sys.argv[1:] == ["child"] else main()
