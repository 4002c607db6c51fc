//! Free slots, until they serve again.
//!
//! Each thread keeps a few of each type for itself, in a *magazine*: to make and to free an object costs it no
//! lock, and what it made last is warm. What there is no room for goes to the *pile* of the arena, from which any
//! thread fills its magazine.
//!
//! A signal handler may give a slot back, and a fork may come, at any moment. A pile is changed by single exchanges.
//! In its own thread's magazine a handler may undo, or be undone by, what it interrupts: then a slot is in none
//! of them and serves no more, which costs its memory and nothing else.

use crate::base::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::base::mutex::Mutex;
use core::ptr;

/// What links free slots. Part of each.
#[derive(Debug)]
pub struct Link(AtomicPtr<Link>);

#[allow(clippy::new_without_default, reason = "part of a slot")]
impl Link {
    pub const fn new() -> Link {
        Link(AtomicPtr::new(ptr::null_mut()))
    }
}

/// The free slots of an arena that no thread keeps.
pub struct Pile {
    /// Given back one by one, by whom it may be.
    returned: AtomicPtr<Link>,
    /// From where they are taken; all that was returned comes here at once.
    sorted: Mutex<First>,
}

struct First(*mut Link);

// SAFETY: leads to slots, which are Sync and are never unmapped.
unsafe impl Send for First {}

#[allow(clippy::new_without_default, reason = "part of a static")]
impl Pile {
    pub const fn new() -> Pile {
        Pile { returned: AtomicPtr::new(ptr::null_mut()), sorted: Mutex::new(First(ptr::null_mut())) }
    }

    /// Puts on a slot that is nowhere else. Async-signal-safe.
    pub fn put(&self, link: &'static Link) {
        let this = ptr::from_ref(link).cast_mut();
        let mut first = self.returned.load(Ordering::Relaxed);
        loop {
            link.0.store(first, Ordering::Relaxed);
            // Release: whoever takes it finds the link, and the slot as it was left.
            match self.returned.compare_exchange_weak(first, this, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(found) => first = found,
            }
        }
    }

    /// Takes one off, and up to `more` others for a magazine.
    #[cold]
    fn take(&self, more: u32, mut keep: impl FnMut(&'static Link)) -> Option<&'static Link> {
        let mut sorted = self.sorted.lock();
        if sorted.0.is_null() {
            // Acquire: pairs with `put`.
            sorted.0 = self.returned.swap(ptr::null_mut(), Ordering::Acquire);
        }
        let taken = sorted.pop();
        for _ in 0..more {
            let Some(link) = sorted.pop() else { break };
            keep(link);
        }
        taken
    }

    pub fn pop(&self) -> Option<&'static Link> {
        self.take(0, |_| ())
    }

    /// In a model: nothing is on it.
    #[cfg(shuttle)]
    pub fn forget(&self) {
        self.returned.store(ptr::null_mut(), Ordering::Relaxed);
        self.sorted.lock().0 = ptr::null_mut();
    }
}

impl First {
    fn pop(&mut self) -> Option<&'static Link> {
        // SAFETY: slots are never unmapped.
        let link = unsafe { self.0.as_ref() }?;
        // Relaxed: under the lock, or in the order of the exchange that brought it here.
        self.0 = link.0.load(Ordering::Relaxed);
        Some(link)
    }
}

/// The free slots of one type that a thread keeps. Relaxed but where it says why: that thread alone, and who gathers
/// what a thread has left that is gone.
#[derive(Debug)]
pub struct Magazine {
    first: AtomicPtr<Link>,
    count: AtomicU32,
    /// Where they came from: known once there were some.
    pile: AtomicPtr<Pile>,
}

impl Magazine {
    /// As many are kept, and so many are fetched at once: a thread that only makes objects, or only frees them, goes
    /// to the pile for one in so many.
    const MOST: u32 = 16;
    const FETCHED: u32 = 8;

