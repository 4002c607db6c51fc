//! The frame that is told when it is left: it catches nothing.

use super::assembly::{assemble, code, frame, object, tables};
use super::{Answer, Asked, personality, record_of};
use crate::base::cleanup::Watched;
use crate::base::unwind::{Context, Exception};
use core::ffi::c_int;

unsafe extern "C" {
    /// Where the unwinder lands, in the frame of `lt_watched_call`.
    fn lt_watched_landing();
}

personality!(personality, answer);

/// What the personality of `lt_watched_call` answers: it catches nothing.
fn answer(asked: Asked, exception: *mut Exception, context: *mut Context) -> Answer {
    if asked == Asked::Search {
        return Answer::Continue;
    }
    // SAFETY: the register holds the call's record, as the assembly says, and that lives in the
    // frame below, which waits.
    let watched = unsafe { &mut *record_of::<Watched>(context) };
    // SAFETY: the call is being left.
    if unsafe { watched.leave(exception.cast()) } {
        Answer::Land(lt_watched_landing)
    } else {
        Answer::Continue
    }
}

// On the way: calls the cleanup, and goes on.
frame!("lt_watched_call", "lt_watched_landing", personality, code!(clean));
