//! Whether threads wait for an object, which is then not freed.
//!
//! Not the same as its residents: a thread that has just given something away may be one for a moment longer,
//! while whoever got it is the last to use the object, and frees it.

use crate::base::arena::Resident;
use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::handle::{Handle, Object};
use crate::base::registry;
use crate::base::status::Error;
use core::ops::Deref;

/// How many threads wait.
#[derive(Debug)]
pub struct Awaited(AtomicU32);

// SeqCst throughout: who counts itself, and then finds the object alive, is seen by every free that begins after that.
// One that is under way may have looked before: so whoever counts is a resident as well, see `Waiting`.
impl Awaited {
    pub const fn by_none() -> Awaited {
        Awaited(AtomicU32::new(0))
    }

    /// The calling thread waits, until what this returns is dropped.
    pub fn wait(&self) -> Waits<'_> {
        // First: a fork in between leaves one too many, not one too few.
        let process = registry::forks();
        self.0.fetch_add(1, Ordering::SeqCst);
        Waits { on: self, process }
    }

    /// Busy while somebody waits.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::SeqCst) == 0 { Ok(()) } else { Err(Error::Busy) }
    }

    /// Nobody waits: those who did did not come along in a fork, or there is nobody else who knows the object.
    pub fn forget(&self) {
        // Read first: what is right already need not be copied for a child.
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

/// A thread that waits. In a child that was forked meanwhile, in a signal handler, it is forgotten, and counts no more.
pub struct Waits<'a> {
    on: &'a Awaited,
    process: u32,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if self.process == registry::forks() {
            self.on.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A thread that waits for an object, and is a resident of it meanwhile: where a free has looked just before it counted,
/// it waits for what is dead, and the slot is no other's before it has left.
pub struct Waiting<T: Object> {
    _waits: Waits<'static>,
    /// Dropped after the other.
    stays: Resident<T>,
}

impl<T: Object> Waiting<T> {
    pub fn begin(
        object: Handle<T>,
        awaited: fn(&'static T) -> &'static Awaited,
    ) -> Result<Waiting<T>, Error> {
        let stays = object.reside()?;
        let waits = awaited(object.alive()?).wait();
        // SeqCst: see `Awaited`.
        object.state(Ordering::SeqCst)?;
        Ok(Waiting { _waits: waits, stays })
    }
}

impl<T: Object> Deref for Waiting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.stays
    }
}
