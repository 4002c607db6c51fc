//! Rendering the frames of a throw: names, and file and line where the system's part ([`trace`]) finds them.
//!
//! What was found out is kept. So of a storm of errors the first costs what reading the debug information costs,
//! and the others next to nothing.
//!
//! One thread renders at a time, since the others most often want the same lines; it is not waited for longer
//! than a while, nor by a fork ([`Turn`]).

use crate::base::deadline::Timeout;
use crate::base::fork::Participant;
use crate::base::heap::copied;
use crate::base::turn::Turn;
use crate::sys::cancellation::PutOff;
use crate::sys::trace::{self, Known};
use crate::thread::{aside, demangle};
use core::ffi::{CStr, c_char};
use core::ptr::NonNull;

/// How much stack rendering takes at the most.
const ROOM: usize = demangle::ROOM + 128 * 1024;

/// How much memory there must be, or nothing is begun: in the middle there is no way back.
const MEMORY: usize = 1024 * 1024;

/// How long somebody else who renders is waited for, in nanoseconds.
const PATIENCE: Timeout = Timeout::Nanoseconds(1_000_000_000);

/// What is known of frames that were rendered before.
static KNOWN: Turn<Known> = Turn::new(Known::nothing());

static PARTICIPANT: Participant = Participant::new(|| KNOWN.forget(Known::nothing()));

/// A line for each frame, innermost first: `  0x... in function at file:line`; a C string
/// from malloc. If that cannot be: why.
pub fn render(addresses: &[usize]) -> Result<NonNull<c_char>, &'static CStr> {
    PARTICIPANT.join();
    // Files are opened and read here.
    let _uncancelled = PutOff::begin();
    let mut memory = Vec::<u8>::new();
    if memory.try_reserve_exact(MEMORY).is_err() {
        return Err(NO_MEMORY);
    }
    // What nobody uses the compiler would not ask for.
    drop(core::hint::black_box(memory));
    let mut text = Err(NO_ROOM);
    aside::with_room(ROOM, || text = render_here(addresses));
    copied(text?.as_bytes()).map_err(|_| NO_MEMORY)
}

const NO_MEMORY: &CStr = c"  no trace: out of memory\n";
const NO_ROOM: &CStr = c"  no trace: too little stack, and no thread to be had\n";
const NO_SENSE: &CStr = c"  no trace: the debug information makes no sense\n";

fn render_here(addresses: &[usize]) -> Result<String, &'static CStr> {
    let mut turn = KNOWN.take(PATIENCE);
    let mut own = Known::nothing();
    let known = turn.as_deref_mut().unwrap_or(&mut own);
    // What others have written is read here: should it confuse the reader, that is no reason to end the process.
    let rendered = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| trace::text(addresses, known)));
    rendered.map_err(|_| {
        *known = Known::nothing();
        NO_SENSE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_too_long_renders_by_himself() {
        let here = render as fn(&[usize]) -> _ as usize + 1;
        let taken = KNOWN.take(Timeout::Forever);
        let text = std::thread::scope(|threads| threads.spawn(|| render_here(&[here])).join().unwrap());
        assert!(text.unwrap().contains("trace::render"));
        drop(taken);
    }
}
