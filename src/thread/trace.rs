//! Rendering the frames of a throw: names, and file and line where the system's part ([`trace`]) finds them.
//!
//! What was found out is kept. So of a storm of errors the first costs what reading the debug information costs,
//! and the others next to nothing.
//!
//! One thread renders at a time, since the others most often want the same lines; it is not waited for longer
//! than a while, nor by a fork ([`Turn`]).

use crate::base::deadline::Timeout;
use crate::base::errno::Errno;
use crate::base::fork::Participant;
use crate::base::heap::copied;
use crate::base::reserve::{self, Reserve};
use crate::base::turn::Turn;
use crate::sys::cancellation::PutOff;
use crate::sys::trace::{self, Known};
use crate::thread::{aside, demangle};
use core::ffi::{CStr, c_char};
use core::ptr::NonNull;

/// How much stack rendering takes at the most.
const ROOM: usize = demangle::ROOM + 128 * 1024;

/// How long somebody else who renders is waited for, in nanoseconds.
const PATIENCE: Timeout = Timeout::Nanoseconds(1_000_000_000);

/// What is known of frames that were rendered before.
static KNOWN: Turn<Known> = Turn::new(Known::nothing());

static PARTICIPANT: Participant = Participant::new(|| {
    if KNOWN.forget(Known::nothing()) {
        reserve::forget();
    }
});

/// A line for each frame, innermost first: `  0x... in function at file:line`; a C string
/// from malloc. If that cannot be: why.
pub fn render(addresses: &[usize]) -> Result<NonNull<c_char>, &'static CStr> {
    PARTICIPANT.join();
    // Files are opened and read here.
    let _errno = Errno::keep();
    let _uncancelled = PutOff::begin();
    let mut text = Err(NO_ROOM);
    aside::with_room(ROOM, || text = render_here(addresses).map(Rendered));
    text.map(|text| text.0)
}

/// Comes from a thread that had the room.
struct Rendered(NonNull<c_char>);

// SAFETY: who has it is alone with it.
unsafe impl Send for Rendered {}

const NO_MEMORY: &CStr = c"  no trace: out of memory\n";
const NO_ROOM: &CStr = c"  no trace: too little stack, and no thread to be had\n";
const NO_SENSE: &CStr = c"  no trace: the debug information makes no sense\n";

fn render_here(addresses: &[usize]) -> Result<NonNull<c_char>, &'static CStr> {
    let mut turn = KNOWN.take(PATIENCE);
    let mut own = Known::nothing();
    // Who has the turn is alone with the reserve.
    let (known, reserve) = match turn.as_deref_mut() {
        Some(known) => (known, Some(Reserve::take().map_err(|_| NO_MEMORY)?)),
        None => (&mut own, reserve::ask().map(|()| None).map_err(|_| NO_MEMORY)?),
    };
    // What others have written is read here: should it confuse the reader, that is no reason to end the process.
    let rendered = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| trace::text(addresses, known)));
    let copy = rendered.map_err(|_| NO_SENSE).and_then(|text| copied(text.as_bytes()).map_err(|_| NO_MEMORY));
    if copy == Err(NO_SENSE) || reserve.as_ref().is_some_and(Reserve::is_in_use) {
        *known = Known::nothing();
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_too_long_renders_by_himself() {
        let here = render as fn(&[usize]) -> _ as usize + 1;
        let taken = KNOWN.take(Timeout::Forever);
        let rendered = std::thread::scope(|threads| {
            threads.spawn(|| render_here(&[here]).map(Rendered)).join().unwrap().unwrap()
        });
        // SAFETY: a C string from malloc, and this one's.
        unsafe {
            assert!(CStr::from_ptr(rendered.0.as_ptr()).to_str().unwrap().contains("trace::render"));
            libc::free(rendered.0.as_ptr().cast());
        }
        drop(taken);
    }
}
