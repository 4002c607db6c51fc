"""A pool: tasks with results and exceptions, done callbacks, cancelling, waiting for many."""

import lt


def divide(a, b):
    return a / b


with lt.Pool(2, "divider") as pool:
    futures = [pool.submit(divide, 84, divisor) for divisor in (2, 0, 4)]
    assert lt.wait(futures, lt.ALL, timeout=30) == (3, True)
    print(futures[0].result(), futures[2].result())
    try:
        futures[1].result()
        raise AssertionError("84 cannot be divided by 0")
    except ZeroDivisionError as error:
        print(f"the second task: {error}")

    # Two tasks keep both workers busy, so that a third one can be cancelled.
    go, both_run = lt.Event(), lt.Queue()

    def hold(name):
        both_run.put(name)
        assert go.wait(30)
        return name

    held = [pool.submit(hold, "a"), pool.submit(hold, "b")]
    both_run.get(), both_run.get()
    ends = lt.Queue()
    third = pool.submit(hold, "c")
    for future in held + [third]:
        future.add_done_callback(ends.put)
    assert lt.wait(held, lt.ANY, timeout=0.01) == (0, False), "they are not over"
    assert third.cancel() and not held[0].cancel(), "what has begun goes on"
    assert ends.get(30) is third and third.cancelled(), "a cancelled task is over, too"
    go.set()
    assert {ends.get(30).result(), ends.get(30).result()} == {"a", "b"}
    try:
        third.result()
        raise AssertionError("it was cancelled")
    except lt.LowthreadError as error:
        assert error.status == lt.CANCELLED
        print(error)

    # A task may wait for a task that nobody has begun: it runs it itself, in whatever small pool.
    def nested(depth):
        return 1 if depth == 0 else 1 + pool.submit(nested, depth - 1).result(30)

    print(f"nested {pool.submit(nested, 5).result(30)} deep")

assert not lt._kept, "C holds no Python object any more"
