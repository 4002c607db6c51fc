//! A bounded ring without a lock, for many producers and consumers.
//!
//! Producers claim positions at the tail, consumers at the head. Each cell has a sequence number that says
//! whose turn it is, after Dmitry Vyukov's bounded queue:
//!
//! | sequence of the cell at position p | meaning | goes on by |
//! |---|---|---|
//! | p | free, or a producer has claimed it and is writing | that producer: p + 1 |
//! | p + 1 | full, or a consumer has claimed it and is reading | that consumer: p + length |
//!
//! A position is claimed by moving the tail or the head past it, and many by one such step: what was seen of the cells
//! in between still holds if the tail, or the head, was where it had been. So a batch costs one exchange.
//!
//! The highest bit of the tail says that the ring is closed: no position can be claimed there any more.

use crate::base::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::base::errno;
use crate::base::status::Error;
use core::alloc::Layout;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

/// The most items that a ring is made for: its memory is taken in one piece.
pub const LARGEST: usize = 16_384;

const CLOSED: u64 = 1 << 63;

#[derive(Debug)]
pub struct Ring {
    tail: Tail,
    head: Head,
    cells: Store,
    capacity: u64,
}

/// What producers write, away from what consumers do.
#[repr(align(64))]
#[derive(Debug)]
struct Tail {
    at: AtomicU64,
    /// The head as a producer last saw it: it is never further back than this.
    head: AtomicU64,
}

#[repr(align(64))]
#[derive(Debug)]
struct Head {
    at: AtomicU64,
}

#[repr(align(16))]
struct Cell {
    sequence: AtomicU64,
    item: AtomicPtr<c_void>,
}

/// Why nothing was put or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no room, or no item.
    Not,
    /// There may be one, but another thread is in the middle of it.
    NotYet,
    Closed,
    NoMemory,
}

impl Refused {
    /// What to tell who does not wait: `not`, if only waiting would help.
    pub fn at_once(self, not: Error) -> Error {
        self.for_good().unwrap_or(not)
    }

    /// What to tell who would wait, if that does not help.
    pub fn for_good(self) -> Option<Error> {
        match self {
            Refused::Not | Refused::NotYet => None,
            Refused::Closed => Some(Error::Closed),
            Refused::NoMemory => Some(Error::NoMemory),
        }
    }
}

impl Ring {
    /// A ring that takes its memory with the first push.
    pub fn new(capacity: usize) -> Ring {
        Ring {
            tail: Tail { at: AtomicU64::new(0), head: AtomicU64::new(0) },
            head: Head { at: AtomicU64::new(0) },
            // One cell would be free and full at the same time.
            cells: Store::for_cells(capacity.next_power_of_two().max(2)),
            capacity: capacity as u64,
        }
    }

    /// Takes the memory now: no push fails for want of it.
    pub fn make_ready(&self) -> Result<(), Error> {
        match self.cells.made() {
            Some(_) => Ok(()),
            None => self.cells.make(),
        }
    }

    /// Pushes if the first try succeeds, where there are as many cells as items.
    #[inline(always)]
    pub fn push_at_once(&self, item: *mut c_void) -> bool {
        // Orderings as in `push`.
        let tail = self.tail.at.load(Ordering::Relaxed);
        let Some(cells) = self.cells.made() else { return false };
        let cell = cells.at(tail);
        // No sequence has the bit that a closed tail has.
        if cell.sequence.load(Ordering::Acquire) != tail
            || self.cells.length() != self.capacity
            || self.tail.at.compare_exchange(tail, tail + 1, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return false;
        }
        cell.item.store(item, Ordering::Relaxed);
        cell.sequence.store(tail + 1, Ordering::Release);
        true
    }

    /// Pops if the first try succeeds.
    #[inline(always)]
    pub fn pop_at_once(&self) -> Option<*mut c_void> {
        // Orderings as in `pop`.
        let head = self.head.at.load(Ordering::Relaxed);
        let cell = self.cells.made()?.at(head);
        if cell.sequence.load(Ordering::Acquire) != head + 1
            || self.head.at.compare_exchange(head, head + 1, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return None;
        }
        let item = cell.item.load(Ordering::Relaxed);
        cell.sequence.store(head + self.cells.length(), Ordering::Release);
        Some(item)
    }

