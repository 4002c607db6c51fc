//! The line of a pool: the tasks that no worker has taken yet, first in first out.
//!
//! A task with a future stands in line by a place in that future; one without, by a box of its own; those of a map,
//! together, by a place in its batch. So putting one in takes no memory, and one that was run or cancelled elsewhere
//! leaves from wherever it stands. All of it is under the pool's lock.

use crate::exec::future::Promise;
use crate::exec::map::Batch;
use crate::exec::task::TaskFunction;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// Where one task stands.
#[derive(Debug)]
pub struct Place {
    task: Cell<Option<Queued>>,
    /// Its number among all that ever joined the line, from 1; 0 while it is in none.
    number: Cell<u64>,
    /// Whether it was let before all others, since a worker waits for it that cannot run it itself.
    preferred: Cell<bool>,
    previous: Cell<*const Place>,
    next: Cell<*const Place>,
}

/// What stands in line: a task with a future, or one forgotten by who submitted it; or all those of a map.
#[derive(Clone, Copy, Debug)]
pub enum Queued {
    Promised(Promise),
    Forgotten(*mut Forgotten),
    Mapped(*const Batch),
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
            number: Cell::new(0),
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
        self.number.set(0);
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
    /// How many stand in it that are not of a map; and the maps, whose tasks grow fewer without the lock.
    singles: Cell<usize>,
    maps: Cell<*const Batch>,
    /// How many have ever joined.
    joined: Cell<u64>,
}

// SAFETY: who is in the line stays where it is; the line is used under a lock.
unsafe impl Send for Line {}

impl Line {
    pub const fn none() -> Line {
        Line {
            first: Cell::new(ptr::null()),
            last: Cell::new(ptr::null()),
            singles: Cell::new(0),
            maps: Cell::new(ptr::null()),
            joined: Cell::new(0),
        }
    }

    /// How many tasks nobody has taken.
    pub fn len(&self) -> usize {
        self.maps().map(Batch::pending).sum::<usize>() + self.singles.get()
    }

    fn maps(&self) -> impl Iterator<Item = &Batch> {
        // SAFETY: who is in the line stays where it is.
        let next = |batch: *const Batch| unsafe { batch.as_ref() };
        core::iter::successors(next(self.maps.get()), move |batch| next(batch.next_map.get()))
    }

    /// The first that has something to be begun: a map that has not leaves.
    fn first(&self) -> Option<(&Place, Queued)> {
        loop {
            // SAFETY: who is in the line stays where it is.
            let first = unsafe { self.first.get().as_ref() }?;
            match first.task.get() {
                // SAFETY: as above.
                Some(Queued::Mapped(batch)) if unsafe { &*batch }.pending() == 0 => drop(self.leave(first)),
                Some(queued) => return Some((first, queued)),
                None => return None,
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// Whether a worker that cannot run it itself waits for a task here.
    pub fn is_any_preferred(&self) -> bool {
        self.first().is_some_and(|(first, _)| first.preferred.get())
    }

    /// Puts a task, or those of a map, at the end: its number, by which it is still found when it may be gone.
    ///
    /// # Safety
    /// It is set, in no line, and stays where it is while it is in this one.
    pub unsafe fn join(&self, place: &Place) -> u64 {
        match place.task.get() {
            // SAFETY: as the caller vouches.
            Some(Queued::Mapped(batch)) => unsafe { (*batch).next_map.set(self.maps.replace(batch)) },
            _ => self.singles.set(self.singles.get() + 1),
        }
        let number = self.joined.get() + 1;
        self.joined.set(number);
        place.number.set(number);
        self.put_in(place, self.last.get(), ptr::null());
        number
    }

    /// Takes out what stands there: what it was. None if it stands nowhere.
    pub fn leave(&self, place: &Place) -> Option<Queued> {
        if place.number.replace(0) == 0 {
            return None;
        }
        place.preferred.set(false);
        self.take_out(place);
        let task = place.task.take();
        match task {
            Some(Queued::Mapped(batch)) => self.forget_map(batch),
            _ => self.singles.set(self.singles.get().saturating_sub(1)),
        }
        task
    }

    /// The same for what joined as this number, wherever it was: it may be taken out, and its memory gone.
    pub fn leave_by_number(&self, number: u64) -> Option<Queued> {
        // SAFETY: who is in the line stays where it is.
        let at = |place: *const Place| unsafe { place.as_ref() };
        let mut all = core::iter::successors(at(self.last.get()), |place| at(place.previous.get()));
        all.find(|place| place.number.get() == number).and_then(|place| self.leave(place))
    }

    fn forget_map(&self, batch: *const Batch) {
        let mut link = &self.maps;
        // SAFETY: who is in the line stays where it is.
        while let Some(here) = unsafe { link.get().as_ref() } {
            if ptr::eq(here, batch) {
                link.set(here.next_map.get());
                return;
            }
            link = &here.next_map;
        }
    }

    /// Takes out the first.
    pub fn leave_first(&self) -> Option<Queued> {
        self.first().and_then(|(first, _)| self.leave(first))
    }

    /// What a worker does next. A map stays, for others to visit too: this worker is a user of it.
    pub fn next(&self) -> Option<Queued> {
        let (first, queued) = self.first()?;
        if let Queued::Mapped(batch) = queued {
            // SAFETY: it stays where it is while it is in line.
            unsafe { &*batch }.hold();
            return Some(queued);
        }
        self.leave(first)
    }

    /// Lets a task that is in the line go before all others.
    pub fn prefer(&self, place: &Place) {
        if place.number.get() != 0 {
            place.preferred.set(true);
            self.take_out(place);
            self.put_in(place, ptr::null(), self.first.get());
        }
    }

    /// Links a place between two, of which one or both may be missing.
    fn put_in(&self, place: &Place, previous: *const Place, next: *const Place) {
        place.previous.set(previous);
        place.next.set(next);
        // SAFETY: who is in the line stays where it is.
        unsafe {
            match previous.as_ref() {
                Some(previous) => previous.next.set(place),
                None => self.first.set(place),
            }
            match next.as_ref() {
                Some(next) => next.previous.set(place),
                None => self.last.set(place),
            }
        }
    }

    fn take_out(&self, place: &Place) {
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
    }

    /// In a forked child: all that stood here was the parent's. The boxes, to be freed later, join those that
    /// were left behind by earlier forks.
    pub fn abandon(&self, boxes: &LeftBehind) {
        let mut next = self.first.replace(ptr::null());
        self.last.set(ptr::null());
        self.singles.set(0);
        self.maps.set(ptr::null());
        // SAFETY: who was in the line is where it was, and is as it was but for what `Place::clear` changes.
        while let Some(place) = unsafe { next.as_ref() } {
            next = place.next.get();
            match place.task.get() {
                Some(Queued::Forgotten(forgotten)) => {
                    place.next.set(boxes.0.replace(forgotten).cast_const().cast());
                }
                // Should who maps be the thread that forked, it finds that out by itself.
                Some(Queued::Mapped(_)) => place.clear(),
                Some(Queued::Promised(_)) | None => (),
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
