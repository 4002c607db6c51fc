//! The queue: first in first out, of pointers, for many producers and consumers.
//!
//! A ring under a short lock, and for each side a place to sleep: a count that changes when something
//! was done for that side. A thread reads the count under the lock, so what happens after it has
//! looked at the ring cannot be missed.
//!
//! | state | put | get |
//! |---|---|---|
//! | `Open` | waits for room | waits for an item |
//! | `Closed` | LT_CLOSED | what is left, then LT_CLOSED |

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::fork::Participant;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::mutex::{Guard, Mutex};
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::wait::{self, Wake};
use core::ffi::c_void;
use std::collections::VecDeque;

/// What a queue has beside its word, which is only its handle check.
pub struct Queue {
    ring: Mutex<Ring>,
    /// Where threads sleep that wait for an item, and for room.
    items: Side,
    room: Side,
}

struct Ring {
    items: VecDeque<*mut c_void>,
    /// 0: unbounded.
    capacity: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
}

// SAFETY: the library never looks behind the pointers that it passes on.
unsafe impl Send for Ring {}

/// One side's place to sleep. The numbers are read under the ring's lock, whose holder before has seen
/// or made each change that matters: Relaxed will do.
struct Side {
    /// Changes with each thing done for the side; the futex.
    count: AtomicU32,
    waiting: AtomicU32,
}

impl Side {
    const fn new() -> Side {
        Side { count: AtomicU32::new(0), waiting: AtomicU32::new(0) }
    }

    /// Says that something was done for `n` waiters; how many there are to be woken, without the lock.
    fn done(&self, n: u32) -> u32 {
        let waiting = self.waiting.load(Ordering::Relaxed).min(n);
        if waiting > 0 {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        waiting
    }

    fn wake(&self, n: u32) {
        if n > 0 {
            wait::wake(&self.count, n);
        }
    }
}

impl Object for Queue {
    const KIND: Kind = Kind::Queue;
    fn arena() -> &'static Arena<Queue> {
        &QUEUES
    }
}

static QUEUES: Arena<Queue> = Arena::new(
    || Queue {
        ring: Mutex::new(Ring { items: VecDeque::new(), capacity: 0, state: State::Open }),
        items: Side::new(),
        room: Side::new(),
    },
    Participant::new(
        || QUEUES.before_fork(|queue| queue.ring.raw_lock()),
        || QUEUES.after_fork_in_parent(|queue| queue.ring.raw_unlock()),
        || {
            QUEUES.after_fork_in_child(
                |queue| queue.ring.raw_unlock(),
                |_, queue| {
                    // Relaxed: there is one thread.
                    queue.items.waiting.store(0, Ordering::Relaxed);
                    queue.room.waiting.store(0, Ordering::Relaxed);
                },
            )
        },
    ),
);

impl Handle<Queue> {
    pub fn new_queue(capacity: usize) -> Result<Handle<Queue>, Error> {
        Handle::new(0, |queue: &Queue| {
            *queue.ring.lock() = Ring { items: VecDeque::new(), capacity, state: State::Open };
        })
    }

    /// Ends the queue, unless a thread waits for it. What is in it is forgotten.
    pub fn free_queue(self) -> Result<(), Error> {
        // Outlives the guard: the slot goes back, under the arena's lock, only after the ring's.
        let _resident = self.reside()?;
        let (queue, mut ring) = self.enter()?;
        self.free(|_, _, _| {
            let waiting =
                queue.items.waiting.load(Ordering::Relaxed) + queue.room.waiting.load(Ordering::Relaxed);
            if waiting == 0 { Ok(()) } else { Err(Error::Busy) }
        })?;
        ring.items = VecDeque::new();
        Ok(())
    }

    pub fn put(self, item: *mut c_void) -> Result<(), Error> {
        self.put_within(item, || Ok(Timeout::Forever))
    }

