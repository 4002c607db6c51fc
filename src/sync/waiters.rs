//! Threads that wait in line, first in first out, each with a word of its own to sleep on.
//!
//! A waiter lives on its thread's stack. The line is under the lock of the object that it belongs to.
//!
//! | state of a waiter | meaning | goes on by |
//! |---|---|---|
//! | in the line | its word is `NOT_YET` or `ASLEEP` | being taken out, by who serves it or by itself |
//! | taken out to be served | the same, but it will not stay so | the server, which sets the word and wakes it |
//! | served | its word is what it was served with | the end of its wait |
//!
//! To wake a thread takes microseconds, and to look at a waiter, on a stack that nobody else has touched, half of one. So
//! a line may be taken whole, in one step, and of many only the first one be served: it has *heirs*, all those behind
//! it, serves the next few itself, and leaves the rest to the first of those; and so on. Then each depends on those
//! before it: one that gets no processor, or is in a signal handler, delays its heirs. So it is done only for more than
//! `AT_ONCE`, and where all want the same lock anyway.
//!
//! A waiter that gives up takes itself out of the line; when it is not there any more, it was chosen, and
//! waits for what it is served with, however late. So of those served none is lost.
//!
//! One whose thread forks meanwhile, in a signal handler, is in no line of the child's, nor served there: its links lead to
//! those of threads that are gone, and are not followed. In the child its wait begins anew, with another one; or, if it had
//! been chosen, is over.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::block::Block;
use crate::base::mutex::{Guard, Mutex};
use crate::base::registry;
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::wait::{self, Wake};
use core::cell::Cell;
use core::marker::PhantomPinned;
use core::ptr;

/// One thread that waits. Not moved, and not dropped, while it is in a line or being served.
pub struct Waiter {
    word: AtomicU32,
    /// In which it waits, among those forked from each other.
    process: u32,
    /// The rest is under the lock of the line. What it wants is told to whoever serves it.
    wants: Cell<usize>,
    /// The era of the line in which it came; `NEVER` once it was taken out by itself.
    came: Cell<u64>,
    /// Its neighbours in the line; when it is served, the next one is the first of its heirs. Of those taken out they are
    /// the server's.
    previous: Cell<*const Waiter>,
    next: Cell<*const Waiter>,
    _stays: PhantomPinned,
}

/// The word of a waiter that was not served, and is awake or may sleep.
const NOT_YET: u32 = 0;
const ASLEEP: u32 = u32::MAX;

/// How many sleepers a server wakes itself, in any case.
pub const AT_ONCE: usize = if cfg!(shuttle) { 1 } else { 8 };

/// How many one that has heirs serves itself.
const NEXT: usize = if cfg!(shuttle) { 1 } else { 2 };

/// No era of a line: that of who is in none, and that of which none is left.
const NEVER: u64 = 0;
const NOTHING_LOST: u64 = u64::MAX;

impl Waiter {
    pub fn new(wants: usize) -> Waiter {
        Waiter {
            word: AtomicU32::new(NOT_YET),
            process: registry::forks(),
            wants: Cell::new(wants),
            came: Cell::new(NEVER),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            _stays: PhantomPinned,
        }
    }

    /// What it wants: under the lock of the line, or by itself once it was served.
    pub fn wants(&self) -> usize {
        self.wants.get()
    }

