//! Rings one behind the other: for queues without a bound, or with a large one.
//!
//! Items are put into the last ring and got from the first. Who finds the last one full makes another behind
//! it, twice as large, closes the full one, and goes on in the new one; who finds the first one closed and
//! empty goes on in the next. So there is no lock, and nobody waits for another thread.
//!
//! | behind a ring | meaning | goes on by |
//! |---|---|---|
//! | nothing | it takes the puts, though it may be full | who finds it full: another ring; close: `END` |
//! | another ring | it takes no puts, or soon will not: whoever goes on there has closed it | |
//! | `END` | the chain is closed | |
//!
//! A ring behind is only used once the one before is closed: so what is in it was put later. Rings are kept as
//! long as the chain, since a thread may be late in any of them: all together they are less than twice as
//! large as the last.
//!
//! And that has less than twice the room that was ever needed, unless consumers lose their core in the middle of
//! a get. Puts that come round to the cell of such a one leave the ring as if it were full. The next is twice as
//! large then too: one of the same size would be one more for each time that this happens, and they are kept;
//! of those that double, one soon takes longer to come round than a consumer is away.

use crate::base::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use crate::base::heap::boxed;
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::sync::ring::{Refused, Ring};
use core::ffi::c_void;
use core::ptr;

/// How many items the first ring holds. Few in a model, where the next one must come soon.
const FIRST: usize = if cfg!(shuttle) { 1 } else { 64 };

#[derive(Debug)]
pub struct Chain {
    /// The ring that items are put into, or one before it.
    last: Place,
    /// The ring that items are got from, or one before it.
    first: Place,
    /// All of them.
    oldest: *mut Link,
    /// 0: unbounded.
    capacity: usize,
    /// Of a bounded chain: how many items there are, with those that are being put or got.
    length: AtomicUsize,
}

/// On a cache line of its own: one is written where items are put, the other where they are got.
#[derive(Debug)]
#[repr(align(64))]
struct Place(AtomicPtr<Link>);

#[derive(Debug)]
struct Link {
    ring: Ring,
    /// NULL, `END`, or the ring behind this one.
    next: AtomicPtr<Link>,
}

/// Behind the last ring of a closed chain.
const END: *mut Link = ptr::without_provenance_mut(1);

// SAFETY: the links are shared and freed with the chain; what they lead to is Sync.
unsafe impl Send for Chain {}
// SAFETY: as above.
unsafe impl Sync for Chain {}

impl Link {
    fn new(size: usize) -> Result<*mut Link, Error> {
        let link = Link { ring: Ring::new(size), next: AtomicPtr::new(ptr::null_mut()) };
        link.ring.make_ready()?;
        boxed(link).map(Box::into_raw)
    }

    /// What is behind it.
    fn behind(&self) -> Behind<'_> {
        // Acquire: the ring is complete.
        Behind::of(self.next.load(Ordering::Acquire))
    }
}

enum Behind<'a> {
    Nothing,
    Ring(&'a Link),
    End,
}

impl<'a> Behind<'a> {
    fn of(next: *mut Link) -> Behind<'a> {
        if next == END {
            return Behind::End;
        }
        // SAFETY: what is neither NULL nor `END` is a link, that lives as long as the chain.
        unsafe { next.as_ref() }.map_or(Behind::Nothing, Behind::Ring)
    }
}

impl Chain {
    /// A chain without rings: closed, and empty.
    pub const fn none() -> Chain {
        let none = ptr::null_mut();
        Chain {
            last: Place(AtomicPtr::new(none)),
            first: Place(AtomicPtr::new(none)),
            oldest: none,
            capacity: 0,
            length: AtomicUsize::new(0),
        }
    }

    pub fn new(capacity: usize) -> Result<Chain, Error> {
        let link = Link::new(FIRST)?;
        Ok(Chain {
            last: Place(AtomicPtr::new(link)),
            first: Place(AtomicPtr::new(link)),
            oldest: link,
            capacity,
            length: AtomicUsize::new(0),
        })
    }

