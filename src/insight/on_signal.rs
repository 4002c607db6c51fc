//! A dump when a signal comes: from a program that hangs, without a debugger.
//!
//! LOWTHREAD_DUMP_SIGNAL in the environment asks for one at the time that the library is loaded: QUIT, SIGQUIT or 3.

use crate::base::atomic::{AtomicI32, Ordering};
use crate::base::errno::Errno;
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use crate::insight::dump::{self, Names};
use crate::insight::{cannot, readable, setting};
use crate::sys::signal::{self, ALL, Action, Info, SIGNALS, can_be_handled, is_fault};
use core::ffi::{c_int, c_void};

/// To which descriptor, by the signal.
static DESCRIPTORS: [AtomicI32; SIGNALS] = [const { AtomicI32::new(OFF) }; SIGNALS];

const OFF: c_int = -1;
const STANDARD_ERROR: c_int = 2;

/// What was done with each signal before.
static BEFORE: Mutex<[Option<Action>; SIGNALS]> = Mutex::new([None; SIGNALS]);

/// Has this signal write a dump to the descriptor; `OFF` puts back what was done with it before.
pub fn set(signum: c_int, fd: c_int) -> Result<(), Error> {
    let index = usize::try_from(signum).ok().and_then(|n| n.checked_sub(1));
    let index = index.filter(|index| *index < SIGNALS).ok_or(Error::SignalOutOfRange)?;
    if !ALL {
        return Err(Error::NotHere);
    }
    if !can_be_handled(signum) || is_fault(signum) {
        return Err(Error::NotASignal);
    }
    let (Some(descriptor), mut all) = (DESCRIPTORS.get(index), BEFORE.lock()) else { return Ok(()) };
    let Some(before) = all.get_mut(index) else { return Ok(()) };
    let found = Action::of(signum).ok_or(Error::NotASignal)?;
    if fd < 0 {
        if let (Some(action), true) = (&before, is_ours(&found)) {
            action.exchange(signum).ok_or(Error::NotASignal)?;
        }
        *before = None;
        // Relaxed, here and below: a handler at this moment writes to the one or the other, or to none.
        descriptor.store(OFF, Ordering::Relaxed);
        return Ok(());
    }
    // Before the handler is there.
    let former = descriptor.swap(fd, Ordering::Relaxed);
    match found.replaced(handler, false).exchange(signum) {
        Some(displaced) if !is_ours(&displaced) => *before = Some(displaced),
        Some(_) => (),
        None => {
            descriptor.store(former, Ordering::Relaxed);
            return Err(Error::NotASignal);
        }
    }
    Ok(())
}

fn is_ours(action: &Action) -> bool {
    action.address() == handler as *const () as usize
}

unsafe extern "C-unwind" fn handler(signum: c_int, _info: *mut Info, _context: *mut c_void) {
    let _errno = Errno::keep();
    let descriptor = usize::try_from(signum - 1).ok().and_then(|index| DESCRIPTORS.get(index));
    if let Some(fd) = descriptor.map(|fd| fd.load(Ordering::Relaxed)).filter(|fd| *fd >= 0) {
        // There is nobody to be told that the descriptor takes nothing.
        let _ = dump::write(fd, Names::in_handler());
    }
}

crate::sys::at_load!(load);

fn load() {
    let Some(name) = setting(c"LOWTHREAD_DUMP_SIGNAL").filter(|name| !name.is_empty()) else { return };
    if number(name).is_none_or(|signum| set(signum, STANDARD_ERROR).is_err()) {
        cannot(format_args!("LOWTHREAD_DUMP_SIGNAL: no signal {:.100} makes a dump", readable(name)));
    }
}

/// The number of a signal by its name, with or without SIG, or in digits.
fn number(name: &[u8]) -> Option<c_int> {
    let short = name.strip_prefix(b"SIG").unwrap_or(name);
    let known = signal::NAMES.iter().find(|(known, _)| known.as_bytes() == short);
    known.map(|(_, number)| *number).or_else(|| core::str::from_utf8(name).ok()?.parse().ok())
}