    pub fn try_put(self, item: *mut c_void) -> Result<(), Error> {
        let (queue, ring) = self.enter()?;
        queue.push(ring, item)
    }

    pub fn put_timeout(self, item: *mut c_void, seconds: f64) -> Result<(), Error> {
        self.put_within(item, || Timeout::from_seconds(seconds))
    }

    pub fn get(self) -> Result<*mut c_void, Error> {
        self.get_within(|| Ok(Timeout::Forever))
    }

    pub fn try_get(self) -> Result<*mut c_void, Error> {
        let (queue, ring) = self.enter()?;
        queue.pop(ring)
    }

    pub fn get_timeout(self, seconds: f64) -> Result<*mut c_void, Error> {
        self.get_within(|| Timeout::from_seconds(seconds))
    }

    /// No more puts; gets take what is left, or nothing if `immediate`. Wakes all who wait.
    pub fn close(self, immediate: bool) -> Result<(), Error> {
        let (queue, mut ring) = self.enter()?;
        ring.state = State::Closed;
        if immediate {
            ring.items = VecDeque::new();
        }
        let (items, room) = (queue.items.done(u32::MAX), queue.room.done(u32::MAX));
        drop(ring);
        queue.items.wake(items);
        queue.room.wake(room);
        Ok(())
    }

    pub fn size(self) -> Result<usize, Error> {
        Ok(self.enter()?.1.items.len())
    }

    pub fn capacity(self) -> Result<usize, Error> {
        Ok(self.enter()?.1.capacity)
    }

    pub fn is_full(self) -> Result<bool, Error> {
        Ok(self.enter()?.1.is_full())
    }

    /// The queue and its ring, locked: alive, since `free_queue` holds the lock too.
    fn enter(self) -> Result<(&'static Queue, Guard<'static, Ring>), Error> {
        self.state(Ordering::Acquire)?;
        // SAFETY: the word was just seen alive.
        let queue = unsafe { self.body() };
        let ring = queue.ring.lock();
        // Relaxed: whoever freed it did so under the lock.
        self.state(Ordering::Relaxed)?;
        Ok((queue, ring))
    }

    fn put_within(
        self,
        item: *mut c_void,
        timeout: impl FnOnce() -> Result<Timeout, Error>,
    ) -> Result<(), Error> {
        self.within(timeout, Error::Full, |queue| &queue.room, |queue, ring| queue.push(ring, item))
    }

    fn get_within(self, timeout: impl FnOnce() -> Result<Timeout, Error>) -> Result<*mut c_void, Error> {
        self.within(timeout, Error::Empty, |queue| &queue.items, Queue::pop)
    }

