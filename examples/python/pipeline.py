"""Python objects through a bounded queue: two producers, two consumers, and an end."""

import lt


def produce(queue, name):
    for number in range(500):
        assert queue.put({"from": name, "number": number})


def consume(queue):
    last = {}
    for item in queue:  # Until it is closed and empty.
        assert item["number"] > last.get(item["from"], -1), "those of one producer are in order"
        last[item["from"]] = item["number"]
        consumed.append(item["number"])


consumed = []
queue = lt.Queue(capacity=8)
consumers = [lt.Thread(consume, queue) for _ in range(2)]
producers = [lt.Thread(produce, queue, name) for name in ("left", "right")]
for thread in producers:
    thread.join()
queue.close()
for thread in consumers:
    thread.join()
assert sorted(consumed) == sorted(2 * list(range(500))), "every item comes once"
print(f"{len(consumed)} items went through a queue of 8")

# What does not fit, what does not come, what is thrown away.
queue = lt.Queue(capacity=1)
assert queue.put("first") and not queue.put("second", timeout=0.01), "there is room for one"
assert len(queue) == 1 and queue.get() == "first"
try:
    queue.get(timeout=0.01)
    raise AssertionError("nothing is there to get")
except lt.LowthreadError as error:
    assert error.status == lt.TIMED_OUT
    print(error)
queue.put("third")
queue.close(immediate=True)
try:
    queue.put("fourth")
    raise AssertionError("a closed queue takes nothing")
except lt.LowthreadError as error:
    assert error.status == lt.CLOSED
    print(error)
assert not lt._kept, "C holds no Python object any more, not the discarded one either"
