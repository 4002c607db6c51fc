//! Bunches: tasks without a future that were submitted one after the other, together in one place of their pool's
//! line. So such a task takes no memory of its own, and a worker that visits a bunch takes one task after the other
//! without the pool's lock.
//!
//! | a bunch | meaning | goes on by |
//! |---|---|---|
//! | spare | it is empty, and known to the line alone | a submit: in line |
//! | in line, open | it is the last, and has room | submits, while it is; or, a worker was started for its one task: full |
//! | in line, full | it is not put into any more | |
//! | in line, exhausted | all that was put in was taken out | put in, if it is open; its last visitor leaves, or it has none: spare |
//!
//! | a task | meaning | goes on by |
//! |---|---|---|
//! | pending | nobody has taken it: those from `taken` to `put` | a visitor, or a cancel, by one exchange: taken |
//! | taken | a visitor is in it, or was; or it is cancelled | |
//!
//! So they are begun in their order, one by one, and who waits in one keeps no other from being begun. What is put in
//! or out of line, and who comes and goes, is under the pool's lock.

use crate::base::atomic::{AtomicUsize, Ordering};
use crate::base::heap::boxed;
use crate::base::status::Error;
use crate::exec::line::{Place, Queued};
use crate::exec::task::TaskFunction;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// How many it has room for: a KiB, with the rest. Few in a model, where the next one must come soon.
const ROOM: usize = if cfg!(shuttle) { 2 } else { 35 };

/// A task that nobody hears of.
#[derive(Clone, Copy, Debug)]
pub struct Forgotten {
    pub function: TaskFunction,
    pub argument: *mut c_void,
    /// What a trace knows it by; 0 if there was none.
    pub traced: u64,
}

/// The lines of who submits and of who takes are others.
#[derive(Debug)]
#[repr(align(64))]
pub struct Bunch {
    pub(super) place: Place,
    /// How many are to be put in, and how many workers visit it.
    room: Cell<usize>,
    visitors: Cell<u32>,
    put: AtomicUsize,
    taken: Taken,
    tasks: [Cell<Option<Forgotten>>; ROOM],
}

/// The first that is pending.
#[derive(Debug)]
#[repr(align(64))]
struct Taken(AtomicUsize);

// SAFETY: the cells are written under the pool's lock, those of the tasks before they are put and by nobody while
// there are visitors; the arguments are the user's, who asked for them to be passed on any thread.
unsafe impl Sync for Bunch {}

impl Bunch {
    /// An empty one: a box.
    pub fn new() -> Result<*mut Bunch, Error> {
        let bunch = boxed(Bunch {
            place: Place::nowhere(),
            room: Cell::new(0),
            visitors: Cell::new(0),
            put: AtomicUsize::new(0),
            taken: Taken(AtomicUsize::new(0)),
            tasks: [const { Cell::new(None) }; ROOM],
        })?;
        Ok(Box::into_raw(bunch))
    }

    // The following under the pool's lock. Relaxed, where nothing else is said: all that is written by others
    // meanwhile is what is taken.

    /// A spare one comes in use: for one task, or as many as there is room for.
    pub fn open(&self, alone: bool) {
        self.room.set(if alone { 1 } else { ROOM });
        self.put.store(0, Ordering::Relaxed);
        self.taken.0.store(0, Ordering::Relaxed);
        self.place.set(Queued::Bunched(self));
    }

    /// Puts a task in, if there is room.
    pub fn put(&self, task: Forgotten) -> bool {
        let put = self.put.load(Ordering::Relaxed);
        let Some(cell) = self.tasks.get(put).filter(|_| put < self.room.get()) else { return false };
        cell.set(Some(task));
        // Release: who takes it finds it written.
        self.put.store(put + 1, Ordering::Release);
        true
    }

    pub fn come(&self) {
        self.visitors.set(self.visitors.get() + 1);
    }

    pub fn go(&self) {
        self.visitors.set(self.visitors.get().saturating_sub(1));
    }

    pub fn visitors(&self) -> u32 {
        self.visitors.get()
    }

    /// In a forked child: the visitors are the parent's.
    pub fn forget_visitors(&self) {
        self.visitors.set(0);
    }

    /// How many were taken, and how many are pending, at a moment.
    pub fn taken(&self) -> usize {
        // Acquire: pairs with `take`.
        self.taken.0.load(Ordering::Acquire)
    }