    /// Sleeps until it is served. Fails with what ended the wait before.
    fn sleep(&self, block: &Block) -> Result<Served<'_>, Wake> {
        let mut spin = Spin::new();
        loop {
            if let Some(served) = self.served() {
                return Ok(served);
            }
            if spin.again() {
                continue;
            }
            // Relaxed: on failure it was served, which `served` looks at in its own order.
            let _ = self.word.compare_exchange(NOT_YET, ASLEEP, Ordering::Relaxed, Ordering::Relaxed);
            let wake = block.sleep(&self.word, ASLEEP);
            if wake.ends_wait() {
                return self.served().ok_or(wake);
            }
        }
    }

    /// Sleeps until it is served. When the wait ends before, the reason, and the lock of the line, in which the
    /// waiter still is: the caller takes it out. In a child that was forked meanwhile nobody serves it: had it been chosen,
    /// that is as if with `chosen`, and else, or if there is none, it is to begin anew.
    pub fn await_service<'a, T: Lines>(
        &self,
        block: &Block,
        line: &'a Mutex<T>,
        chosen: Option<u32>,
    ) -> Result<Option<Served<'_>>, (Guard<'a, T>, Error)> {
        loop {
            let wake = match self.sleep(block) {
                Ok(served) => return Ok(Some(served)),
                Err(wake) => wake,
            };
            let line = line.lock();
            let as_if_served = || chosen.map(|with| Served { waiter: self, with });
            if self.was_forked() {
                block.reason(Wake::Forked);
                return Ok(if line.of(self).has_lost(self) { None } else { as_if_served() });
            }
            if !line.of(self).has(self) {
                drop(line);
                return Ok(self.sleep_till_served().or_else(as_if_served));
            }
            if let Some(reason) = block.reason(wake) {
                return Err((line, reason));
            }
        }
    }

    /// Sleeps until it is served, having been chosen. None if its thread was forked meanwhile.
    pub fn sleep_till_served(&self) -> Option<Served<'_>> {
        loop {
            match self.sleep(&Block::brief()) {
                Ok(served) => return Some(served),
                Err(_) if self.was_forked() => return None,
                Err(_) => (),
            }
        }
    }

    /// Whether this is the child of the process in which it waits.
    fn was_forked(&self) -> bool {
        self.process != registry::forks()
    }

    pub fn served(&self) -> Option<Served<'_>> {
        // Acquire: what was done before it was served happens before the end of the wait.
        match self.word.load(Ordering::Acquire) {
            NOT_YET | ASLEEP => None,
            with => Some(Served { waiter: self, with }),
        }
    }
}

/// That a waiter was served. Its heirs are when this is dropped.
#[must_use]
pub struct Served<'a> {
    waiter: &'a Waiter,
    with: u32,
}

impl Served<'_> {
    /// With what.
    pub fn with(&self) -> u32 {
        self.with
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if self.waiter.was_forked() {
            return;
        }
        let mut next = self.waiter.next.get();
        let mut heirs = [ptr::null(); NEXT];
        for heir in &mut heirs {
            *heir = next;
            // SAFETY: who was chosen stays where it is until it is served, by its one predecessor.
            if let Some(waiter) = unsafe { next.as_ref() } {
                next = waiter.next.replace(ptr::null());
            }
        }
        let [first, ..] = heirs;
        // SAFETY: as above. The first one gets the rest.
        if let Some(first) = unsafe { first.as_ref() } {
            first.next.set(next);
        }
        for heir in heirs.into_iter().filter(|heir| !heir.is_null()) {
            // SAFETY: as above.
            unsafe { serve(heir, self.with) };
        }
    }
}

/// Serves a waiter: sets its word, and wakes it.
///
/// # Safety
/// It was taken out to be served, and is by nobody else. It is not used after this, since it may be gone.
unsafe fn serve(waiter: *const Waiter, with: u32) {
    // SAFETY: there until its word is set.
    let word = unsafe { &raw const (*waiter).word };
    // SAFETY: as above.
    // Release: pairs with `served`.
    if unsafe { &*word }.swap(with, Ordering::Release) == ASLEEP {
        // At the worst the wake reaches somebody else, as every sleeper must expect.
        wait::wake(word, 1);
    }
}

/// What is under one lock: a line, or several.
pub trait Lines {
    /// The one that the waiter joined.
    fn of(&self, waiter: &Waiter) -> &Waiters;
}

impl Lines for Waiters {
    fn of(&self, _waiter: &Waiter) -> &Waiters {
        self
    }
}

/// The line.
#[derive(Debug)]
pub struct Waiters {
    first: Cell<*const Waiter>,
    last: Cell<*const Waiter>,
    length: Cell<usize>,
    /// Another one begins when the line is taken whole: so nobody in it need be told.
    era: Cell<u64>,
    /// What the first one wanted that came when it was empty, and whether all after it have wanted the same.
    wanted: Cell<usize>,
    alike: Cell<bool>,
    /// The era that has ended with the last fork.
    lost: Cell<u64>,
}

// SAFETY: the waiters in the line stay where they are; the line is used under a lock.
unsafe impl Send for Waiters {}

impl Waiters {
    pub const fn none() -> Waiters {
        Waiters {
            first: Cell::new(ptr::null()),
            last: Cell::new(ptr::null()),
            length: Cell::new(0),
            era: Cell::new(NEVER + 1),
            wanted: Cell::new(0),
            alike: Cell::new(true),
            lost: Cell::new(NOTHING_LOST),
        }
    }