    #[inline]
    pub fn push(&self, item: *mut c_void) -> Result<(), Refused> {
        self.push_many(core::slice::from_ref(&item)).map(drop)
    }

    /// Pushes as many of the items as there is room for, in one step; how many: one at least.
    #[inline]
    pub fn push_many(&self, items: &[*mut c_void]) -> Result<usize, Refused> {
        // Relaxed: the exchange decides.
        let mut tail = self.tail.at.load(Ordering::Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            let Some(cells) = self.cells.made() else {
                self.cells.make().map_err(|_| Refused::NoMemory)?;
                continue;
            };
            // Acquire: the consumers before have read what this one overwrites.
            let n = cells.in_turn(tail, self.room(tail, items.len() as u64), 0);
            if n == 0 {
                let now = self.tail.at.load(Ordering::Relaxed);
                if now == tail {
                    return Err(self.why_full(tail));
                }
                tail = now;
                continue;
            }
            // Nobody else has changed those cells if the tail is still there. Relaxed: the sequences publish.
            match self.tail.at.compare_exchange_weak(tail, tail + n, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    for (position, item) in (tail..tail + n).zip(items) {
                        let cell = cells.at(position);
                        cell.item.store(*item, Ordering::Relaxed);
                        // Release: the put happens before the get.
                        cell.sequence.store(position + 1, Ordering::Release);
                    }
                    return Ok(n as usize);
                }
                Err(now) => tail = now,
            }
        }
    }

    #[inline]
    pub fn pop(&self) -> Result<*mut c_void, Refused> {
        let mut popped = ptr::null_mut();
        self.pop_many(1, |item| popped = item)?;
        Ok(popped)
    }

    /// Pops as many items as there are, up to `most`, in one step; how many: one at least.
    #[inline]
    pub fn pop_many(&self, most: usize, mut take: impl FnMut(*mut c_void)) -> Result<usize, Refused> {
        // Relaxed: the exchange decides.
        let mut head = self.head.at.load(Ordering::Relaxed);
        loop {
            let Some(cells) = self.cells.made() else { return Err(self.why_empty(head)) };
            // Acquire: the puts happen before the gets.
            let n = cells.in_turn(head, most as u64, 1);
            if n == 0 {
                let now = self.head.at.load(Ordering::Relaxed);
                if now == head {
                    return Err(self.why_empty(head));
                }
                head = now;
                continue;
            }
            // As in `push_many`. Relaxed: the sequences order the uses of the cells.
            match self.head.at.compare_exchange_weak(head, head + n, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    for position in head..head + n {
                        let cell = cells.at(position);
                        take(cell.item.load(Ordering::Relaxed));
                        // Release: read before it is overwritten.
                        cell.sequence.store(position + self.cells.length(), Ordering::Release);
                    }
                    return Ok(n as usize);
                }
                Err(now) => head = now,
            }
        }
    }

    /// Whether a pop would get an item now; else what it would be told.
    pub fn find_item(&self) -> Result<(), Refused> {
        loop {
            // Acquire: what was done before the put of the item is seen.
            let head = self.head.at.load(Ordering::Acquire);
            if self.cells.made().is_some_and(|cells| cells.in_turn(head, 1, 1) == 1) {
                return Ok(());
            }
            if self.head.at.load(Ordering::Relaxed) == head {
                return Err(self.why_empty(head));
            }
        }
    }

    /// Whether a push would find room now; else what it would be told.
    pub fn find_room(&self) -> Result<(), Refused> {
        loop {
            let tail = self.tail.at.load(Ordering::Acquire);
            if tail & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            if self.cells.made().is_none_or(|cells| cells.in_turn(tail, self.room(tail, 1), 0) == 1) {
                return Ok(());
            }
            if self.tail.at.load(Ordering::Relaxed) == tail {
                return Err(self.why_full(tail));
            }
        }
    }

    /// No position is claimed after this.
    pub fn close(&self) {
        // AcqRel: of a put and a close, one sees the other.
        self.tail.at.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub fn is_closed(&self) -> bool {
        self.tail.at.load(Ordering::Acquire) & CLOSED != 0
    }

    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// How many items there are, with those that are being put.
    pub fn length(&self) -> usize {
        // Acquire: the head first, so that the difference is not negative.
        let head = self.head.at.load(Ordering::Acquire);
        (self.puts().saturating_sub(head)).min(self.capacity) as usize
    }

    /// How many were ever put.
    pub fn puts(&self) -> u64 {
        self.tail.at.load(Ordering::Acquire) & !CLOSED
    }

    /// How many of `wanted` items a producer at this position may put and keep to the capacity, where there are
    /// more cells than that.
    #[inline]
    fn room(&self, tail: u64, wanted: u64) -> u64 {
        if self.cells.length() == self.capacity {
            return wanted;
        }
        // Saturating: a tail that others have left behind long ago is found out by the exchange.
        let room = |head: u64| self.capacity.saturating_sub(tail.saturating_sub(head));
        if room(self.tail.head.load(Ordering::Relaxed)) >= wanted {
            return wanted;
        }
        let head = self.head.at.load(Ordering::Relaxed);
        self.tail.head.store(head, Ordering::Relaxed);
        room(head).min(wanted)
    }

    #[cold]
    fn why_full(&self, tail: u64) -> Refused {
        let head = self.head.at.load(Ordering::Relaxed);
        if tail.saturating_sub(head) >= self.capacity { Refused::Not } else { Refused::NotYet }
    }

    #[cold]
    fn why_empty(&self, head: u64) -> Refused {
        // Acquire: who finds it closed sees the last put.
        match self.tail.at.load(Ordering::Acquire) {
            tail if tail == head => Refused::Not,
            tail if tail == head | CLOSED => Refused::Closed,
            _ => Refused::NotYet,
        }
    }

    /// Begins a push, as a thread does that loses its core in the middle of it.
    #[cfg(test)]
    pub fn begin_push(&self) -> u64 {
        self.make_ready().unwrap();
        self.tail.at.fetch_add(1, Ordering::Relaxed)
    }

    #[cfg(test)]
    pub fn end_push(&self, position: u64, item: *mut c_void) {
        let cell = self.cells.made().unwrap().at(position);
        cell.item.store(item, Ordering::Relaxed);
        cell.sequence.store(position + 1, Ordering::Release);
    }

    /// Begins a pop, in the same way.
    #[cfg(test)]
    pub fn begin_pop(&self) {
        self.head.at.fetch_add(1, Ordering::Relaxed);
    }

    /// In a forked child: what threads were in the middle of that are gone. An item that one was putting or
    /// getting is the parent's; the others stay. How many there are less.
    pub fn repair(&self) -> u64 {
        let Some(cells) = self.cells.made() else { return 0 };
        // Relaxed throughout: there is one thread.
        let (head, tail) = (self.head.at.load(Ordering::Relaxed), self.puts());
        let length = self.cells.length();
        // Moves the items up to the tail, so that no position is left out between them.
        let mut first = tail;
        for from in (head..tail).rev() {
            let cell = cells.at(from);
            if cell.sequence.load(Ordering::Relaxed) == from + 1 {
                first -= 1;
                let item = cell.item.load(Ordering::Relaxed);
                cells.at(first).item.store(item, Ordering::Relaxed);
            }
        }
        for position in first..first + length {
            let sequence = if position < tail { position + 1 } else { position };
            cells.at(position).sequence.store(sequence, Ordering::Relaxed);
        }
        self.head.at.store(first, Ordering::Relaxed);
        self.tail.head.store(first, Ordering::Relaxed);
        first - head
    }
}