    pub fn pending(&self) -> usize {
        self.put.load(Ordering::Relaxed).saturating_sub(self.taken())
    }

    /// Whether nothing is put in after so many. Also for a visitor.
    pub fn is_full(&self, put: usize) -> bool {
        put >= self.room.get()
    }

    /// Takes the first that is pending. Without the lock, by a visitor, who remembers how many it found there.
    pub fn take(&self, put: &mut usize) -> Option<Forgotten> {
        let mut taken = self.taken();
        loop {
            if taken >= *put {
                // Acquire: pairs with `put`.
                *put = self.put.load(Ordering::Acquire);
            }
            if taken >= *put {
                return None;
            }
            // Release: who counts those that were taken, and so those that are over, sees what the last one did.
            match self.taken.0.compare_exchange_weak(taken, taken + 1, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return self.tasks.get(taken)?.get(),
                Err(now) => taken = now,
            }
        }
    }
}

/// Bunches that are in no line, and have no visitors. Freed with it: never under a lock.
#[derive(Debug)]
pub struct Spares(Cell<*mut Bunch>);

// SAFETY: nobody else knows them.
unsafe impl Send for Spares {}

impl Spares {
    pub const fn none() -> Spares {
        Spares(Cell::new(ptr::null_mut()))
    }

    /// # Safety
    /// From [`Bunch::new`]; in no line, without visitors, and not among any spares.
    pub unsafe fn add(&self, bunch: *mut Bunch) {
        // SAFETY: as the caller vouches.
        unsafe { (*bunch).place.next.set(self.0.replace(bunch).cast_const().cast()) };
    }

    pub fn take(&self) -> Option<*mut Bunch> {
        let first = self.0.get();
        // SAFETY: NULL, or one of them.
        let next = unsafe { first.as_ref() }?.place.next.replace(ptr::null());
        self.0.set(next.cast_mut().cast());
        Some(first)
    }

    /// All but one.
    pub fn surplus(&self) -> Spares {
        // SAFETY: NULL, or one of them.
        let behind = unsafe { self.0.get().as_ref() }.map(|first| first.place.next.replace(ptr::null()));
        Spares(Cell::new(behind.unwrap_or(ptr::null()).cast_mut().cast()))
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        while let Some(bunch) = self.take() {
            // SAFETY: a box, which nobody else knows.
            drop(unsafe { Box::from_raw(bunch) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::without_provenance_mut as argument;

    unsafe extern "C-unwind" fn function(_: *mut c_void) -> *mut c_void {
        ptr::null_mut()
    }

    fn task(i: usize) -> Forgotten {
        Forgotten { function, argument: argument(i), traced: 0 }
    }

    #[test]
    fn tasks_are_taken_in_their_order_as_many_as_there_is_room_for() {
        let spares = Spares::none();
        // SAFETY: new; freed with the spares.
        unsafe { spares.add(Bunch::new().unwrap()) };
        let bunch = spares.take().unwrap();
        assert!(spares.take().is_none());
        for (alone, room) in [(true, 1), (false, ROOM), (true, 1)] {
            // SAFETY: nobody else has it.
            let bunch = unsafe { &*bunch };
            bunch.open(alone);
            let mut seen = 0;
            assert!(bunch.take(&mut seen).is_none());
            for i in 0..room {
                assert!(!bunch.is_full(i));
                assert!(bunch.put(task(i)));
            }
            assert!(!bunch.put(task(room)));
            for i in 0..room {
                assert_eq!((bunch.taken(), bunch.pending()), (i, room - i));
                assert_eq!(bunch.take(&mut seen).unwrap().argument, argument(i));
            }
            assert!(bunch.take(&mut seen).is_none() && bunch.is_full(seen));
        }
        // SAFETY: taken above.
        unsafe { spares.add(bunch) };
    }

    #[test]
    fn all_spares_but_one_are_surplus() {
        let spares = Spares::none();
        drop(spares.surplus());
        for _ in 0..3 {
            // SAFETY: new.
            unsafe { spares.add(Bunch::new().unwrap()) };
        }
        let surplus = spares.surplus();
        let count = |spares: Spares| {
            // SAFETY: a box that was taken out.
            core::iter::from_fn(|| spares.take().map(|bunch| drop(unsafe { Box::from_raw(bunch) }))).count()
        };
        assert_eq!((count(surplus), count(spares)), (2, 1));
    }
}