    pub fn len(&self) -> usize {
        self.length.get()
    }

    pub fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// What the first one wants.
    pub fn first_wants(&self) -> Option<usize> {
        // SAFETY: who is in the line stays where it is.
        unsafe { self.first.get().as_ref() }.map(Waiter::wants)
    }

    /// How many want this.
    pub fn wanting(&self, wanted: usize) -> usize {
        let mut next = self.first.get();
        let mut count = 0;
        // SAFETY: as above.
        while let Some(waiter) = unsafe { next.as_ref() } {
            count += usize::from(waiter.wants() == wanted);
            next = waiter.next.get();
        }
        count
    }

    /// Puts a waiter at the end.
    ///
    /// # Safety
    /// It is in no line. Its thread does not move or drop it before it is served or has left.
    pub unsafe fn join(&self, waiter: &Waiter) {
        waiter.came.set(self.era.get());
        self.append(waiter);
    }

    /// The same for the links alone.
    fn append(&self, waiter: &Waiter) {
        self.count(waiter);
        waiter.previous.set(self.last.get());
        waiter.next.set(ptr::null());
        // SAFETY: who is linked here stays where it is.
        match unsafe { self.last.get().as_ref() } {
            Some(last) => last.next.set(waiter),
            None => self.first.set(waiter),
        }
        self.last.set(waiter);
    }

    /// Puts a waiter at the beginning: one that was woken in vain, and comes back.
    ///
    /// # Safety
    /// As for `join`.
    pub unsafe fn join_first(&self, waiter: &Waiter) {
        waiter.came.set(self.era.get());
        self.count(waiter);
        waiter.previous.set(ptr::null());
        waiter.next.set(self.first.get());
        // SAFETY: who is linked here stays where it is.
        match unsafe { self.first.get().as_ref() } {
            Some(first) => first.previous.set(waiter),
            None => self.last.set(waiter),
        }
        self.first.set(waiter);
    }

    /// One more.
    fn count(&self, waiter: &Waiter) {
        if self.is_empty() {
            self.wanted.set(waiter.wants());
            self.alike.set(true);
        } else if self.wanted.get() != waiter.wants() {
            self.alike.set(false);
        }
        self.length.set(self.length.get() + 1);
    }

    /// Whether the waiter is in the line, this one or none.
    pub fn has(&self, waiter: &Waiter) -> bool {
        waiter.came.get() == self.era.get()
    }

    /// Whether the waiter was in the line at the last fork.
    fn has_lost(&self, waiter: &Waiter) -> bool {
        waiter.came.get() == self.lost.get()
    }

    /// Takes a waiter out that is in the line.
    pub fn leave(&self, waiter: &Waiter) {
        waiter.came.set(NEVER);
        self.length.set(self.length.get().saturating_sub(1));
        // SAFETY: who is in the line stays where it is.
        unsafe {
            match waiter.previous.get().as_ref() {
                Some(previous) => previous.next.set(waiter.next.get()),
                None => self.first.set(waiter.next.get()),
            }
            match waiter.next.get().as_ref() {
                Some(next) => next.previous.set(waiter.previous.get()),
                None => self.last.set(waiter.previous.get()),
            }
        }
    }

    /// Moves the first one to the end of another line, where it wants something else.
    pub fn move_first(&self, to: &Waiters, wants: usize) {
        // SAFETY: who is in a line stays where it is.
        if let Some(first) = unsafe { self.first.get().as_ref() } {
            self.leave(first);
            first.wants.set(wants);
            // SAFETY: it has just left, and its thread knows of no change.
            unsafe { to.join(first) };
        }
    }

    /// Takes out up to `n` of those that want what `wanted` agrees to, the first ones first.
    pub fn choose(&self, n: usize, wanted: impl Fn(usize) -> bool) -> Chosen {
        let chosen = Waiters::none();
        let mut next = self.first.get();
        // SAFETY: who is in the line stays where it is; so does who was chosen, until it is served.
        while let Some(waiter) = unsafe { next.as_ref() }.filter(|_| chosen.len() < n) {
            next = waiter.next.get();
            if wanted(waiter.wants()) {
                self.leave(waiter);
                chosen.append(waiter);
            }
        }
        Chosen::all_of(chosen)
    }

