//! Section 12 of the header: waiting for several things at once.

use crate::base::status::{Argument, Error, LT_OK, lt_status};
use crate::exec::case::Case;
use crate::exec::select::{self, Chosen, Refused};
use crate::ffi::{at, report};
use crate::sync::rwlock::Access;
use core::ffi::c_void;

/// For lt_case.op, what may happen: the lock is acquired.
pub const LT_CASE_LOCK: i32 = 1;
/// The re-entrant lock is acquired, for the first time or once more.
pub const LT_CASE_RLOCK: i32 = 2;
/// A permit of the semaphore is taken.
pub const LT_CASE_SEMAPHORE: i32 = 3;
/// The event is set.
pub const LT_CASE_EVENT: i32 = 4;
/// An item is taken out of the queue: then it is in `item`; or that is closed and empty: LT_CLOSED.
pub const LT_CASE_GET: i32 = 5;
/// `item` is put into the queue; or that is closed: LT_CLOSED.
pub const LT_CASE_PUT: i32 = 6;
/// The read-write lock is acquired for reading.
pub const LT_CASE_READ: i32 = 7;
/// The read-write lock is acquired for writing.
pub const LT_CASE_WRITE: i32 = 8;
/// The thread is over: it has been joined. LT_FAILED if it ended with an error.
pub const LT_CASE_JOIN: i32 = 9;
/// The task of the future is over. LT_FAILED, LT_CANCELLED.
pub const LT_CASE_FUTURE: i32 = 10;

/// One of the things that lt_select() waits for.
#[repr(C)]
pub struct lt_case {
    /// One of the LT_CASE_ constants.
    pub op: i32,
    /// Set for the case that happens: what a call that does this alone would have returned.
    pub status: lt_status,
    /// The object: an lt_queue for LT_CASE_GET, and so on.
    pub handle: *const c_void,
    /// What is to be put, or what was got; not touched otherwise.
    pub item: *mut c_void,
}

/// Waits until one of n cases can be done, does that one and no other, and tells which; blocks for at most
/// this many seconds. LT_OK whenever one happened: its status says more. LT_TIMED_OUT, LT_INTERRUPTED: none.
/// LT_BAD_HANDLE, LT_INVALID, LT_DEADLOCK: the case at `index` can never be done. Where several could be, each
/// is the one as often as any other. LT_NO_MEMORY. Who frees an object that is selected on gets LT_BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_select(
    cases: *mut lt_case,
    n: usize,
    seconds: f64,
    index: *mut usize,
) -> lt_status {
    let tell = |i: usize| {
        if !index.is_null() {
            // SAFETY: valid to write to, as the header asks.
            unsafe { index.write(i) };
        }
    };
    // SAFETY: there are n cases, as the header asks.
    match unsafe { choose(cases, n, seconds) } {
        Ok((i, outcome)) => {
            tell(i);
            // SAFETY: as above.
            let case = unsafe { &mut *cases.add(i) };
            case.status = match outcome {
                Ok(item) => {
                    case.item = item.unwrap_or(case.item);
                    LT_OK
                }
                Err(answer) => answer.status(),
            };
            LT_OK
        }
        Err((case, error)) => {
            case.into_iter().for_each(tell);
            report(&"lt_select", Err(error))
        }
    }
}

/// # Safety
/// There are `n` cases, or the pointer is NULL.
unsafe fn choose(cases: *const lt_case, n: usize, seconds: f64) -> Result<Chosen, Refused> {
    if cases.is_null() && n > 0 {
        return Err((None, Error::NullArgument(Argument::Cases)));
    }
    // SAFETY: as the caller vouches.
    let case = |i| unsafe {
        let case = &*cases.add(i);
        case_of(case.op, case.handle, case.item)
    };
    select::select(n, &case, seconds)
}

/// # Safety
/// The handle is one, or a value that is refused as none.
pub(super) unsafe fn case_of(op: i32, h: *const c_void, item: *mut c_void) -> Result<Case, Error> {
    // SAFETY: as the caller vouches.
    unsafe {
        Ok(match op {
            LT_CASE_LOCK => Case::Lock(at(h)?),
            LT_CASE_RLOCK => Case::RLock(at(h)?),
            LT_CASE_SEMAPHORE => Case::Semaphore(at(h)?),
            LT_CASE_EVENT => Case::Event(at(h)?),
            LT_CASE_GET => Case::Get(at(h)?),
            LT_CASE_PUT => Case::Put(at(h)?, item),
            LT_CASE_READ => Case::Access(at(h)?, Access::Read),
            LT_CASE_WRITE => Case::Access(at(h)?, Access::Write),
            LT_CASE_JOIN => Case::Join(at(h)?),
            LT_CASE_FUTURE => Case::Future(at(h)?),
            _ => return Err(Error::BadOp),
        })
    }
}
