//! The line of a pool: the tasks that no worker has taken yet, first in first out.
//!
//! A task with a future stands in line by a place in that future; one without, by a box of its own. So putting
//! one in takes no memory, and one that was run or cancelled elsewhere leaves from wherever it stands. All of
//! it is under the pool's lock.

use crate::exec::future::Promise;
use crate::exec::task::TaskFunction;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// Where one task stands.
#[derive(Debug)]
pub struct Place {
    task: Cell<Option<Queued>>,
    in_line: Cell<bool>,
    /// Whether it was let before all others, since a worker waits for it that cannot run it itself.
    preferred: Cell<bool>,
    previous: Cell<*const Place>,
    next: Cell<*const Place>,
}

/// A task in line: with a future, or forgotten by who submitted it.
#[derive(Clone, Copy, Debug)]
pub enum Queued {
    Promised(Promise),
    Forgotten(*mut Forgotten),
}

/// A task without a future, boxed.
#[derive(Debug)]
pub struct Forgotten {
    pub place: Place,
    pub function: TaskFunction,
    pub argument: *mut c_void,
}

impl Place {
    pub const fn nowhere() -> Place {
        Place {
            task: Cell::new(None),
            in_line: Cell::new(false),
            preferred: Cell::new(false),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
        }
    }

    /// What stands here, or will.
    pub fn set(&self, task: Queued) {
        self.task.set(Some(task));
    }

    /// It is in no line: nobody else has it, or in a forked child the line was left behind.
    pub fn clear(&self) {
        self.task.set(None);
        self.in_line.set(false);
        self.preferred.set(false);
    }

    /// As a blank one.
    pub fn reset(&self) {
        self.clear();
        self.previous.set(ptr::null());
        self.next.set(ptr::null());
    }
}

#[derive(Debug)]
pub struct Line {
    first: Cell<*const Place>,
    last: Cell<*const Place>,
    length: Cell<usize>,
}

// SAFETY: who is in the line stays where it is; the line is used under a lock.
unsafe impl Send for Line {}

impl Line {
    pub const fn none() -> Line {
        Line { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()), length: Cell::new(0) }
    }

    pub fn len(&self) -> usize {
        self.length.get()
    }

    pub fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// Whether a worker that cannot run it itself waits for a task here.
    pub fn is_any_preferred(&self) -> bool {
        // SAFETY: who is in the line stays where it is.
        unsafe { self.first.get().as_ref() }.is_some_and(|first| first.preferred.get())
    }

    /// Puts a task at the end.
    ///
    /// # Safety
    /// It is in no line, and stays where it is while it is in this one.
    pub unsafe fn join(&self, place: &Place) {
        place.in_line.set(true);
        self.length.set(self.length.get() + 1);
        place.previous.set(self.last.get());
        place.next.set(ptr::null());
        // SAFETY: who is in the line stays where it is.
        match unsafe { self.last.get().as_ref() } {
            Some(last) => last.next.set(place),
            None => self.first.set(place),
        }
        self.last.set(place);
    }

    /// Takes a task out, wherever it stands: what it was. None if it stands nowhere.
    pub fn leave(&self, place: &Place) -> Option<Queued> {
        if !place.in_line.replace(false) {
            return None;
        }
        place.preferred.set(false);
        self.length.set(self.length.get().saturating_sub(1));
        // SAFETY: who is in the line stays where it is.
        unsafe {
            match place.previous.get().as_ref() {
                Some(previous) => previous.next.set(place.next.get()),
                None => self.first.set(place.next.get()),
            }
            match place.next.get().as_ref() {
                Some(next) => next.previous.set(place.previous.get()),
                None => self.last.set(place.previous.get()),
            }
        }
        place.task.take()
    }

    /// Takes out the first.
    pub fn pop(&self) -> Option<Queued> {
        // SAFETY: who is in the line stays where it is.
        unsafe { self.first.get().as_ref() }.and_then(|first| self.leave(first))
    }

    /// Lets a task that is in the line go before all others.
    pub fn prefer(&self, place: &Place) {
        if let Some(task) = self.leave(place) {
            place.set(task);
            place.in_line.set(true);
            place.preferred.set(true);
            self.length.set(self.length.get() + 1);
            place.previous.set(ptr::null());
            place.next.set(self.first.get());
            // SAFETY: who is in the line stays where it is.
            match unsafe { self.first.get().as_ref() } {
                Some(first) => first.previous.set(place),
                None => self.last.set(place),
            }
            self.first.set(place);
        }
    }

    /// In a forked child: all that stood here was the parent's. The boxes, to be freed later, join those that
    /// were left behind by earlier forks.
    pub fn abandon(&self, boxes: &LeftBehind) {
        let mut next = self.first.replace(ptr::null());
        self.last.set(ptr::null());
        self.length.set(0);
        // SAFETY: who was in the line is where it was, and is as it was but for what `Place::clear` changes.
        while let Some(place) = unsafe { next.as_ref() } {
            next = place.next.get();
            if let Some(Queued::Forgotten(forgotten)) = place.task.get() {
                place.next.set(boxes.0.replace(forgotten).cast_const().cast());
            }
        }
    }
}

/// Boxes of tasks that a fork has left behind: a fork frees no memory.
#[derive(Debug)]
pub struct LeftBehind(Cell<*mut Forgotten>);

// SAFETY: nobody else knows the boxes.
unsafe impl Send for LeftBehind {}

impl LeftBehind {
    pub const fn none() -> LeftBehind {
        LeftBehind(Cell::new(ptr::null_mut()))
    }
}

impl Drop for LeftBehind {
    fn drop(&mut self) {
        let mut next = self.0.get();
        while !next.is_null() {
            // SAFETY: boxes, which nobody else knows, each leading to the next.
            let forgotten = unsafe { Box::from_raw(next) };
            next = forgotten.place.next.get().cast_mut().cast();
        }
    }
}