/// Where the cells are, once there are some: a power of two of them.
#[derive(Debug)]
struct Store {
    /// NULL before they are made, by whoever first needs them.
    first: AtomicPtr<Cell>,
    mask: u64,
}

#[derive(Clone, Copy)]
struct Cells<'a> {
    first: NonNull<Cell>,
    mask: u64,
    store: PhantomData<&'a Store>,
}

impl<'a> Cells<'a> {
    #[inline(always)]
    fn at(self, position: u64) -> &'a Cell {
        // SAFETY: the mask keeps it within the cells, which live as long as the store.
        unsafe { self.first.add((position & self.mask) as usize).as_ref() }
    }

    /// How many of the cells at the `most` positions from the first on are there for a producer, whose `turn` is
    /// 0, or a consumer, whose is 1; up to the first that is not.
    #[inline(always)]
    fn in_turn(self, first: u64, most: u64, turn: u64) -> u64 {
        let mut n = 0;
        while n < most && self.at(first + n).sequence.load(Ordering::Acquire) == first + n + turn {
            n += 1;
        }
        n
    }
}

impl Store {
    fn for_cells(count: usize) -> Store {
        Store { first: AtomicPtr::new(ptr::null_mut()), mask: count as u64 - 1 }
    }

    #[inline(always)]
    fn made(&self) -> Option<Cells<'_>> {
        // Acquire: they are complete.
        let first = NonNull::new(self.first.load(Ordering::Acquire))?;
        Some(Cells { first, mask: self.mask, store: PhantomData })
    }

    #[cold]
    fn make(&self) -> Result<(), Error> {
        let layout = self.layout()?;
        // SAFETY: the layout has a size that is not 0.
        let first = errno::keeping(|| unsafe { std::alloc::alloc(layout) }).cast::<Cell>();
        if first.is_null() {
            return Err(Error::NoMemory);
        }
        for i in 0..self.length() {
            let free = Cell { sequence: AtomicU64::new(i), item: AtomicPtr::new(ptr::null_mut()) };
            // SAFETY: within what was just allocated.
            unsafe { first.add(i as usize).write(free) };
        }
        // Release: pairs with the load. Relaxed on failure: another thread was faster, and its cells are not
        // looked at here.
        if self.first.compare_exchange(ptr::null_mut(), first, Ordering::Release, Ordering::Relaxed).is_err()
        {
            // SAFETY: allocated above, and nobody else has seen it.
            unsafe { std::alloc::dealloc(first.cast(), layout) };
        }
        Ok(())
    }

    fn length(&self) -> u64 {
        self.mask + 1
    }

    fn layout(&self) -> Result<Layout, Error> {
        Layout::array::<Cell>(self.length() as usize).map_err(|_| Error::NoMemory)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let first = *self.first.get_mut();
        if let (false, Ok(layout)) = (first.is_null(), self.layout()) {
            // SAFETY: allocated with this layout. Cells have no destructors.
            unsafe { std::alloc::dealloc(first.cast(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::without_provenance_mut as item;

    #[test]
    fn every_capacity_is_kept_to() {
        for capacity in [1, 2, 3, 5, 8] {
            let ring = Ring::new(capacity);
            for lap in 0..3 {
                for i in 0..capacity {
                    assert_eq!(ring.find_room(), Ok(()));
                    assert!(ring.push(item(lap * capacity + i)).is_ok());
                }
                assert_eq!(ring.find_room(), Err(Refused::Not));
                assert!(ring.push(item(0)) == Err(Refused::Not));
                assert_eq!(ring.length(), capacity);
                for i in 0..capacity {
                    assert!(ring.pop() == Ok(item(lap * capacity + i)));
                }
                assert!(ring.pop() == Err(Refused::Not));
            }
            ring.push(item(7)).unwrap();
            ring.close();
            assert!(ring.push(item(8)) == Err(Refused::Closed));
            assert!(ring.pop() == Ok(item(7)));
            assert!(ring.pop() == Err(Refused::Closed));
        }
    }

    #[test]
    fn a_repair_leaves_out_what_was_being_put_or_got() {
        let ring = Ring::new(4);
        for i in 0..4 {
            ring.push(item(i)).unwrap();
        }
        // A consumer that has claimed the first, and a producer in the middle of the third.
        ring.head.at.store(1, Ordering::Relaxed);
        ring.cells.made().unwrap().at(2).sequence.store(2, Ordering::Relaxed);
        assert_eq!(ring.repair(), 1);
        assert_eq!(ring.length(), 2);
        for i in [1, 3] {
            assert!(ring.pop() == Ok(item(i)));
        }
        for i in 10..14 {
            assert!(ring.push(item(i)).is_ok());
        }
        assert!(ring.push(item(0)) == Err(Refused::Not));
        for i in 10..14 {
            assert!(ring.pop() == Ok(item(i)));
        }
    }
}