    /// Tries `attempt`, under the lock, until it gives something else than `not_yet`; sleeps on `side`.
    fn within<R>(
        self,
        timeout: impl FnOnce() -> Result<Timeout, Error>,
        not_yet: Error,
        side: impl Fn(&'static Queue) -> &'static Side,
        attempt: impl Fn(&Queue, Guard<'static, Ring>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let (queue, ring) = self.enter()?;
        let timeout = timeout()?;
        match attempt(queue, ring) {
            Err(error) if error == not_yet => (),
            result => return result,
        }
        let block = Block::begin(timeout)?;
        let side = side(queue);
        // Registered until the end: `free` must not come between two sleeps.
        let waiting = side.register();
        loop {
            let (queue, ring) = self.enter()?;
            let count = side.count.load(Ordering::Relaxed);
            match attempt(queue, ring) {
                Err(error) if error == not_yet => (),
                result => return result,
            }
            let wake = waiting.sleep(&block, count);
            if wake.ends_wait() {
                let (queue, ring) = self.enter()?;
                match attempt(queue, ring) {
                    Err(error) if error == not_yet => (),
                    result => return result,
                }
                if let Some(reason) = block.reason(wake) {
                    return Err(reason);
                }
            }
        }
    }
}

impl Queue {
    fn push(&self, mut ring: Guard<'_, Ring>, item: *mut c_void) -> Result<(), Error> {
        if ring.state == State::Closed {
            return Err(Error::Closed);
        }
        if ring.is_full() {
            return Err(Error::Full);
        }
        ring.items.try_reserve(1).map_err(|_| Error::NoMemory)?;
        ring.items.push_back(item);
        let waiting = self.items.done(1);
        drop(ring);
        self.items.wake(waiting);
        Ok(())
    }

    fn pop(&self, mut ring: Guard<'_, Ring>) -> Result<*mut c_void, Error> {
        let Some(item) = ring.items.pop_front() else {
            return Err(if ring.state == State::Closed { Error::Closed } else { Error::Empty });
        };
        let waiting = self.room.done(1);
        drop(ring);
        self.room.wake(waiting);
        Ok(item)
    }
}

impl Ring {
    fn is_full(&self) -> bool {
        self.capacity != 0 && self.items.len() >= self.capacity
    }
}

/// A thread that waits on one side.
struct Waiting<'a> {
    side: &'a Side,
}

impl Side {
    /// Registers the calling thread, which then looks at the ring under its lock.
    fn register(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting { side: self }
    }
}

impl Waiting<'_> {
    /// Sleeps until something is done for the side after `count` was read.
    fn sleep(&self, block: &Block, count: u32) -> Wake {
        let mut spin = Spin::new();
        while self.side.count.load(Ordering::Relaxed) == count {
            if !spin.again() {
                return block.sleep(&self.side.count, count);
            }
        }
        Wake::Changed
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // Without the lock: a moment too long only costs a wake that finds nobody.
        self.side.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::without_provenance_mut as item;

    #[test]
    fn first_in_first_out_within_its_bound() {
        let queue = Handle::new_queue(2).unwrap();
        assert_eq!(queue.try_get(), Err(Error::Empty));
        queue.put(item(1)).unwrap();
        queue.try_put(item(2)).unwrap();
        assert_eq!(queue.try_put(item(3)), Err(Error::Full));
        assert_eq!(queue.put_timeout(item(3), 1e-4), Err(Error::TimedOut));
        assert_eq!(queue.is_full(), Ok(true));
        assert_eq!(queue.get(), Ok(item(1)));
        assert_eq!(queue.get_timeout(0.0), Ok(item(2)));
        assert_eq!(queue.get_timeout(1e-4), Err(Error::TimedOut));
        queue.free_queue().unwrap();
        assert_eq!(queue.size(), Err(Error::StaleHandle(Kind::Queue)));
    }

    #[test]
    fn a_closed_queue_is_drained_and_then_says_so() {
        let queue = Handle::new_queue(0).unwrap();
        queue.put(item(1)).unwrap();
        queue.close(false).unwrap();
        assert_eq!(queue.put(item(2)), Err(Error::Closed));
        assert_eq!(queue.get(), Ok(item(1)));
        assert_eq!(queue.get(), Err(Error::Closed));
        queue.free_queue().unwrap();
    }

    #[test]
    fn nothing_is_lost_between_many_threads() {
        let queue = Handle::new_queue(3).unwrap();
        let sum = crate::base::atomic::AtomicUsize::new(0);
        std::thread::scope(|threads| {
            let producers: Vec<_> = (0..3)
                .map(|_| threads.spawn(move || (1..=10_000).for_each(|i| queue.put(item(i)).unwrap())))
                .collect();
            for _ in 0..3 {
                threads.spawn(|| {
                    while let Ok(i) = queue.get() {
                        sum.fetch_add(i.addr(), Ordering::Relaxed);
                    }
                });
            }
            producers.into_iter().for_each(|p| p.join().unwrap());
            queue.close(false).unwrap();
        });
        assert_eq!(sum.into_inner(), 3 * 10_000 * 10_001 / 2);
        queue.free_queue().unwrap();
    }
}
