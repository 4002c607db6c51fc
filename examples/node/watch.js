'use strict';
// A queue in Node's loop: a thread of C's answers, and Node takes the answers out when a watch says that there are some.
// No thread waits for them, nobody asks in vain, and the loop is never held up.
const { check, checkLater, constants, koffi, lt } = require('./lowthread');
const { LT_OK, LT_CASE_GET } = constants;

const COUNT = 100_000;

async function main() {
  const c = koffi.load(process.env.MAILBOX_LIBRARY ?? 'libmailbox.so'); // examples/ffi/mailbox.c
  const [ask, answers] = [lt.queue_new(0), lt.queue_new(0)];
  const both = koffi.alloc('void *', 2);
  koffi.encode(both, koffi.array('void *', 2), [ask, answers]);
  const thread = [null];
  check(lt.thread_start(c.symbol('mailbox_answer'), both, null, thread));

  // The library's thread calls it, which koffi does in the loop; so much is taken at once, and the rest in the loop's
  // next round. Something has to keep the loop alive meanwhile.
  let [sum, taken, told] = [0, 0, 0];
  let end;
  const over = new Promise((resolve) => { end = resolve; });
  const alive = setInterval(() => {}, 2 ** 30);
  const item = [null];
  function take() {
    for (let i = 0; i < 1000; i++) {
      if (check(lt.queue_try_get(answers, item)) !== LT_OK) return; // The watch tells of the next.
      sum += Number(item[0] ?? 0);
      if (++taken === COUNT) return end();
    }
    setImmediate(take);
  }
  const onReady = koffi.register(() => { told++; take(); }, koffi.pointer(koffi.proto('void lt_ready_fn(void *arg)')));
  const watcher = [null];
  check(lt.watch(answers, LT_CASE_GET, onReady, null, watcher));

  for (let i = 0; i < COUNT; i++) {
    check(lt.queue_put(ask, BigInt(i % 100)));
    // In between the loop runs, as in a program that does something else as well.
    if (i % 1000 === 999) await new Promise(setImmediate);
  }
  await over;
  if (sum !== (COUNT / 100) * 328350 || told === 0) throw new Error(`the sum is ${sum}, told ${told} times`);
  console.log(`${taken} answers`);

  // Not in the loop: it waits for a call that is under way, and that for the loop.
  await checkLater('watch_free', watcher[0]);
  clearInterval(alive);
  check(lt.queue_close(ask, false));
  await checkLater('thread_join', thread[0]);
  check(lt.thread_free(thread[0]));
  for (const queue of [ask, answers]) check(lt.queue_free(queue));
  koffi.free(both);
  koffi.unregister(onReady);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
