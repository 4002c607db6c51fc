//! LOWTHREAD_INSIGHT=socket:PATH: a thread of the library's tells each program of the same user that connects there one
//! snapshot; lowthread-top asks again and again.

use crate::base::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::base::deadline::Timeout;
use crate::base::fork::Participant;
use crate::base::heap::{self, Text};
use crate::insight::{cannot, pattern, readable, snapshot};
use crate::sys::local::Local;
use crate::sys::process;
use crate::thread::service::{Attendance, Duty, Service};
use core::ptr;

static SERVICE: Service = Service::absent();
static DUTY: Duty = Duty { name: c"lt-insight", work: serve, left: || () };
static PARTICIPANT: Participant = Participant::new(forget);

/// Where this process listens. Written when the library is loaded; NULL in a child.
static PLACE: AtomicPtr<Local> = AtomicPtr::new(ptr::null_mut());

fn place() -> Option<&'static Local> {
    // Acquire: pairs with `listen`.
    let place = PLACE.load(Ordering::Acquire);
    // SAFETY: NULL, or one that lives for ever.
    unsafe { place.as_ref() }
}

/// Listens from now on, or tells what keeps it from that.
pub fn listen(pattern: &[u8]) {
    let refused = |why: &dyn core::fmt::Display| {
        cannot(format_args!("cannot listen at {:.400}: {why}", readable(pattern)));
    };
    let path = pattern::path(pattern).and_then(|path| Text::copy(&path));
    let Ok(path) = path else { return refused(&"no memory") };
    let local = match Local::listen(path.as_c_str()) {
        Ok(local) => local,
        Err(errno) => return refused(&std::io::Error::from_raw_os_error(errno)),
    };
    PARTICIPANT.join();
    let Ok(place) = heap::boxed(local) else { return refused(&"no memory") };
    // Release: with it, what it leads to.
    PLACE.store(Box::into_raw(place), Ordering::Release);
    // Without memory for that it stays, and is taken over by who comes next.
    // SAFETY: a function of this library, which is not unloaded.
    unsafe { libc::atexit(take_away) };
    if SERVICE.ensure(&DUTY, 0).is_err() {
        refused(&"no thread");
    }
}

fn serve(attendance: &mut Attendance) {
    let Some(place) = place() else { return };
    loop {
        match place.accept() {
            Ok(Some(client)) => snapshot::write(&|text| client.write(text)),
            Ok(None) => (),
            // There is no descriptor for it, and it stays: later there may be.
            Err(_) => attendance.sleep(&AtomicU32::new(0), 0, LATER.start()),
        }
    }
}

const LATER: Timeout = Timeout::Nanoseconds(1_000_000_000);

/// In a forked child: the socket is the parent's.
fn forget() {
    if let Some(place) = place() {
        process::close(place.fd());
        // Relaxed: there is one thread.
        PLACE.store(ptr::null_mut(), Ordering::Relaxed);
    }
    SERVICE.forget();
}

/// At the end of the process.
extern "C" fn take_away() {
    if let Some(place) = place() {
        place.remove();
    }
}
