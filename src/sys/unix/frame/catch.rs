//! The frame that catches: it lets forced unwinding pass, and stops every exception, of whatever language.

use super::assembly::{assemble, code, frame, object, tables};
use super::{Answer, Asked, personality, record_of};
use crate::base::unwind::{Context, Exception, Guarded};
use crate::sys::call::lt_guarded_landing;
use core::ffi::c_int;

personality!(personality, answer);

/// What the personality of `lt_guarded_call` answers.
fn answer(asked: Asked, exception: *mut Exception, context: *mut Context) -> Answer {
    match asked {
        Asked::ForcedOut => Answer::Continue,
        Asked::Search => {
            // SAFETY: the register holds the call's record, as the assembly says, and that lives in
            // the frame below, which waits.
            let guarded = unsafe { &mut *record_of::<Guarded>(context) };
            guarded.thrown(exception);
            Answer::Catch
        }
        Asked::Leave => Answer::Land(lt_guarded_landing),
    }
}

// Caught: returns 1 to the caller.
frame!("lt_guarded_call", "lt_guarded_landing", personality, code!(return 1));
