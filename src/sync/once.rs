//! Once: a function that is called by one thread, while the others wait for its end.
//!
//! The one type without a handle: a flag of eight zeroed bytes, in the user's own memory, so that what is
//! made once may be handles.
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | `DONE` | the function has returned |
//! | 1 | `RUNNING` | a thread is in the function |
//! | 2 | `AWAITED` | others sleep on the low half until it has left |
//! | 3..63 | owner | the ident of that thread |
//!
//! | from | by | to |
//! |---|---|---|
//! | 0 | call | `RUNNING`, owner; the function is called |
//! | `RUNNING` | call by another thread | `AWAITED` too, and it sleeps |
//! | `RUNNING` | the function returns | `DONE`; who sleeps is woken |
//! | `RUNNING` | the function is left by an exception or lt_exit | 0; who sleeps is woken, and one of them calls |
//! | `RUNNING`, owner did not survive a fork | call | as from 0 |

use crate::base::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::cleanup;
use crate::base::deadline::Timeout;
use crate::base::race;
use crate::base::status::Error;
use crate::base::unwind::Function;
use crate::base::waiting::{Verb, What};
use crate::base::{registry, this_thread, wait};
use core::ffi::c_void;
use core::ptr;

const DONE: u64 = 1;
const RUNNING: u64 = 2;
const AWAITED: u64 = 4;
/// Done as well, and not on the short way: those who see it tell who looks for races.
const DONE_AND_TOLD: u64 = DONE | AWAITED;
const OWNER_SHIFT: u32 = 3;

/// Calls the function, unless it was called with this flag and returned; then all calls return at once.
///
/// # Safety
/// The function may be called with the argument. Nothing in the frames between here and the user's has a
/// destructor.
#[inline]
pub unsafe fn call_once(flag: &AtomicU64, function: Function, argument: *mut c_void) -> Result<(), Error> {
    // Acquire: what the function did happens before the return.
    if flag.load(Ordering::Acquire) == DONE {
        return Ok(());
    }
    // SAFETY: as the caller vouches.
    unsafe { call_slowly(flag, function, argument) }
}

/// # Safety
/// As for `call_once`.
#[cold]
unsafe fn call_slowly(flag: &AtomicU64, function: Function, argument: *mut c_void) -> Result<(), Error> {
    if !begin(flag)? {
        return Ok(());
    }
    // SAFETY: as the caller vouches; the flag is alive as long as the function that it guards runs.
    unsafe { cleanup::call(function, argument, left, ptr::from_ref(flag).cast_mut().cast()) };
    end(flag, if race::is_looked_for() { DONE_AND_TOLD } else { DONE });
    Ok(())
}

/// Makes the calling thread the one that calls the function; false if that was done already.
fn begin(flag: &AtomicU64) -> Result<bool, Error> {
    let me = this_thread::ident();
    if me == 0 {
        return Err(Error::NoMemory);
    }
    let running = me << OWNER_SHIFT | RUNNING;
    let mut block = None;
    loop {
        let state = flag.load(Ordering::Acquire);
        let owner = state >> OWNER_SHIFT;
        if state & DONE != 0 {
            race::after(flag);
            return Ok(false);
        }
        if state == 0 || state & RUNNING != 0 && registry::vanished(owner) {
            // Acquire: sees what a call did that was left.
            if flag.compare_exchange(state, running, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Ok(true);
            }
            continue;
        }
        if owner == me {
            return Err(Error::CalledFromWithin);
        }
        let awaited = state | AWAITED;
        // Relaxed: only says that there is somebody to be woken.
        if flag.compare_exchange(state, awaited, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            continue;
        }
        let block = match &block {
            Some(block) => block,
            None => block.insert(Block::begin(What::plain(Verb::CallOnce), Timeout::Forever)?),
        };
        let wake = block.sleep(low_half(flag), awaited as u32);
        if wake.ends_wait() && flag.load(Ordering::Relaxed) == awaited {
            block.reason(wake).map_or(Ok(()), Err)?;
        }
    }
}

/// The thread is out of the function.
fn end(flag: &AtomicU64, state: u64) {
    race::before(flag);
    let half = ptr::from_ref(low_half(flag));
    // Release: what the function did happens before the return of the calls. The last use of the flag: its
    // memory may serve other ends once the others have returned.
    if flag.swap(state, Ordering::Release) & AWAITED != 0 {
        wait::wake_all(half);
    }
}

/// The function was left by an exception or lt_exit.
///
/// # Safety
/// The argument is a flag.
unsafe extern "C-unwind" fn left(flag: *mut c_void) {
    // SAFETY: as the caller vouches.
    end(unsafe { &*flag.cast::<AtomicU64>() }, 0);
}

/// The half of the flag that threads sleep on.
fn low_half(flag: &AtomicU64) -> &AtomicU32 {
    let half = if cfg!(target_endian = "little") { 0 } else { 1 };
    // SAFETY: both halves are aligned for 32 bits and live as long as the flag.
    unsafe { &*flag.as_ptr().cast::<AtomicU32>().add(half) }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CALLS: AtomicU32 = AtomicU32::new(0);
    static FLAG: AtomicU64 = AtomicU64::new(0);

    unsafe extern "C-unwind" fn count(_: *mut c_void) {
        CALLS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: `count` takes any argument.
        let again = unsafe { call_once(&FLAG, count, ptr::null_mut()) };
        assert_eq!(again, Err(Error::CalledFromWithin));
    }

    #[test]
    fn of_many_calls_one_calls() {
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    // SAFETY: `count` takes any argument.
                    unsafe { call_once(&FLAG, count, ptr::null_mut()) }.unwrap();
                    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
                });
            }
        });
    }

    unsafe extern "C-unwind" fn panic_loudly(_: *mut c_void) {
        panic!("leaves the flag as it was");
    }

    unsafe extern "C-unwind" fn nothing(_: *mut c_void) {}

    #[test]
    fn a_call_that_panics_may_be_repeated() {
        let flag = AtomicU64::new(0);
        // SAFETY: the functions take any argument.
        let panicked =
            std::panic::catch_unwind(|| unsafe { call_once(&flag, panic_loudly, ptr::null_mut()) });
        assert!(panicked.is_err());
        assert_eq!(flag.load(Ordering::SeqCst), 0);
        // SAFETY: as above.
        assert_eq!(unsafe { call_once(&flag, nothing, ptr::null_mut()) }, Ok(()));
        assert_eq!(flag.load(Ordering::SeqCst), DONE);
    }
}
