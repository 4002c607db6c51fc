//! An event that is set while something can be done with a queue of Python's objects: for a select, and for who watches.
//! There is one while somebody does; nobody else pays more than a look.

use lowthread::ffi::event::{
    lt_event, lt_event_clear, lt_event_free, lt_event_is_set, lt_event_new, lt_event_set,
};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use std::ptr;

/// One of a queue's, under its mutex.
pub struct Sign {
    event: *mut lt_event,
    users: usize,
}

// SAFETY: a handle may be used on any thread.
unsafe impl Send for Sign {}

/// The event of a sign that somebody uses.
pub type Shown = *mut lt_event;

impl Default for Sign {
    fn default() -> Self {
        Self { event: ptr::null_mut(), users: 0 }
    }
}

impl Sign {
    /// There is one more who looks at it. Who has the mutex shows it, before that is let go of.
    pub fn begin(&mut self) -> PyResult<Shown> {
        if self.event.is_null() {
            self.event = lt_event_new();
            if self.event.is_null() {
                return Err(PyMemoryError::new_err(()));
            }
        }
        self.users += 1;
        Ok(self.event)
    }

    /// There is one less.
    pub fn end(&mut self) {
        self.users -= 1;
        if self.users == 0 {
            // SAFETY: its own; nobody waits for it or watches it any more.
            let _ = unsafe { lt_event_free(self.event) };
            self.event = ptr::null_mut();
        }
    }

    #[inline]
    pub fn show(&self, is_possible: impl FnOnce() -> bool) {
        if !self.event.is_null() {
            self.change(is_possible());
        }
    }

    #[cold]
    fn change(&self, is_possible: bool) {
        // SAFETY: its own. Neither can fail: the event lives.
        unsafe {
            if lt_event_is_set(self.event) != is_possible {
                let _ = if is_possible { lt_event_set(self.event) } else { lt_event_clear(self.event) };
            }
        }
    }
}