    /// Takes out up to `n`, the first ones; all of them in one step.
    pub fn take(&self, n: usize) -> Chosen {
        if n < self.len() {
            return self.choose(n, |_| true);
        }
        let all = Chosen { first: self.first.get(), count: self.len(), alike: self.alike.get() };
        self.end_era();
        all
    }

    fn end_era(&self) {
        self.era.set(self.era.get() + 1);
        self.first.set(ptr::null());
        self.last.set(ptr::null());
        self.length.set(0);
    }

    /// In a forked child: those who waited are gone.
    pub fn forget(&self) {
        self.lost.set(self.era.get());
        self.end_era();
    }
}

/// Waiters that were taken out, to be served outside of the lock.
#[must_use]
#[derive(Debug)]
pub struct Chosen {
    first: *const Waiter,
    count: usize,
    /// Whether all want the same. False may be said of those too.
    alike: bool,
}

impl Chosen {
    pub const fn none() -> Chosen {
        Chosen::all_of(Waiters::none())
    }

    const fn all_of(list: Waiters) -> Chosen {
        Chosen {
            first: list.first.into_inner(),
            count: list.length.into_inner(),
            alike: list.alike.into_inner(),
        }
    }

    /// Serves them all, with a number that is small and not 0.
    pub fn serve(self, with: u32) {
        let mut next = self.first;
        // SAFETY: who was chosen stays where it is until it is served, and nobody else serves it.
        while let Some(waiter) = unsafe { next.as_ref() } {
            next = waiter.next.get();
            waiter.next.set(ptr::null());
            // SAFETY: as above.
            unsafe { serve(waiter, with) };
        }
    }

    /// The same, but of many only the first one is served, and has the others as heirs. No heir waits for one that wants
    /// something else.
    pub fn serve_in_turn(mut self, with: u32) {
        // A look at all of them for each thing that is wanted: where those are many, it is less to serve them.
        for _ in 0..AT_ONCE {
            // SAFETY: as in `serve`.
            let Some(first) = (unsafe { self.first.as_ref() }) else { return };
            if self.alike {
                return self.serve_by_heirs(with);
            }
            let (alike, others) = self.split(|waiter| waiter.wants() == first.wants());
            alike.serve_by_heirs(with);
            self = others;
        }
        self.serve(with);
    }

    fn serve_by_heirs(self, with: u32) {
        if self.count <= AT_ONCE {
            return self.serve(with);
        }
        // SAFETY: as in `serve`; there are some. The link to the next one is there already.
        unsafe { serve(self.first, with) };
    }

