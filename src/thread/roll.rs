//! The roll: the joinable threads that are no daemons, until the system has seen them out. `shutdown` waits
//! until nobody is on it.
//!
//! A thread whose handle was freed is still on it. Nobody else will join such a thread: at its end it
//! detaches itself, but leaves that while there is a shutdown, which joins it.

use crate::base::arena::{Resident, Slot};
use crate::base::deadline::Timeout;
use crate::base::fork::Participant;
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};
use crate::base::{race, this_thread};
use crate::thread::joinable::{self, SeeOut, Thread};
use core::cell::Cell;
use core::ptr;

/// A thread's place on the roll. Under the roll's lock.
#[derive(Debug)]
pub struct Place {
    previous: Cell<*const Thread>,
    next: Cell<*const Thread>,
    /// While it is on the roll: it keeps a residence of its own in the thread's object.
    resident: Cell<*const ()>,
    /// Whether it has ended, and is left for a shutdown to join.
    left: Cell<bool>,
}

// SAFETY: the cells are under the lock.
unsafe impl Sync for Place {}

impl Place {
    pub const fn none() -> Place {
        Place {
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            resident: Cell::new(ptr::null()),
            left: Cell::new(false),
        }
    }

    /// As at first: of a body that is on no roll, or in a forked child, where the roll is empty.
    pub fn clear(&self) {
        self.previous.set(ptr::null());
        self.next.set(ptr::null());
        self.resident.set(ptr::null());
        self.left.set(false);
    }
}

struct Roll {
    first: *const Thread,
    /// How many shutdowns wait.
    shutdowns: u32,
}

// SAFETY: leads to threads' bodies, which are Sync and never unmapped.
unsafe impl Send for Roll {}

static ROLL: Mutex<Roll> = Mutex::new(Roll { first: ptr::null(), shutdowns: 0 });

/// In a forked child: no thread is there that a shutdown would wait for.
static PARTICIPANT: Participant =
    Participant::new(|| *ROLL.lock() = Roll { first: ptr::null(), shutdowns: 0 });

/// Enters a thread that is about to be started.
pub fn enter(resident: Resident<Thread>) {
    PARTICIPANT.join();
    let resident = resident.into_raw();
    // SAFETY: taken back by `strike_out`.
    let thread = unsafe { Resident::<Thread>::peek(resident) };
    let mut roll = ROLL.lock();
    // SAFETY: bodies are never unmapped, and who is on the roll resides in its own.
    if let Some(next) = unsafe { roll.first.as_ref() } {
        next.place.previous.set(thread);
        thread.place.next.set(next);
    }
    roll.first = thread;
    thread.place.resident.set(resident);
}

/// Strikes out a thread that is gone, if it is on the roll. The caller is a resident of it too.
pub fn strike_out(thread: &Thread) {
    let mut roll = ROLL.lock();
    let resident = thread.place.resident.get();
    if resident.is_null() {
        return;
    }
    race::before(&raw const ROLL);
    // SAFETY: as in `enter`.
    unsafe {
        match thread.place.previous.get().as_ref() {
            Some(previous) => previous.place.next.set(thread.place.next.get()),
            None => roll.first = thread.place.next.get(),
        }
        if let Some(next) = thread.place.next.get().as_ref() {
            next.place.previous.set(thread.place.previous.get());
        }
    }
    thread.place.clear();
    drop(roll);
    // SAFETY: given away by `enter`, and taken back once.
    drop(unsafe { Resident::<Thread>::from_raw(resident) });
}

/// Leaves a thread that has ended, and whose handle was freed, to a shutdown. False if there is none.
pub fn leave_to_shutdown(thread: &Thread) -> bool {
    let roll = ROLL.lock();
    let left = roll.shutdowns > 0 && !thread.place.resident.get().is_null();
    thread.place.left.set(left);
    left
}

impl Roll {
    /// The first thread of which this is so. While the result lives, its object does.
    fn find(&self, wanted: impl Fn(&Place) -> bool) -> Option<Resident<Thread>> {
        let mut next = self.first;
        // SAFETY: as in `enter`.
        while let Some(thread) = unsafe { next.as_ref() } {
            if wanted(&thread.place) {
                let slot = thread.place.resident.get().cast::<Slot<Thread>>();
                // SAFETY: what a residence leads to, which keeps it as it is.
                return Some(Resident::enter(unsafe { &*slot }));
            }
            next = thread.place.next.get();
        }
        None
    }
}

/// A shutdown that waits.
struct Shutdown;

impl Shutdown {
    fn begin() -> Shutdown {
        ROLL.lock().shutdowns += 1;
        Shutdown
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        let mut roll = ROLL.lock();
        roll.shutdowns -= 1;
        // One that gives up joins nobody: those that were left to it are detached after all.
        while let Some(thread) = (roll.shutdowns == 0).then(|| roll.find(|place| place.left.get())).flatten()
        {
            drop(roll);
            thread.see_out(SeeOut::Detach);
            drop(thread);
            roll = ROLL.lock();
        }
    }
}

/// Joins every thread that is on the roll, those that come meanwhile too.
pub fn shutdown(seconds: f64) -> Result<(), Error> {
    let timeout = Timeout::from_seconds(seconds)?;
    if joinable::own().is_some_and(|thread| !thread.is_daemon()) {
        return Err(Error::ShutdownFromWithin);
    }
    // So that it has a record: it may be interrupted.
    this_thread::current();
    let _shutdown = Shutdown::begin();
    let mut block = None;
    loop {
        let first = ROLL.lock().find(|_| true);
        match first {
            Some(thread) => thread.await_end(What::plain(Verb::Shutdown), timeout, &mut block)?,
            None => {
                race::after(&raw const ROLL);
                return Ok(());
            }
        }
    }
}
