//! lt_fail: an error without an unwinding, for languages whose frames cannot be unwound.
//!
//! What was said is kept in the thread's record until the function or task returns, and then told as if
//! that had raised.

use crate::base::heap::{Text, boxed};
use crate::base::record::{End, Record, Role};
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::unwind::Frames;
use crate::thread::exception::{Description, LT_ERROR_RAISED};
use crate::thread::report::Report;
use core::ffi::{CStr, c_void};

/// What a function or task has failed with, though it goes on.
pub struct Failure {
    code: i32,
    message: Text,
    frames: Frames,
}

/// A failure on its way, boxed. Without a destructor, as it is held across user code.
pub type Pending = Option<(*mut c_void, End)>;

/// Makes the function or task of the calling thread fail once it returns; the last failure counts.
pub fn fail(code: i32, message: &CStr) -> Result<(), Error> {
    let record = this_thread::current().filter(|record| record.role() == Role::Started);
    let record = record.ok_or(Error::NoFunction)?;
    let message = Text::copy(message.to_bytes())?;
    let failure = Box::into_raw(boxed(Failure { code, message, frames: Frames::here() })?);
    drop(take(record.own().failure.replace(Some((failure.cast(), forget)))));
    Ok(())
}

/// Begins another function or task on this thread, in the middle of one: what that one has failed with.
pub fn begin(record: &Record) -> Pending {
    record.own().failure.take()
}

/// Whether the function or task that the thread is in has failed.
pub fn is_pending(record: &Record) -> bool {
    record.own().failure.get().is_some()
}

/// The function or task has returned: what it has failed with. `outer` is what `begin` gave.
pub fn end(record: &Record, outer: Pending) -> Option<Box<Failure>> {
    take(record.own().failure.replace(outer))
}

impl Failure {
    /// What is to be told of it. The box ends here, and not on the frame that tells.
    pub fn report(self: Box<Failure>, record: &'static Record) -> Report {
        let Failure { code, message, frames } = *self;
        let description =
            Description { kind: LT_ERROR_RAISED, code, type_name: Text::Static(c"error"), message };
        Report::of(Some(record), description, &frames)
    }
}

/// The thread is over, and has not returned.
///
/// # Safety
/// A boxed failure, that nobody else has.
unsafe extern "C" fn forget(failure: *mut c_void) {
    // SAFETY: as the caller vouches.
    drop(unsafe { Box::from_raw(failure.cast::<Failure>()) });
}

fn take(pending: Pending) -> Option<Box<Failure>> {
    // SAFETY: from `fail`, and taken out of the record or the frame that had it.
    pending.map(|(failure, _)| unsafe { Box::from_raw(failure.cast()) })
}
