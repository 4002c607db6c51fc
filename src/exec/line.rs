//! The line of a pool: the tasks that no worker has taken yet, first in first out.
//!
//! A task with a future stands in line by a place in that future; those of a map, together, by a place in its batch. So
//! putting one in takes no memory, and one that was run or cancelled elsewhere leaves from wherever it stands. Tasks
//! without a future stand together in bunches. All of it is under the pool's lock.

use crate::base::trace;
use crate::exec::bunch::{Bunch, Forgotten, Spares};
use crate::exec::future::Promise;
use crate::exec::map::Batch;
use core::cell::Cell;
use core::ptr;

/// Where one task stands.
#[derive(Debug)]
pub struct Place {
    task: Cell<Option<Queued>>,
    /// Its number among all that ever joined the line, from 1; 0 while it is in none.
    number: Cell<u64>,
    /// Whether it was let before all others, since a worker waits for it that cannot run it itself.
    preferred: Cell<bool>,
    /// What a trace knows it by: set before it joins, 0 while there is none.
    traced: Cell<u64>,
    previous: Cell<*const Place>,
    /// Of a spare bunch: the next one.
    pub(super) next: Cell<*const Place>,
}

/// What stands in line: a task with a future, or all those of a map, or a bunch of those without a future.
#[derive(Clone, Copy, Debug)]
pub enum Queued {
    Promised(Promise),
    Mapped(*const Batch),
    Bunched(*const Bunch),
}

/// What a worker does next.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    Promised(Promise),
    /// The worker is a user of it.
    Mapped(*const Batch),
    /// This one of the bunch's, that the worker visits; or which is cancelled.
    Forgotten(Forgotten, *const Bunch),
}

impl Place {
    pub const fn nowhere() -> Place {
        Place {
            task: Cell::new(None),
            number: Cell::new(0),
            preferred: Cell::new(false),
            traced: Cell::new(0),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
        }
    }

    /// What stands here, or will.
    pub fn set(&self, task: Queued) {
        self.task.set(Some(task));
    }

    /// Gives it a number of its own for a trace, or none. While nobody else has it.
    pub fn be_traced(&self) -> u64 {
        self.traced.set(trace::number());
        self.traced()
    }

    pub fn traced(&self) -> u64 {
        self.traced.get()
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
        self.traced.set(0);
        self.previous.set(ptr::null());
        self.next.set(ptr::null());
    }
}

