//! Whether threads wait for an object, which is then not freed.
//!
//! Not the same as its residents: a thread that has just given something away may be one for a moment longer,
//! while whoever got it is the last to use the object, and frees it.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::registry;
use crate::base::status::Error;

/// How many threads wait.
#[derive(Debug)]
pub struct Awaited(AtomicU32);

// SeqCst throughout: of a thread that comes to wait and one that frees, one sees the other. The former counts
// itself and then looks at the object's word; the latter looks here and then changes the word.
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