    /// Those of which it is so, and those of which it is not, in their order.
    fn split(self, is_so: impl Fn(&Waiter) -> bool) -> (Chosen, Chosen) {
        let (these, those) = (Waiters::none(), Waiters::none());
        let mut next = self.first;
        // SAFETY: as in `serve`.
        while let Some(waiter) = unsafe { next.as_ref() } {
            next = waiter.next.get();
            if is_so(waiter) { these.append(waiter) } else { those.append(waiter) }
        }
        (Chosen::all_of(these), Chosen::all_of(those))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What they are served with.
    const WITH: u32 = 7;

    fn waiters(wants: impl IntoIterator<Item = usize>) -> Vec<Waiter> {
        wants.into_iter().map(Waiter::new).collect()
    }

    /// A line of them all, which stay where they are.
    fn line_of(all: &[Waiter]) -> Waiters {
        let line = Waiters::none();
        join(&line, all);
        line
    }

    fn join(line: &Waiters, all: &[Waiter]) {
        // SAFETY: the tests keep them until the line is used no more.
        all.iter().for_each(|waiter| unsafe { line.join(waiter) });
    }

    /// Which of them were served.
    fn served(all: &[Waiter]) -> Vec<usize> {
        let words = all.iter().map(|waiter| waiter.word.load(Ordering::SeqCst));
        words.enumerate().filter_map(|(i, word)| (word == WITH).then_some(i)).collect()
    }

    /// Its wait ends.
    fn go_on(waiter: &Waiter) {
        assert_eq!(waiter.served().map(|served| served.with()), Some(WITH));
    }

    #[test]
    fn each_of_many_serves_the_next_and_a_few_are_served_at_once() {
        let few = waiters([1; AT_ONCE]);
        line_of(&few).take(usize::MAX).serve_in_turn(WITH);
        assert_eq!(served(&few).len(), AT_ONCE);

        let many = waiters([1; AT_ONCE + 5]);
        line_of(&many).take(usize::MAX).serve_in_turn(WITH);
        for i in 0..many.len() {
            // One has heirs, and of each few heirs the first.
            let with_heirs = if i == 0 { 0 } else { 1 + (i - 1).div_ceil(NEXT) };
            let so_far = many.len().min(1 + NEXT * with_heirs);
            assert_eq!(served(&many).len(), so_far, "before the end of {i}");
            go_on(&many[i]);
        }
        assert_eq!(served(&many).len(), many.len());
    }

    #[test]
    fn who_was_served_beside_others_has_no_heirs() {
        let all = waiters([1; 3]);
        line_of(&all).take(usize::MAX).serve(WITH);
        all[1].word.store(NOT_YET, Ordering::SeqCst);
        go_on(&all[0]);
        assert_eq!(served(&all), [0, 2]);
    }

    #[test]
    fn nobody_waits_for_one_who_wants_something_else() {
        const EACH: usize = AT_ONCE + 2;
        let all = waiters((0..3 * EACH).map(|i| i % 3));
        line_of(&all).take(usize::MAX).serve_in_turn(WITH);
        assert_eq!(served(&all), [0, 1, 2]);
        go_on(&all[1]);
        assert!(served(&all).iter().all(|i| *i < 3 || i % 3 == 1));
        assert_eq!(served(&all).len(), 3 + NEXT);
    }

    #[test]
    fn a_line_knows_that_all_in_it_want_the_same() {
        let (same, other) = (waiters([5; 3]), waiters([6]));
        let line = line_of(&same);
        join(&line, &other);
        assert!(!line.take(usize::MAX).alike);
        let same = waiters([5; 3]);
        join(&line, &same);
        assert!(line.take(usize::MAX).alike);
    }

    #[test]
    fn a_line_that_was_taken_or_forgotten_is_a_new_one() {
        let all = waiters([1, 2, 3]);
        let line = line_of(&all);
        assert!(all.iter().all(|waiter| line.has(waiter)));
        let chosen = line.take(usize::MAX);
        assert!((line.is_empty(), line.len(), line.first_wants()) == (true, 0, None));
        assert!(!all.iter().any(|waiter| line.has(waiter)));
        let others = waiters([4, 5]);
        join(&line, &others);
        assert_eq!((line.len(), line.first_wants(), line.wanting(5)), (2, Some(4), 1));
        chosen.serve(WITH);
        assert_eq!((served(&all).len(), served(&others).len()), (3, 0));
        line.forget();
        assert!((line.is_empty(), line.len()) == (true, 0));
        let others = waiters([6, 7]);
        join(&line, &others);
        assert_eq!((line.first_wants(), line.len(), line.wanting(7)), (Some(6), 2, 1));
    }

    /// The time would be the square of their number.
    #[test]
    fn who_all_want_something_else_are_served_at_once() {
        let all = waiters((0..4 * AT_ONCE).flat_map(|i| [i; AT_ONCE + 1]));
        line_of(&all).take(usize::MAX).serve_in_turn(WITH);
        let by_heirs = AT_ONCE * AT_ONCE;
        assert_eq!(served(&all).len(), all.len() - by_heirs);
    }

    #[test]
    fn who_leaves_and_who_comes_first_keep_the_order_of_the_others() {
        let all = waiters([1, 2, 3, 4]);
        let line = line_of(&all);
        let order = || {
            let mut order = Vec::new();
            let mut next = line.first.get();
            // SAFETY: they stay where they are.
            while let Some(waiter) = unsafe { next.as_ref() } {
                order.push(waiter.wants());
                next = waiter.next.get();
            }
            order
        };
        line.leave(&all[1]);
        assert_eq!((order(), line.has(&all[1])), (vec![1, 3, 4], false));
        // SAFETY: as above; it is in no line.
        unsafe { line.join_first(&all[1]) };
        line.leave(&all[0]);
        assert_eq!((order(), line.len()), (vec![2, 3, 4], 3));
        line.leave(&all[1]);
        line.leave(&all[3]);
        assert_eq!(order(), [3]);
        let other = line_of(&[]);
        line.move_first(&other, 9);
        assert_eq!((line.is_empty(), other.len(), other.first_wants()), (true, 1, Some(9)));
        // SAFETY: as above.
        unsafe { line.join_first(&all[0]) };
        join(&line, &all[3..]);
        assert_eq!(order(), [1, 4]);
    }
}
