"""asyncio waits for a queue of the library's: its loop polls a descriptor, and no thread waits for it."""

import asyncio
from ctypes import POINTER, byref, c_int, c_int32, c_void_p

import lt

CASE_GET = 5
lt.declare(c_int32, lt_watch_fd=(c_void_p, c_int32, POINTER(c_int), POINTER(c_void_p)))
lt.declare(c_int32, lt_watch_free=(c_void_p,))


class AsyncQueue(lt.Queue):
    """Whose get is awaited: any thread puts, tasks of one loop get."""

    def __enter__(self):
        descriptor, watcher = c_int(), c_void_p()
        lt.check(lt.lib.lt_watch_fd(self.handle, CASE_GET, byref(descriptor), byref(watcher)))
        self._watcher, self._descriptor = watcher.value, descriptor.value
        self._readable = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._descriptor, self._readable.set)
        return self

    def __exit__(self, *_):
        asyncio.get_running_loop().remove_reader(self._descriptor)  # Before it is closed.
        lt.check(lt.lib.lt_watch_free(self._watcher))

    async def get_soon(self):
        while True:
            try:
                return self.get(timeout=0)
            except lt.LowthreadError as error:
                if error.status != lt.TIMED_OUT:
                    raise
            # Quiet by now, as nothing was there.
            self._readable.clear()
            await self._readable.wait()


def produce(queue):
    for number in range(1000):
        queue.put(number)
    queue.close()


async def consume(queue, into):
    try:
        while True:
            into.append(await queue.get_soon())
    except lt.LowthreadError as error:
        assert error.status == lt.CLOSED


async def tick(ticks):
    while True:
        ticks.append(None)
        await asyncio.sleep(0.001)


async def main():
    consumed, ticks = [], []
    with AsyncQueue(capacity=8) as queue:
        ticking = asyncio.create_task(tick(ticks))
        producer = lt.Thread(produce, queue)
        await asyncio.wait_for(consume(queue, consumed), timeout=30)
        ticking.cancel()
    producer.join()
    assert consumed == list(range(1000)), "each item comes once, in order"
    assert ticks, "the loop goes on meanwhile"
    print(f"{len(consumed)} items through a queue of 8, beside a loop that went on")


asyncio.run(main())
