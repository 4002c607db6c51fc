'use strict';
// lowthread from Node, by koffi. JavaScript runs on one thread, so what the others run is C; Node hears of it in its
// loop, and is never held up: a future's end is a promise, and a call that waits is made by koffi's async form.
// A callback of JavaScript's on another thread waits for the loop. So the loop must not wait for that thread.
const { check, checkLater, constants, koffi, lt, LowthreadError } = require('./lowthread');
const { LT_FAILED } = constants;

const ErrorInfo = koffi.struct({
  size: 'size_t', ident: 'uint64_t', thread_name: 'const char *', kind: 'int32_t', code: 'int32_t',
  type_name: 'const char *', message: 'const char *', internal: 'void *',
});
function failure(getter, handle) {
  const info = [null];
  check(getter(handle, info));
  return new LowthreadError(koffi.decode(info[0], ErrorInfo).message);
}

// One callback for the ends of all futures, for as long as Node runs; `arg` says whose. Node does not know that a
// call is to come, and would end: something has to stay in its loop meanwhile.
const waiting = new Map();
let alive;
const onDone = koffi.register((future, arg) => {
  const end = waiting.get(Number(arg));
  waiting.delete(Number(arg));
  if (waiting.size === 0) clearInterval(alive);
  end(future);
}, koffi.pointer(koffi.proto('void lt_future_fn(void *future, uintptr_t arg)')));
let last = 0;

/** Has C's function called on a worker. No thread waits for it. */
function submit(pool, fn, argument) {
  const out = [null];
  check(lt.pool_submit(pool, fn, argument, out));
  return new Promise((resolve, reject) => {
    if (waiting.size === 0) alive = setInterval(() => {}, 2 ** 30);
    waiting.set(++last, (future) => {
      const result = [null];
      const status = check(lt.future_try_result(future, result));
      const error = status === LT_FAILED ? failure(lt.future_error, future) : null;
      check(lt.future_free(future));
      if (error) reject(error);
      else resolve(Number(result[0] ?? 0));
    });
    check(lt.future_add_done_callback(out[0], onDone, BigInt(last)));
  });
}

async function main() {
  const c = koffi.load(process.env.MAILBOX_LIBRARY ?? 'libmailbox.so'); // examples/ffi/mailbox.c
  const [pool, waits] = [lt.pool_new(4, null), lt.pool_new(1000, null)];
  const squares = await Promise.all([1n, 2n, 3n, 4n].map((n) => submit(pool, c.symbol('mailbox_square'), n)));
  console.log('squares:', squares.join(' '));

  // Queues between Node and a thread of C's that answers. Items are pointers: a number will do as one.
  const [ask, answers] = [lt.queue_new(0), lt.queue_new(0)];
  const item = [null];
  const late = await checkLater('queue_get_timeout', answers, 0.02, item);
  console.log('timed out:', lt.status_message(late));

  const both = koffi.alloc('void *', 2);
  koffi.encode(both, koffi.array('void *', 2), [ask, answers]);
  const thread = [null];
  check(lt.thread_start(c.symbol('mailbox_answer'), both, null, thread));
  check(lt.queue_put(ask, 6n));
  // What waits for long does so on a worker of lowthread's, which is started when it is needed.
  if ((await submit(waits, c.symbol('mailbox_get'), answers)) !== 36) throw new Error('not what was asked for');

  // That thread waits for the next; an interrupt ends its wait, with which it fails.
  check(lt.thread_interrupt(thread[0]));
  const ended = await checkLater('thread_join', thread[0]);
  if (ended !== LT_FAILED) throw new Error('it did not fail');
  console.log('interrupted:', failure(lt.thread_error, thread[0]).message);
  check(lt.thread_free(thread[0]));

  const lock = lt.allocate_lock();
  await submit(pool, c.symbol('mailbox_divide'), 0n).then(
    () => { throw new Error('an error was expected'); },
    (error) => console.log('failed:', error.message));
  try {
    check(lt.lock_release(lock));
    throw new Error('an error was expected');
  } catch (error) {
    console.log('error:', error.message);
  }
  check(lt.lock_free(lock));
  for (const each of [pool, waits]) await checkLater('pool_free', each);
  for (const queue of [ask, answers]) check(lt.queue_free(queue));
  koffi.free(both);
  koffi.unregister(onDone);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
