//! What a fork does to the library.
//!
//! Only the forking thread lives on in the child. A lock that another thread held inside the library
//! would stay held there for ever, so the forking thread takes them all first; what vanished threads
//! had registered (as sleepers, as running) is struck out in the child. Whoever keeps such state is a
//! `Participant`.

use crate::base::atomic::{AtomicBool, AtomicPtr, Ordering};
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use crate::base::wait;
use core::ptr;

/// One part of the library that has something to do at a fork.
pub struct Participant {
    /// Takes the internal locks.
    pub before: fn(),
    /// Releases them, in the parent.
    pub in_parent: fn(),
    /// Releases them in the child, and forgets the threads that are gone.
    pub in_child: fn(),
    next: AtomicPtr<Participant>,
    joined: AtomicBool,
}

/// The participants, last joined first. The mutex is held across the fork, so that the same ones
/// are told after it as were told before.
static FIRST: Mutex<AtomicPtr<Participant>> = Mutex::new(AtomicPtr::new(ptr::null_mut()));
static INSTALLED: AtomicBool = AtomicBool::new(false);

impl Participant {
    pub const fn new(before: fn(), in_parent: fn(), in_child: fn()) -> Participant {
        Participant {
            before,
            in_parent,
            in_child,
            next: AtomicPtr::new(ptr::null_mut()),
            joined: AtomicBool::new(false),
        }
    }

    /// Takes part in every fork from now on. Holds none of its own locks while it calls this.
    pub fn join(&'static self) -> Result<(), Error> {
        // Acquire: what was joined is seen to be joined completely. The rest is under the mutex.
        if self.joined.load(Ordering::Acquire) {
            return Ok(());
        }
        install()?;
        let first = FIRST.lock();
        if !self.joined.load(Ordering::Relaxed) {
            self.next.store(first.load(Ordering::Relaxed), Ordering::Relaxed);
            first.store(ptr::from_ref(self).cast_mut(), Ordering::Relaxed);
            self.joined.store(true, Ordering::Release);
        }
        Ok(())
    }
}

/// Hands the three handlers to the C library, once.
fn install() -> Result<(), Error> {
    // Not under the mutex: some C libraries hold their own lock while they call `before`, which
    // takes it. AcqRel: one caller installs, and a failure is seen by whoever tries next.
    if !INSTALLED.swap(true, Ordering::AcqRel) {
        // SAFETY: the three functions live as long as the library, which is never unloaded.
        if unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) } != 0 {
            INSTALLED.store(false, Ordering::Release);
            return Err(Error::NoMemory);
        }
    }
    Ok(())
}

/// Calls `f` on each participant. The caller holds the mutex, with or without a guard.
fn each(first: *mut Participant, f: impl Fn(&Participant)) {
    // SAFETY: the list links statics, and only grows, under the mutex that the caller holds.
    let mut next = unsafe { first.as_ref() };
    while let Some(participant) = next {
        f(participant);
        // SAFETY: as above. Relaxed: ordered by the mutex.
        next = unsafe { participant.next.load(Ordering::Relaxed).as_ref() };
    }
}

/// The list while the mutex is held raw, between the handlers.
fn held() -> *mut Participant {
    // SAFETY: `before` locked the mutex and this thread, or its image in the child, has it still.
    unsafe { FIRST.peek() }.load(Ordering::Relaxed)
}

extern "C" fn before() {
    FIRST.raw_lock();
    each(held(), |p| (p.before)());
    wait::before_fork();
}

extern "C" fn in_parent() {
    wait::after_fork_in_parent();
    each(held(), |p| (p.in_parent)());
    FIRST.raw_unlock();
}

extern "C" fn in_child() {
    wait::after_fork_in_child();
    each(held(), |p| (p.in_child)());
    FIRST.raw_unlock();
}