    /// Pushes if the first try succeeds, where there is no bound.
    #[inline(always)]
    pub fn push_at_once(&self, item: *mut c_void) -> bool {
        self.capacity == 0 && self.last().is_some_and(|link| link.ring.push_at_once(item))
    }

    /// Pops if the first try succeeds, where there is no bound.
    #[inline(always)]
    pub fn pop_at_once(&self) -> Option<*mut c_void> {
        if self.capacity == 0 { self.first()?.ring.pop_at_once() } else { None }
    }

    pub fn push(&self, item: *mut c_void) -> Result<(), Refused> {
        self.push_many(core::slice::from_ref(&item)).map(drop)
    }

    /// As [`Ring::push_many`].
    pub fn push_many(&self, items: &[*mut c_void]) -> Result<usize, Refused> {
        let room = self.count_in(items.len());
        let items = items.get(..room).unwrap_or(items);
        if items.is_empty() {
            return Err(if self.is_closed() { Refused::Closed } else { Refused::Not });
        }
        let pushed = self.push_within(items);
        self.count_out(room - pushed.unwrap_or(0));
        pushed
    }

    fn push_within(&self, items: &[*mut c_void]) -> Result<usize, Refused> {
        let mut link = self.last().ok_or(Refused::Closed)?;
        let mut spin = Spin::new();
        loop {
            match link.ring.push_many(items) {
                Ok(n) => return Ok(n),
                // A consumer has a few instructions to go. If it takes longer, there is another ring.
                Err(Refused::NotYet) if spin.pause() => (),
                Err(_) => link = self.go_on(link)?,
            }
        }
    }

    /// Goes on behind a ring that is full or closed: in a new one, if there is nothing yet.
    #[cold]
    fn go_on<'a>(&'a self, full: &'a Link) -> Result<&'a Link, Refused> {
        // Acquire: if the ring was found closed, with that comes what is behind it.
        fence(Ordering::Acquire);
        let next = match full.behind() {
            Behind::Ring(next) => next,
            Behind::End => return Err(Refused::Closed),
            Behind::Nothing => {
                let size = full.ring.capacity().saturating_mul(2);
                let new = Link::new(size).map_err(|_| Refused::NoMemory)?;
                let nothing = ptr::null_mut();
                // AcqRel: the ring that comes to be there, this one or another's, is complete.
                match full.next.compare_exchange(nothing, new, Ordering::AcqRel, Ordering::Acquire) {
                    // SAFETY: lives as long as the chain from now on.
                    Ok(_) => unsafe { &*new },
                    Err(found) => {
                        // SAFETY: made above, and nobody else has seen it.
                        drop(unsafe { Box::from_raw(new) });
                        match Behind::of(found) {
                            Behind::Ring(next) => next,
                            _ => return Err(Refused::Closed),
                        }
                    }
                }
            }
        };
        full.ring.close();
        // Release: who goes on there does so behind a ring that is closed. Relaxed on failure: another did it.
        let (full, last) = (ptr::from_ref(full).cast_mut(), ptr::from_ref(next).cast_mut());
        let _ = self.last.0.compare_exchange(full, last, Ordering::Release, Ordering::Relaxed);
        Ok(next)
    }

    pub fn pop(&self) -> Result<*mut c_void, Refused> {
        let mut popped = ptr::null_mut();
        self.pop_many(1, |item| popped = item)?;
        Ok(popped)
    }

    /// As [`Ring::pop_many`].
    pub fn pop_many(&self, most: usize, mut take: impl FnMut(*mut c_void)) -> Result<usize, Refused> {
        let mut link = self.first().ok_or(Refused::Closed)?;
        loop {
            match link.ring.pop_many(most, &mut take) {
                Ok(n) => {
                    self.count_out(n);
                    return Ok(n);
                }
                Err(Refused::Closed) => {
                    // It was seen to be closed in an order that shows what is behind.
                    let Behind::Ring(next) = link.behind() else { return Err(Refused::Closed) };
                    let (empty, first) = (ptr::from_ref(link).cast_mut(), ptr::from_ref(next).cast_mut());
                    // Orderings as in `go_on`.
                    let _ = self.first.0.compare_exchange(empty, first, Ordering::Release, Ordering::Relaxed);
                    link = next;
                }
                Err(refused) => return Err(refused),
            }
        }
    }

