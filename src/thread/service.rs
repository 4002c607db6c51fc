//! The library's own threads: they take no signals, do not count, and come back when user code that
//! they run ends them with lt_exit.

use crate::base::record::{Record, Role};
use crate::base::status::Error;
use crate::base::this_thread;
use crate::thread::start::{Function, Plan};
use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr;

/// Starts a service thread. Its function calls `attend` first, and does not return.
pub fn start(name: &CStr, function: Function, argument: *mut c_void) -> Result<(), Error> {
    let plan = Plan { name: Some(name), stack_size: 0, ..Plan::new(function, argument) };
    let record = plan.record(Role::Service)?;
    without_signals(|| plan.create(record, libc::PTHREAD_CREATE_DETACHED)).inspect_err(|_| record.end())?;
    Ok(())
}

/// On a service thread: makes sure that another one follows should it be ended. Its record.
pub fn attend() -> Option<&'static Record> {
    let record = this_thread::current()?;
    record.interruptible.set(true);
    record.on_end.set(Some(succeed));
    Some(record)
}

/// Whether this is still a service thread: not if its callback has forked, and this is the child.
pub fn serving(record: &Record) -> bool {
    record.role() == Role::Service
}

fn succeed(record: &'static Record) {
    if let Some((function, argument)) = record.entry.get() {
        // Without a thread to be had, the service ends: there is nobody to tell.
        let _ = start(c"lowthread", function, argument);
    }
}

/// Does something with all signals blocked, as a thread that is created meanwhile then has them.
fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are written before they are read.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let result = f();
    // SAFETY: written above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}
