//! Bunches: tasks without a future that were submitted one after the other, together in one place of their pool's
//! line. So such a task takes no memory of its own, and a worker that visits a bunch takes one task after the other
//! without the pool's lock.
//!
//! | a bunch | meaning | goes on by |
//! |---|---|---|
//! | spare | it is empty, and known to the line alone | a submit: in line |
//! | in line, open | it is the last, and has room | submits, while it is; something joins behind it, or a worker was started for its one task: full |
//! | in line, full | it is not put into any more | |
//! | in line, exhausted | all that was put in was taken out | put in, if it is open; its last visitor leaves, or it has none: spare |
//!
//! | a task | meaning | goes on by |
//! |---|---|---|
//! | pending | nobody has taken it: those from `taken` to `put` | a visitor, or a cancel, by one exchange: taken |
//! | taken | a visitor is in it, or was; or it is cancelled | |
//!
//! | a visitor | meaning | goes on by |
//! |---|---|---|
//! | at work | it is in a task | has taken the next one: at work; finds none: it looks |
//! | looking | it is awake, and looks for what is put in, or is about to leave | an exchange, which takes a task: at work; it leaves |
//!
//! While one looks, who submits calls nobody. So one that takes a task then looks whether there is another, and calls
//! for it: of a put and such a taking, each followed by a look at the other, one sees the other.
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

/// How many it has room for: 3.5 KiB, with the rest. At its end a worker comes to the pool's lock, and takes that from
/// who submits. Few in a model, where the next one must come soon.
const ROOM: usize = if cfg!(shuttle) { 3 } else { 140 };

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
    room: AtomicUsize,
    visitors: Cell<u32>,
    put: AtomicUsize,
    taken: Taken,
    tasks: [Cell<Option<Forgotten>>; ROOM],
}

/// The number of the first that is pending, and in units of `LOOKING` how many visitors look for one.
#[derive(Debug)]
#[repr(align(64))]
struct Taken(AtomicUsize);

const LOOKING: usize = 1 << 8;
const _: () = assert!(ROOM < LOOKING);

// SAFETY: the cells are written under the pool's lock, those of the tasks before they are put and by nobody while
// there are visitors; the arguments are the user's, who asked for them to be passed on any thread.
unsafe impl Sync for Bunch {}

impl Bunch {
    /// An empty one: a box.
    pub fn new() -> Result<*mut Bunch, Error> {
        let bunch = boxed(Bunch {
            place: Place::nowhere(),
            room: AtomicUsize::new(0),
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
        self.room.store(if alone { 1 } else { ROOM }, Ordering::Relaxed);
        self.put.store(0, Ordering::Relaxed);
        self.taken.0.store(0, Ordering::Relaxed);
        self.place.set(Queued::Bunched(self));
    }

    /// Puts a task in, if there is room.
    pub fn put(&self, task: Forgotten) -> bool {
        let put = self.put.load(Ordering::Relaxed);
        let Some(cell) = self.tasks.get(put).filter(|_| !self.is_full(put)) else { return false };
        cell.set(Some(task));
        // Release: who takes it finds it written.
        self.put.store(put + 1, Ordering::Release);
        true
    }

    /// Whether a visitor looks for what is put in. After a put, and a SeqCst fence.
    pub fn is_looked_at(&self) -> bool {
        // SeqCst: who has stopped by then sees what was put in before, in `has_more`.
        self.taken.0.load(Ordering::SeqCst) >= LOOKING
    }

    /// Of the visitors that look, how many there are.
    pub fn looking(&self) -> u32 {
        // Relaxed: for a report.
        (self.taken.0.load(Ordering::Relaxed) / LOOKING) as u32
    }

    pub fn come(&self) {
        self.visitors.set(self.visitors.get() + 1);
    }

    /// A visitor leaves; whether it looked.
    pub fn go(&self, looked: bool) {
        self.visitors.set(self.visitors.get().saturating_sub(1));
        if looked {
            self.taken.0.fetch_sub(LOOKING, Ordering::Relaxed);
        }
    }

    pub fn visitors(&self) -> u32 {
        self.visitors.get()
    }

    /// In a forked child: the visitors are the parent's.
    pub fn forget_visitors(&self) {
        self.visitors.set(0);
    }

    /// How many of those that were taken are over, or cancelled: each visitor that does not look is in one.
    pub fn over(&self) -> usize {
        // In one look: who takes one looks no more. Acquire: pairs with `take`.
        let word = self.taken.0.load(Ordering::Acquire);
        (word % LOOKING + word / LOOKING).saturating_sub(self.visitors.get() as usize)
    }

    /// How many were taken, and how many are pending, at a moment.
    pub fn taken(&self) -> usize {
        // Acquire: pairs with `take`.
        self.taken.0.load(Ordering::Acquire) % LOOKING
    }

    pub fn pending(&self) -> usize {
        self.put.load(Ordering::Relaxed).saturating_sub(self.taken())
    }

    /// Nothing more is put in.
    pub fn close(&self) {
        let put = self.put.load(Ordering::Relaxed);
        if !self.is_full(put) {
            // SeqCst: pairs with `has_more`.
            self.room.store(put, Ordering::SeqCst);
        }
    }

    /// Whether nothing is put in after so many. Also for a visitor.
    pub fn is_full(&self, put: usize) -> bool {
        // SeqCst: as in `has_more`.
        put >= self.room.load(Ordering::SeqCst)
    }

    /// Takes the first that is pending. Without the lock, by a visitor, who remembers how many it found there.
    pub fn take(&self, put: &mut usize) -> Option<Forgotten> {
        self.take_as(put, 0)
    }

    /// A visitor begins to look for what is put in. If it finds nothing, it does so until it leaves.
    pub fn look(&self) {
        // Relaxed: who is not seen looking is not counted upon.
        self.taken.0.fetch_add(LOOKING, Ordering::Relaxed);
    }

    /// As `take`, by one that looks; which it does no more if it has one.
    pub fn take_looking(&self, put: &mut usize) -> Option<Forgotten> {
        self.take_as(put, LOOKING)
    }

    /// Whether somebody is to be called for what is behind the one that was taken while looking: in here, or behind.
    pub fn has_more(&self) -> bool {
        // SeqCst: what is not seen here is put in by who sees that this one looks no more.
        let put = self.put.load(Ordering::SeqCst);
        put > self.taken() || self.is_full(put)
    }

    fn take_as(&self, put: &mut usize, looking: usize) -> Option<Forgotten> {
        let mut word = self.taken.0.load(Ordering::Acquire);
        loop {
            let taken = word % LOOKING;
            if taken >= *put {
                // Acquire: pairs with `put`.
                *put = self.put.load(Ordering::Acquire);
            }
            if taken >= *put {
                return None;
            }
            // Release: who counts those that were taken, and so those that are over, sees what the last one did.
            // SeqCst: as in `has_more`.
            let next = word + 1 - looking;
            match self.taken.0.compare_exchange_weak(word, next, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return self.tasks.get(taken)?.get(),
                Err(now) => word = now,
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