#[derive(Debug)]
pub struct Line {
    first: Cell<*const Place>,
    last: Cell<*const Place>,
    /// How many stand in it that have a future; and the maps, whose tasks grow fewer without the lock.
    singles: Cell<usize>,
    maps: Cell<*const Batch>,
    /// How many were put into bunches; how many of them were taken out of those that have left the line, and how many
    /// were cancelled, or are counted elsewhere.
    put: Cell<u64>,
    gone: Cell<u64>,
    cancelled: Cell<u64>,
    spares: Spares,
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
            put: Cell::new(0),
            gone: Cell::new(0),
            cancelled: Cell::new(0),
            spares: Spares::none(),
            joined: Cell::new(0),
        }
    }

    /// How many tasks nobody has taken.
    pub fn len(&self) -> usize {
        let bunched = self.put.get().saturating_sub(self.taken());
        self.maps().map(Batch::pending).sum::<usize>() + self.singles.get() + bunched as usize
    }

    /// How many tasks without a future workers are through with.
    pub fn completed(&self) -> u64 {
        let over = self.gone.get() + self.visited().map(|bunch| bunch.over() as u64).sum::<u64>();
        over.saturating_sub(self.cancelled.get())
    }

    /// How many visitors look for a task.
    pub fn looking(&self) -> u32 {
        self.visited().map(Bunch::looking).sum()
    }

    /// Whether a worker looks for what is put in, or put in just before the last.
    pub fn is_looked_at(&self) -> bool {
        // SAFETY: who is in the line stays where it is.
        let at = |place: *const Place| unsafe { place.as_ref() };
        core::iter::successors(at(self.last.get()), |place| at(place.previous.get())).take(2).any(|place| {
            // SAFETY: as above.
            matches!(place.task.get(), Some(Queued::Bunched(bunch)) if unsafe { &*bunch }.is_looked_at())
        })
    }

    /// How many were taken out of bunches.
    fn taken(&self) -> u64 {
        self.gone.get() + self.visited().map(|bunch| bunch.taken() as u64).sum::<u64>()
    }

    /// The bunches that something was taken out of: since the first is taken first, they stand before all else that
    /// was not, but for what was let before.
    fn visited(&self) -> impl Iterator<Item = &Bunch> {
        // SAFETY: who is in the line stays where it is.
        let at = |place: *const Place| unsafe { place.as_ref() };
        core::iter::successors(at(self.first.get()), move |place| at(place.next.get()))
            .map_while(|place| match place.task.get() {
                // SAFETY: as above.
                Some(Queued::Bunched(bunch)) => Some(unsafe { bunch.as_ref() })
                    .filter(|bunch| bunch.is_some_and(|bunch| bunch.taken() > 0)),
                Some(Queued::Promised(_)) if !place.preferred.get() => None,
                _ => Some(None),
            })
            .flatten()
    }

    fn maps(&self) -> impl Iterator<Item = &Batch> {
        // SAFETY: who is in the line stays where it is.
        let next = |batch: *const Batch| unsafe { batch.as_ref() };
        core::iter::successors(next(self.maps.get()), move |batch| next(batch.next_map.get()))
    }

    /// The first that has something to be begun: a map that has not leaves, and so does a bunch, unless it has visitors.
    fn first(&self) -> Option<(&Place, Queued)> {
        let mut next = self.first.get();
        loop {
            // SAFETY: who is in the line stays where it is.
            let place = unsafe { next.as_ref() }?;
            next = place.next.get();
            let queued = place.task.get()?;
            // SAFETY: as above.
            let (has_pending, stays) = unsafe {
                match queued {
                    Queued::Promised(_) => (true, true),
                    Queued::Mapped(batch) => ((*batch).pending() > 0, false),
                    Queued::Bunched(bunch) => ((*bunch).pending() > 0, (*bunch).visitors() > 0),
                }
            };
            if has_pending {
                return Some((place, queued));
            }
            if !stays {
                self.leave(place);
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
            Some(Queued::Bunched(_)) => (),
            _ => self.singles.set(self.singles.get() + 1),
        }
        // SAFETY: who is in the line stays where it is.
        let last = unsafe { self.last.get().as_ref() };
        if let Some(Queued::Bunched(last)) = last.and_then(|last| last.task.get()) {
            // SAFETY: as above.
            unsafe { &*last }.close();
        }
        let number = self.joined.get() + 1;
        self.joined.set(number);
        place.number.set(number);
        self.put_in(place, self.last.get(), ptr::null());
        number
    }

    /// Puts a task without a future at the end: its number, if it is `alone`, to be found by it. None if a spare bunch
    /// is wanted for it.
    pub fn put(&self, task: Forgotten, alone: bool) -> Option<u64> {
        // SAFETY: who is in the line stays where it is.
        let last = unsafe { self.last.get().as_ref() };
        let number = match last.and_then(|last| last.task.get()) {
            // SAFETY: as above.
            Some(Queued::Bunched(last)) if !alone && unsafe { &*last }.put(task) => 0,
            _ => {
                let bunch = self.spares.take()?;
                // SAFETY: a box; it leaves the line before it is spare again.
                unsafe {
                    (*bunch).open(alone);
                    (*bunch).put(task);
                    self.join(&(*bunch).place)
                }
            }
        };
        self.put.set(self.put.get() + 1);
        Some(number)
    }

    /// A new bunch, to be put into.
    ///
    /// # Safety
    /// As [`Spares::add`].
    pub unsafe fn provide(&self, bunch: *mut Bunch) {
        // SAFETY: as the caller vouches.
        unsafe { self.spares.add(bunch) };
    }

    /// What it has no use for: to be dropped without the lock.
    pub fn surplus(&self) -> Spares {
        self.spares.surplus()
    }

    /// A visitor goes, which looked for a task in the end, or did not; its last one counts as one that it is through with.
    ///
    /// # Safety
    /// It has come by [`Line::next`].
    pub unsafe fn go(&self, bunch: *const Bunch, looked: bool) {
        // SAFETY: it stays in line while it has visitors.
        let bunch = unsafe { &*bunch };
        bunch.go(looked);
        if bunch.visitors() == 0 && bunch.pending() == 0 {
            self.leave(&bunch.place);
        }
    }

    /// The same, for one whose task is counted elsewhere.
    ///
    /// # Safety
    /// As [`Line::go`].
    pub unsafe fn go_uncounted(&self, bunch: *const Bunch, looked: bool) {
        // SAFETY: as the caller vouches.
        unsafe { self.go(bunch, looked) };
        self.cancelled.set(self.cancelled.get() + 1);
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
            Some(Queued::Bunched(bunch)) => {
                // SAFETY: it was in line, and has no visitors.
                unsafe {
                    self.gone.set(self.gone.get() + (*bunch).taken() as u64);
                    self.put.set(self.put.get().saturating_sub((*bunch).pending() as u64));
                    self.spares.add(bunch.cast_mut());
                }
            }
            _ => self.singles.set(self.singles.get().saturating_sub(1)),
        }
        task
    }

    /// The same for what joined as this number, wherever it was: it may be taken out, and its memory gone.
    pub fn leave_by_number(&self, number: u64) -> Option<Queued> {
        // SAFETY: who is in the line stays where it is.
        let at = |place: *const Place| unsafe { place.as_ref() };
        let mut all = core::iter::successors(at(self.last.get()), |place| at(place.previous.get()));
        let place = all.find(|place| place.number.get() == number)?;
        match place.task.get() {
            // Its one task was cancelled. SAFETY: as above.
            Some(Queued::Bunched(bunch)) if unsafe { &*bunch }.pending() == 0 => None,
            _ => self.leave(place),
        }
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

    /// Takes out the first, or one of those that stand together there. A map stays.
    fn take_first(&self) -> Option<Next> {
        loop {
            let (first, queued) = self.first()?;
            match queued {
                Queued::Promised(promise) => {
                    self.leave(first);
                    return Some(Next::Promised(promise));
                }
                Queued::Mapped(batch) => return Some(Next::Mapped(batch)),
                Queued::Bunched(bunch) => {
                    // A visitor may have taken the last. SAFETY: who is in the line stays where it is.
                    if let Some(task) = unsafe { &*bunch }.take(&mut 0) {
                        return Some(Next::Forgotten(task, bunch));
                    }
                }
            }
        }
    }

    /// The first, or a map, to be cancelled.
    pub fn cancel_first(&self) -> Option<Next> {
        let next = self.take_first();
        if let Some(Next::Forgotten(..)) = next {
            self.cancelled.set(self.cancelled.get() + 1);
        }
        next
    }

    /// What a worker does next. A map and a bunch stay, for others to visit too: this worker is a user of it.
    pub fn next(&self) -> Option<Next> {
        let next = self.take_first();
        // SAFETY: they stay where they are while they are in line.
        unsafe {
            match next {
                Some(Next::Mapped(batch)) => (*batch).hold(),
                Some(Next::Forgotten(_, bunch)) => (*bunch).come(),
                Some(Next::Promised(_)) | None => (),
            }
        }
        next
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

    /// In a forked child: all that stood here was the parent's. The bunches, to be freed later, are spare.
    pub fn abandon(&self) {
        let mut next = self.first.replace(ptr::null());
        self.last.set(ptr::null());
        self.singles.set(0);
        self.maps.set(ptr::null());
        self.put.set(0);
        self.gone.set(0);
        self.cancelled.set(0);
        // SAFETY: who was in the line is where it was, and is as it was but for what `Place::clear` changes.
        while let Some(place) = unsafe { next.as_ref() } {
            next = place.next.get();
            match place.task.get() {
                Some(Queued::Bunched(bunch)) => {
                    place.clear();
                    // SAFETY: who visited it is gone, or is the thread that forked, which does not come back to it.
                    unsafe {
                        (*bunch).forget_visitors();
                        self.spares.add(bunch.cast_mut());
                    }
                }
                // Should who maps be the thread that forked, it finds that out by itself.
                Some(Queued::Mapped(_)) => place.clear(),
                Some(Queued::Promised(_)) | None => (),
            }
        }
    }
}
