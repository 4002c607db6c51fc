//! What happens before what, for a tool that looks for races in the user's program and does not see the library's own
//! exchanges.
//!
//! While a tool looks, new objects have the bit in their word that no short way expects (`base::handle`). The address
//! that stands for an object is that of its word; what happens before a writer only stands for itself, at the next.

use crate::base::handle::{Handle, Object};
use crate::base::holding::How;
use crate::base::insight::{self, RACES};
use crate::sys::race;

/// Does what the library keeps other threads from by a lock of its own, with functions that a tool stands before.
pub use crate::sys::race::unseen;

/// Whether a tool looks for races.
#[inline]
pub fn is_looked_for() -> bool {
    insight::is_on(RACES)
}

/// What this thread has done happens before what follows `after` for the same address, which is not read.
#[inline]
pub fn before<T>(address: *const T) {
    if is_looked_for() {
        race::before(address.cast());
    }
}

#[inline]
pub fn after<T>(address: *const T) {
    if is_looked_for() {
        race::after(address.cast());
    }
}

impl<T: Object> Handle<T> {
    /// About to make something possible for others.
    #[inline]
    pub fn happens_before(self) {
        before(self.word());
    }

    /// Was made possible by others.
    #[inline]
    pub fn happens_after(self) {
        after(self.word());
    }

    /// About to release what it holds. Those who share it are not ordered among each other.
    pub fn released_before(self, how: How) {
        before(match how {
            How::Alone => core::ptr::from_ref(self.word()),
            How::Shared => core::ptr::from_ref(self.word()).wrapping_add(1),
        });
    }

    pub fn acquired_after(self, how: How) {
        self.happens_after();
        if how == How::Alone {
            after(core::ptr::from_ref(self.word()).wrapping_add(1));
        }
    }
}
