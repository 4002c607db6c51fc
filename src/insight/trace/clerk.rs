//! The thread that writes the trace: a while after the first event, or when a ring is half full.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | `RESTING` | nothing was told since it last looked | an event: `COLLECTING` |
//! | `COLLECTING` | something was | `DELAY`, or a ring that fills: `HURRYING` |
//! | `HURRYING` | it is to look now | its look: `RESTING` |

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::{Deadline, Timeout};
use crate::base::status::Error;
use crate::base::wait;
use crate::insight::trace;
use crate::thread::service::{Attendance, Duty, Service};

/// How long events stay in memory, where a crash loses them, in nanoseconds.
const DELAY: Timeout = Timeout::Nanoseconds(100_000_000);

const RESTING: u32 = 0;
const COLLECTING: u32 = 1;
const HURRYING: u32 = 2;

static SERVICE: Service = Service::absent();
static DUTY: Duty = Duty { name: c"lt-trace", work: serve, left: || () };

/// A futex.
static STATE: AtomicU32 = AtomicU32::new(RESTING);

pub fn ensure() -> Result<(), Error> {
    SERVICE.ensure(&DUTY, 0)
}

/// In a forked child: there is no thread.
pub fn forget() {
    SERVICE.forget();
    // Relaxed: there is one thread.
    STATE.store(RESTING, Ordering::Relaxed);
}

/// There is something to be written. Async-signal-safe where threads can be woken in handlers.
#[inline]
pub fn call(hurry: bool) {
    // Relaxed, here and below: one that is overlooked is found by the next, or at the end of the trace.
    match STATE.load(Ordering::Relaxed) {
        RESTING => rouse(RESTING, if hurry { HURRYING } else { COLLECTING }),
        COLLECTING if hurry => rouse(COLLECTING, HURRYING),
        _ => (),
    }
}

#[cold]
fn rouse(from: u32, to: u32) {
    if STATE.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        wait::wake_untold(&STATE, 1);
    }
}

fn serve(attendance: &mut Attendance) {
    while attendance.serving() {
        while STATE.load(Ordering::Relaxed) == RESTING {
            attendance.sleep(&STATE, RESTING, Deadline::Never);
        }
        let until = DELAY.start();
        while STATE.load(Ordering::Relaxed) == COLLECTING && !until.passed() {
            attendance.sleep(&STATE, COLLECTING, until);
        }
        // Before the look: what comes after it calls again.
        STATE.store(RESTING, Ordering::SeqCst);
        trace::write_out();
    }
}
