'use strict';
// What every program of Node's needs for lowthread by koffi: lt.queue_put is lt_queue_put, constants.LT_FAILED a number.
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const koffi = require('koffi');

// The functions and constants, from lowthread.json. Handles are pointers, which koffi gives as BigInts.
const root = path.join(__dirname, '../..');
const api = JSON.parse(fs.readFileSync(path.join(root, 'abi/lowthread.json'), 'utf8'));
const library = koffi.load(process.env.LOWTHREAD_LIBRARY ?? 'liblowthread.so.0');
const simple = { lt_status: 'int32_t', lt_ident: 'uint64_t', 'const char *': 'const char *' };
const koffiType = ({ type, role }) =>
  role === 'out' ? '_Out_ void **' : simple[type] ?? (/\*|_fn$|hook$|destructor$|predicate$/.test(type) ? 'void *' : type);
const lt = {};
for (const { name, returns, parameters } of api.functions) {
  const types = parameters.map(koffiType);
  lt[name.slice(3)] = library.func(name, koffiType({ type: returns }), types);
}
const constants = Object.fromEntries(api.constants.map(({ name, value }) => [name, value]));

class LowthreadError extends Error {}

/** Errors throw; answers, such as LT_TIMED_OUT, are returned. */
function check(status) {
  if (status < 0) throw new LowthreadError(lt.last_error());
  return status;
}

/** The same on a thread of Node's, for what waits a moment: its last error is not this thread's, so its name must do.
 *  Node has four such threads, for files and names too: four calls that wait hold up all of that. */
async function checkLater(name, ...values) {
  const status = await promisify(lt[name].async)(...values);
  if (status < 0) throw new LowthreadError(`lt_${name}: ${lt.status_message(status)}`);
  return status;
}

module.exports = { check, checkLater, constants, koffi, lt, LowthreadError };