    /// As [`Ring::find_item`].
    pub fn find_item(&self) -> Result<(), Refused> {
        let mut link = self.first().ok_or(Refused::Closed)?;
        loop {
            match (link.ring.find_item(), link.behind()) {
                // It was seen to be closed in an order that shows what is behind.
                (Err(Refused::Closed), Behind::Ring(next)) => link = next,
                (found, _) => return found,
            }
        }
    }

    /// As [`Ring::find_room`].
    pub fn find_room(&self) -> Result<(), Refused> {
        if self.is_closed() {
            Err(Refused::Closed)
        } else if self.capacity == 0 || self.length() < self.capacity {
            Ok(())
        } else {
            Err(Refused::Not)
        }
    }

    /// No item is put after this.
    pub fn close(&self) {
        let Some(mut link) = self.last() else { return };
        loop {
            let nothing = ptr::null_mut();
            // AcqRel: of a close and one that goes on, one sees the other.
            match link.next.compare_exchange(nothing, END, Ordering::AcqRel, Ordering::Acquire) {
                Err(found) if found != END => match Behind::of(found) {
                    Behind::Ring(next) => link = next,
                    _ => return,
                },
                _ => return link.ring.close(),
            }
        }
    }

    pub fn is_closed(&self) -> bool {
        self.last().is_none_or(|last| {
            let mut link = last;
            loop {
                match link.behind() {
                    Behind::Nothing => return false,
                    Behind::Ring(next) => link = next,
                    Behind::End => return true,
                }
            }
        })
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many items there are, with those that are being put.
    pub fn length(&self) -> usize {
        if self.capacity == 0 {
            links(self.first()).map(|link| link.ring.length()).sum()
        } else {
            self.length.load(Ordering::Relaxed)
        }
    }

    /// How many were ever put.
    pub fn puts(&self) -> u64 {
        links(self.oldest()).map(|link| link.ring.puts()).sum()
    }

    /// In a forked child: as [`Ring::repair`].
    pub fn repair(&self) -> u64 {
        let mut less = 0;
        let mut length = 0;
        for link in links(self.first()) {
            less += link.ring.repair();
            length += link.ring.length();
            // A thread that is gone may have been about to close it.
            if !matches!(link.behind(), Behind::Nothing) {
                link.ring.close();
            }
        }
        // Relaxed: there is one thread.
        self.length.store(if self.capacity == 0 { 0 } else { length }, Ordering::Relaxed);
        less
    }

    /// Takes room for as many of `n` items as there is.
    fn count_in(&self, n: usize) -> usize {
        if self.capacity == 0 {
            return n;
        }
        let room = |length: usize| self.capacity.saturating_sub(length).min(n);
        let more = |length: usize| Some(length + room(length)).filter(|_| room(length) > 0);
        // Relaxed, here and below: the rings order the items, and the queue's fences who waits for room.
        self.length.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_or(0, room)
    }

    /// For none it touches nothing: after its last item was put the chain may be freed.
    fn count_out(&self, n: usize) {
        if n > 0 && self.capacity != 0 {
            self.length.fetch_sub(n, Ordering::Relaxed);
        }
    }

    fn oldest(&self) -> Option<&Link> {
        // SAFETY: NULL or a link, that lives as long as the chain.
        unsafe { self.oldest.as_ref() }
    }

    fn last(&self) -> Option<&Link> {
        // Acquire: pairs with `go_on`. SAFETY: as in `oldest`.
        unsafe { self.last.0.load(Ordering::Acquire).as_ref() }
    }

    fn first(&self) -> Option<&Link> {
        // Acquire: pairs with `pop`. SAFETY: as in `oldest`.
        unsafe { self.first.0.load(Ordering::Acquire).as_ref() }
    }
}

/// The links from this one on.
fn links(from: Option<&Link>) -> impl Iterator<Item = &Link> {
    core::iter::successors(from, |link| match link.behind() {
        Behind::Ring(next) => Some(next),
        _ => None,
    })
}

impl Drop for Chain {
    fn drop(&mut self) {
        let mut link = self.oldest;
        while !link.is_null() && link != END {
            // SAFETY: made by `Link::new`, and nobody is in the chain any more.
            let here = unsafe { Box::from_raw(link) };
            // Relaxed: nobody else is here.
            link = here.next.load(Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::without_provenance_mut as item;

    #[test]
    fn it_grows_and_keeps_the_order() {
        let chain = Chain::new(0).unwrap();
        let (mut next, mut oldest) = (0, 0);
        // Full again and again, never empty in between.
        for round in 1..if cfg!(miri) { 20 } else { 200 } {
            for _ in 0..2 * round {
                chain.push(item(next)).unwrap();
                next += 1;
            }
            for _ in 0..round {
                assert_eq!(chain.pop(), Ok(item(oldest)));
                oldest += 1;
            }
            assert_eq!(chain.length(), next - oldest);
            assert_eq!(chain.puts(), next as u64);
        }
        assert!(links(chain.first()).count() < links(chain.oldest()).count());
        chain.close();
        assert_eq!(chain.push(item(0)), Err(Refused::Closed));
        while let Ok(got) = chain.pop() {
            assert_eq!(got, item(oldest));
            oldest += 1;
        }
        assert_eq!(oldest, next);
        assert_eq!(chain.pop(), Err(Refused::Closed));
    }

    #[test]
    fn a_bound_is_kept_to() {
        let chain = Chain::new(3 * FIRST).unwrap();
        for _ in 0..3 {
            for i in 0..3 * FIRST {
                chain.push(item(i)).unwrap();
            }
            // And also in a forked child.
            assert_eq!(chain.repair(), 0);
            assert_eq!(chain.find_room(), Err(Refused::Not));
            assert_eq!(chain.push(item(0)), Err(Refused::Not));
            assert_eq!(chain.length(), 3 * FIRST);
            for i in 0..3 * FIRST {
                assert_eq!(chain.pop(), Ok(item(i)));
                assert_eq!(chain.find_room(), Ok(()));
            }
            assert_eq!(chain.pop(), Err(Refused::Not));
        }
    }

    #[test]
    fn what_was_being_closed_at_a_fork_is_closed_in_the_child() {
        let chain = Chain::new(0).unwrap();
        chain.push(item(1)).unwrap();
        // A thread in the middle of `close`.
        chain.last().unwrap().next.store(END, Ordering::Relaxed);
        assert_eq!(chain.repair(), 0);
        assert_eq!(chain.push(item(2)), Err(Refused::Closed));
        assert_eq!(chain.pop(), Ok(item(1)));
        assert_eq!(chain.pop(), Err(Refused::Closed));
    }

    #[test]
    fn a_ring_that_was_being_left_at_a_fork_is_left_in_the_child() {
        let chain = Chain::new(0).unwrap();
        (0..FIRST).for_each(|i| chain.push(item(i)).unwrap());
        // A thread in the middle of `go_on`, and a fork.
        chain.last().unwrap().next.store(Link::new(2 * FIRST).unwrap(), Ordering::Relaxed);
        assert_eq!(chain.repair(), 0);
        assert_eq!(chain.pop(), Ok(item(0)));
        // There is room again in the ring, but no put goes there that a close would not see.
        chain.push(item(FIRST)).unwrap();
        chain.close();
        (1..=FIRST).for_each(|i| assert_eq!(chain.pop(), Ok(item(i))));
        assert_eq!(chain.pop(), Err(Refused::Closed));
    }
}