    pub const fn empty() -> Magazine {
        Magazine {
            first: AtomicPtr::new(ptr::null_mut()),
            count: AtomicU32::new(0),
            pile: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// A slot, from here or the pile. On the thread whose magazine it is.
    #[inline]
    pub fn pop(&self, pile: &'static Pile) -> Option<&'static Link> {
        match self.own() {
            None => pile.take(Magazine::FETCHED, |link| self.push(link, pile)),
            own => own,
        }
    }

    #[inline]
    fn own(&self) -> Option<&'static Link> {
        // SAFETY: slots are never unmapped.
        let link = unsafe { self.first.load(Ordering::Relaxed).as_ref() };
        match link {
            Some(link) => {
                self.first.store(link.0.load(Ordering::Relaxed), Ordering::Relaxed);
                self.count.store(self.count.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
            }
            None => self.count.store(0, Ordering::Relaxed),
        }
        link
    }

    /// Gives back a slot that is nowhere else, here or to the pile. On the thread whose magazine it is.
    #[inline]
    pub fn put(&self, link: &'static Link, pile: &'static Pile) {
        if self.count.load(Ordering::Relaxed) < Magazine::MOST {
            self.push(link, pile);
        } else {
            pile.put(link);
        }
    }

    fn push(&self, link: &'static Link, pile: &'static Pile) {
        self.pile.store(ptr::from_ref(pile).cast_mut(), Ordering::Relaxed);
        link.0.store(self.first.load(Ordering::Relaxed), Ordering::Relaxed);
        // Release: a child that gathers what was kept here finds the link.
        self.first.store(ptr::from_ref(link).cast_mut(), Ordering::Release);
        self.count.store(self.count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Puts all on the pile. On the thread whose magazine it is, or when that thread is no more.
    pub fn give_up(&self) {
        // SAFETY: piles are statics.
        let Some(pile) = (unsafe { self.pile.load(Ordering::Relaxed).as_ref() }) else { return };
        while let Some(link) = self.own() {
            pile.put(link);
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::base::for_ever::for_ever;

    fn links(n: usize) -> &'static [Link] {
        for_ever((0..n).map(|_| Link::new()).collect::<Vec<_>>())
    }

    fn pile() -> &'static Pile {
        for_ever(Pile::new())
    }

    fn emptied(mut pop: impl FnMut() -> Option<&'static Link>) -> Vec<*const Link> {
        core::iter::from_fn(|| pop().map(ptr::from_ref)).collect()
    }

    #[test]
    fn a_magazine_keeps_so_many_and_leaves_the_rest_to_all() {
        let (magazine, pile) = (Magazine::empty(), pile());
        let links = links(20);
        links.iter().for_each(|link| magazine.put(link, pile));
        assert_eq!(emptied(|| pile.pop()).len(), 20 - Magazine::MOST as usize);
        assert_eq!(emptied(|| magazine.pop(pile)).len(), Magazine::MOST as usize);
    }

    #[test]
    fn what_was_put_by_all_is_taken_once() {
        const EACH: usize = if cfg!(miri) { 200 } else { 100_000 };
        let (pile, links) = (pile(), links(2 * EACH));
        let together = std::sync::Barrier::new(4);
        let taken = std::thread::scope(|threads| {
            for part in links.chunks(EACH) {
                threads.spawn(|| {
                    together.wait();
                    part.iter().for_each(|link| pile.put(link));
                });
            }
            let takers = [(); 2].map(|()| {
                threads.spawn(|| {
                    let magazine = Magazine::empty();
                    let mut taken = Vec::new();
                    together.wait();
                    for _ in 0..EACH {
                        taken.extend(magazine.pop(pile).map(|link| ptr::from_ref(link).addr()));
                    }
                    magazine.give_up();
                    taken
                })
            });
            takers.map(|taker| taker.join().unwrap())
        });
        let mut all: Vec<_> = taken.into_iter().flatten().collect();
        all.extend(emptied(|| pile.pop()).iter().map(|link| link.addr()));
        assert_eq!(all.len(), links.len());
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), links.len());
    }

    #[test]
    fn what_a_magazine_gives_up_is_for_all() {
        let (magazine, pile) = (Magazine::empty(), pile());
        links(5).iter().for_each(|link| magazine.put(link, pile));
        magazine.give_up();
        assert_eq!(emptied(|| magazine.own()).len(), 0);
        assert_eq!(emptied(|| pile.pop()).len(), 5);
    }
}
