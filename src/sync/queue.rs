//! The queue: first in first out, of pointers, for many producers and consumers.
//!
//! The items are in a [`Ring`] or, without a bound, in a [`Chain`] of them; this is what waits around them. On
//! each [`Side`] a thread tries for a moment and then sleeps until the other side has done something.
//!
//! | state | put | get |
//! |---|---|---|
//! | open | waits for room | waits for an item |
//! | closed | LT_CLOSED | what is left, then LT_CLOSED |
//!
//! An item that another thread is in the middle of putting hides those behind it. So whoever finds what it
//! wants wakes the next, if there is more: the wake of that may have been spent on who found nothing. And
//! whoever takes the last item of a closed queue wakes all: it may have hidden from them that it was the last.
//! Who may not wait is told that there is nothing.
//!
//! Whoever has got the last item may free the queue, though the thread that put it is not quite out of its put.
//! So what comes after a push, a pop or the last item's `task_done` looks at nothing that a free takes away,
//! unless the thread has become a resident first and then found the queue alive: [`Handle::stay`].

use crate::base::arena::{Arena, Resident};
use crate::base::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::fence;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::unwind::Function;
use crate::base::wait::{self, Wake};
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{self, News, Sides};
use crate::base::{race, registry};
use crate::sync::chain::Chain;
use crate::sync::discard::Discard;
use crate::sync::ring::{self, Refused, Ring};
use crate::sync::side::Side;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::ptr;
use core::slice;

/// What a queue has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Queue {
    /// Changes only while nobody else knows the handle.
    store: UnsafeCell<Store>,
    /// Where threads sleep that wait for an item, and for room.
    items: Side,
    room: Side,
    /// How many threads of users sleep there: while some do, the handle is not freed.
    asleep: AtomicU32,
    /// How many items are done with, and who waits for all to be.
    done: AtomicU64,
    joiners: AtomicU32,
    /// Changes when all items are done; the joiners' futex.
    rests: AtomicU32,
    /// Called for items that are discarded.
    drop: Discard,
}

/// The sides, as those who watch the queue tell them apart.
pub const ITEMS: Sides = Sides::ONE;
pub const ROOM: Sides = Sides::OTHER;

/// Who sleeps.
#[derive(Clone, Copy)]
enum Sleeper {
    User,
    /// The library itself, on behalf of nobody who could be told to wait no more.
    Guest,
}

// SAFETY: the store is Sync, and is replaced only while nobody else knows the handle.
unsafe impl Sync for Queue {}

/// Where the items are.
#[derive(Debug)]
pub enum Store {
    Ring(Ring),
    Chain(Chain),
}

impl Store {
    /// That of a queue that is free.
    const fn none() -> Store {
        Store::Chain(Chain::none())
    }
}

macro_rules! on_store {
    ($queue:expr, $store:ident => $what:expr) => {
        match $queue.store() {
            Store::Ring($store) => $what,
            Store::Chain($store) => $what,
        }
    };
}

impl Object for Queue {
    const KIND: Kind = Kind::Queue;
    const ORDERS: bool = true;

    fn arena() -> &'static Arena<Queue> {
        &QUEUES
    }

    fn blank() -> Queue {
        Queue {
            store: UnsafeCell::new(Store::none()),
            items: Side::new(),
            room: Side::new(),
            asleep: AtomicU32::new(0),
            done: AtomicU64::new(0),
            joiners: AtomicU32::new(0),
            rests: AtomicU32::new(0),
            drop: Discard::none(),
        }
    }

    // Relaxed: nobody else has it.
    fn reset(&self) {
        self.replace(Store::none());
        self.items.forget();
        self.room.forget();
        self.asleep.store(0, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.joiners.store(0, Ordering::Relaxed);
        self.rests.store(0, Ordering::Relaxed);
        self.drop.set(None);
    }

    /// Nobody waits, and nobody is in the middle of anything.
    fn forget(&self, _word: &AtomicU64) {
        self.items.forget();
        self.room.forget();
        // Relaxed: there is one thread.
        self.asleep.store(0, Ordering::Relaxed);
        self.joiners.store(0, Ordering::Relaxed);
        self.done.fetch_add(on_store!(self, store => store.repair()), Ordering::Relaxed);
    }
}

static QUEUES: Arena<Queue> = Arena::new();

impl Handle<Queue> {
    pub fn new(capacity: usize) -> Result<Handle<Queue>, Error> {
        Handle::<Queue>::new_on(match capacity {
            1..=ring::LARGEST => Store::Ring(Ring::new(capacity)),
            _ => Store::Chain(Chain::new(capacity)?),
        })
    }

    pub fn new_on(store: Store) -> Result<Handle<Queue>, Error> {
        fence::prepare();
        Handle::make(0, |queue: &Queue| queue.replace(store))
    }

    /// Ends the queue, unless a thread waits for it. Discards what is in it.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn free(self) -> Result<(), Error> {
        let unless_awaited = |queue: &Queue| if queue.is_awaited() { Err(Error::Busy) } else { Ok(()) };
        unless_awaited(self.alive()?)?;
        // Before it is closed, which makes all of it possible: what that has called would find it half gone.
        let watched = self.is_watched();
        if watched {
            watchers::end(self.key());
        }
        // SAFETY: as the caller vouches.
        unsafe { self.close(true)? };
        let queue = self.end(|queue, _| unless_awaited(queue)).inspect_err(|_| {
            // It is closed, and goes on.
            if watched {
                watchers::revive(self.key());
            }
        })?;
        // Else somebody is just on the way out, and the memory stays until the slot is used again.
        if queue.is_alone() {
            queue.replace(Store::none());
        }
        Ok(())
    }

    /// Puts if nothing stands in the way.
    #[inline(always)]
    pub fn put_at_once(self, item: *mut c_void) -> bool {
        let Some(queue) = self.alive_at_once() else { return false };
        let put = on_store!(queue, store => store.push_at_once(item));
        if put {
            self.after_push(queue, 1);
        }
        put
    }

    /// Gets if nothing stands in the way.
    #[inline(always)]
    pub fn get_at_once(self) -> Option<*mut c_void> {
        let queue = self.alive_at_once()?;
        let item = on_store!(queue, store => store.pop_at_once())?;
        self.after_pop(queue, 1);
        Some(item)
    }

    pub fn put(self, item: *mut c_void) -> Result<(), Error> {
        let queue = self.alive()?;
        let item = slice::from_ref(&item);
        match self.push(queue, item) {
            Ok(_) => Ok(()),
            Err(refused) => self.put_slowly(refused, item, Timeout::Forever, Sleeper::User).map(drop),
        }
    }

    /// Takes the memory that putting needs, where there is a bound: no put fails for want of it.
    pub fn make_ready(self) -> Result<(), Error> {
        match self.alive()?.store() {
            Store::Ring(ring) => ring.make_ready(),
            Store::Chain(_) => Ok(()),
        }
    }

    /// As `put`, for a guest: one of whom the user does not know. A free does not mind its sleep, and ends it
    /// as a close does.
    pub fn put_as_guest(self, item: *mut c_void) -> Result<(), Error> {
        let queue = self.reside()?;
        let item = slice::from_ref(&item);
        match self.push(&queue, item) {
            Ok(_) => Ok(()),
            Err(refused) => self.put_slowly(refused, item, Timeout::Forever, Sleeper::Guest).map(drop),
        }
    }

    pub fn try_put(self, item: *mut c_void) -> Result<(), Error> {
        let queue = self.alive()?;
        match self.push(queue, slice::from_ref(&item)) {
            Ok(_) => Ok(()),
            Err(refused) => {
                self.lull_side(queue, ROOM);
                Err(refused.at_once(Error::Full))
            }
        }
    }

    pub fn put_timeout(self, item: *mut c_void, seconds: f64) -> Result<(), Error> {
        let queue = self.alive()?;
        let timeout = Timeout::from_seconds(seconds)?;
        let item = slice::from_ref(&item);
        match self.push(queue, item) {
            Ok(_) => Ok(()),
            Err(refused) => self.put_slowly(refused, item, timeout, Sleeper::User).map(drop),
        }
    }

    pub fn get(self) -> Result<*mut c_void, Error> {
        let queue = self.alive()?;
        match self.pop(queue) {
            Ok(item) => Ok(item),
            Err(refused) => self.get_one_slowly(refused, Timeout::Forever),
        }
    }

    pub fn try_get(self) -> Result<*mut c_void, Error> {
        let queue = self.alive()?;
        match self.pop(queue) {
            Ok(item) => Ok(item),
            Err(refused) => {
                self.lull_side(queue, ITEMS);
                Err(refused.at_once(Error::Empty))
            }
        }
    }

    pub fn get_timeout(self, seconds: f64) -> Result<*mut c_void, Error> {
        let queue = self.alive()?;
        let timeout = Timeout::from_seconds(seconds)?;
        match self.pop(queue) {
            Ok(item) => Ok(item),
            Err(refused) => self.get_one_slowly(refused, timeout),
        }
    }

    /// Puts the items in their order; how many, and why not all.
    pub fn put_many(self, items: &[*mut c_void], seconds: f64) -> Result<(usize, Result<(), Error>), Error> {
        let queue = self.alive()?;
        let mut timeout = Timeout::from_seconds(seconds)?;
        let deadline = timeout.start();
        let mut done = 0;
        while let Some(left @ [_, ..]) = items.get(done..) {
            done += match self.push(queue, left) {
                Ok(n) => n,
                Err(refused) => match self.put_slowly(refused, left, timeout, Sleeper::User) {
                    Ok(n) => {
                        timeout = deadline.rest();
                        n
                    }
                    Err(error) => return Ok((done, Err(error))),
                },
            };
        }
        Ok((done, Ok(())))
    }

    /// Waits for one item, and takes as many as there are and `items` has room for; how many, and why none.
    ///
    /// # Safety
    /// `items` is valid for writing `n` pointers.
    pub unsafe fn get_many(
        self,
        items: *mut *mut c_void,
        n: usize,
        seconds: f64,
    ) -> Result<(usize, Result<(), Error>), Error> {
        let queue = self.alive()?;
        let timeout = Timeout::from_seconds(seconds)?;
        if n == 0 {
            return Ok((0, Ok(())));
        }
        let mut next = items;
        let mut take = |item| {
            // SAFETY: as the caller vouches; no more than n are taken.
            unsafe {
                next.write(item);
                next = next.add(1);
            }
        };
        let mut done = match self.pop_many(queue, n, &mut take) {
            Ok(done) => done,
            Err(refused) => match self.get_slowly(refused, timeout, n, &mut take) {
                Ok(done) => done,
                Err(error) => return Ok((0, Err(error))),
            },
        };
        while let (true, Ok(more)) = (done < n, self.pop_many(queue, n - done, &mut take)) {
            done += more;
        }
        Ok((done, Ok(())))
    }

    /// No more puts; gets take what is left, or nothing if `immediate`: then that is discarded. Wakes all
    /// who wait.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn close(self, immediate: bool) -> Result<(), Error> {
        let queue = self.alive()?;
        self.happens_before();
        on_store!(queue, store => store.close());
        // That it is closed comes before the look at who waits.
        fence::light();
        self.call(queue, ITEMS, usize::MAX, News::New);
        self.call(queue, ROOM, usize::MAX, News::New);
        if !immediate {
            return Ok(());
        }
        while let Some((item, discard)) = self.take_to_discard()? {
            if let Some(discard) = discard {
                // SAFETY: the item is the user's, and as the caller vouches.
                unsafe { discard(item) };
            }
        }
        Ok(())
    }

    /// An item of a closed queue, and what is to be called for it; None when there is none left.
    fn take_to_discard(self) -> Result<Option<(*mut c_void, Option<Function>)>, Error> {
        // What was called for the last one may have freed it, and so may another thread.
        let Ok(queue) = self.reside() else { return Ok(None) };
        let item = match self.pop(&queue) {
            Ok(item) => item,
            Err(Refused::Closed) => return Ok(None),
            // Another thread is in the middle of a put.
            Err(_) => match self.get_one_by(Block::brief()) {
                Ok(item) => item,
                Err(Error::Closed) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        // Fails if it was said to be done already, which is to end neither this nor the item's drop.
        let _ = self.add_done(&queue, 1);
        Ok(Some((item, queue.drop.get())))
    }

    /// What is to be called for each item that is discarded.
    pub fn set_drop(self, drop: Option<Function>) -> Result<(), Error> {
        self.alive()?.drop.set(drop);
        Ok(())
    }

    /// One item that was got is done with.
    pub fn task_done(self) -> Result<(), Error> {
        self.add_done(self.alive()?, 1)
    }

    /// Waits until all items that were put are done with.
    pub fn join(self) -> Result<(), Error> {
        self.alive()?;
        self.join_within(Timeout::Forever)
    }

    pub fn try_join(self) -> Result<(), Error> {
        if self.alive()?.all_done() { Ok(()) } else { Err(Error::Busy) }
    }

    pub fn join_timeout(self, seconds: f64) -> Result<(), Error> {
        self.alive()?;
        let timeout = Timeout::from_seconds(seconds)?;
        self.join_within(timeout)
    }

    pub fn size(self) -> Result<usize, Error> {
        Ok(on_store!(self.alive()?, store => store.length()))
    }

    pub fn capacity(self) -> Result<usize, Error> {
        Ok(on_store!(self.alive()?, store => store.capacity()))
    }

    pub fn is_full(self) -> Result<bool, Error> {
        let capacity = self.capacity()?;
        Ok(capacity != 0 && self.size()? >= capacity)
    }

    pub fn is_closed(self) -> Result<bool, Error> {
        Ok(on_store!(self.alive()?, store => store.is_closed()))
    }

    /// As `push`, but waits for room.
    #[cold]
    fn put_slowly(
        self,
        refused: Refused,
        items: &[*mut c_void],
        timeout: Timeout,
        sleeper: Sleeper,
    ) -> Result<usize, Error> {
        self.check_open(refused)?;
        self.lull_side(self.alive()?, ROOM);
        let block = Block::begin(What::of(Verb::Put, self), timeout)?;
        self.within(block, sleeper, |queue| &queue.room, |queue| self.push(queue, items))
    }

    /// An error if that will not pass: then it is so after who closed it.
    fn check_open(self, refused: Refused) -> Result<(), Error> {
        refused.for_good().inspect(|_| self.happens_after()).map_or(Ok(()), Err)
    }

    /// As `pop_many`, but waits for an item.
    #[cold]
    fn get_slowly(
        self,
        refused: Refused,
        timeout: Timeout,
        most: usize,
        take: impl FnMut(*mut c_void),
    ) -> Result<usize, Error> {
        self.check_open(refused)?;
        self.lull_side(self.alive()?, ITEMS);
        self.get_by(Block::begin(What::of(Verb::Get, self), timeout)?, most, take)
    }

    #[cold]
    fn get_one_slowly(self, refused: Refused, timeout: Timeout) -> Result<*mut c_void, Error> {
        self.check_open(refused)?;
        self.lull_side(self.alive()?, ITEMS);
        self.get_one_by(Block::begin(What::of(Verb::Get, self), timeout)?)
    }

    fn get_one_by(self, block: Block) -> Result<*mut c_void, Error> {
        let mut got = ptr::null_mut();
        self.get_by(block, 1, |item| got = item)?;
        Ok(got)
    }

    fn get_by(self, block: Block, most: usize, mut take: impl FnMut(*mut c_void)) -> Result<usize, Error> {
        self.within(block, Sleeper::User, |queue| &queue.items, |queue| self.pop_many(queue, most, &mut take))
    }

    /// Tries until it is not refused; sleeps on `side` between.
    fn within<R>(
        self,
        block: Block,
        sleeper: Sleeper,
        side: impl Fn(&Queue) -> &Side,
        mut attempt: impl FnMut(&Queue) -> Result<R, Refused>,
    ) -> Result<R, Error> {
        let queue = self.reside()?;
        let side = side(&queue);
        // None: not now.
        let mut attempt = || match attempt(&queue) {
            Ok(result) => Some(Ok(result)),
            Err(refused) => self.check_open(refused).err().map(Err),
        };
        let mut spin = Spin::new();
        while spin.again() {
            if let Some(result) = attempt() {
                return result;
            }
        }
        let mut _stays = None;
        loop {
            side.register();
            if let Some(result) = attempt() {
                side.leave();
                return result;
            }
            let slept = queue.sleep(side, &block, sleeper);
            match slept {
                Ok(()) => (),
                // It neither waits here nor resides any more.
                Err(Wake::Forked) => _stays = Some(self.reside()?),
                Err(_) => side.leave(),
            }
            match (attempt(), slept) {
                (Some(result), _) => return result,
                (None, Ok(())) => (),
                (None, Err(wake)) => block.reason(wake).map_or(Ok(()), Err)?,
            }
        }
    }

    fn join_within(self, timeout: Timeout) -> Result<(), Error> {
        let queue = self.alive()?;
        self.await_done(timeout).inspect(|()| race::after(&raw const queue.done))
    }

    fn await_done(self, timeout: Timeout) -> Result<(), Error> {
        let queue = self.reside()?;
        if queue.all_done() {
            return Ok(());
        }
        // SeqCst, here and in `add_done`: of the last item and a joiner that come together, one sees the
        // other.
        queue.joiners.fetch_add(1, Ordering::SeqCst);
        let process = Cell::new(registry::forks());
        let all_done = || {
            if process.replace(registry::forks()) != registry::forks() {
                // In a child that was forked meanwhile it was forgotten.
                queue.joiners.fetch_add(1, Ordering::SeqCst);
            }
            queue.all_done()
        };
        let result = Block::until(What::of(Verb::Join, self), &queue.rests, timeout, all_done);
        // Relaxed: one too many only costs a wake.
        queue.joiners.fetch_sub(1, Ordering::Relaxed);
        result
    }

    /// Puts as many of the items as it can in one step, and wakes as many threads.
    #[inline(always)]
    fn push(self, queue: &Queue, items: &[*mut c_void]) -> Result<usize, Refused> {
        if race::is_looked_for() {
            // What is refused orders nothing.
            on_store!(queue, store => store.find_room())?;
            self.happens_before();
        }
        match on_store!(queue, store => store.push_many(items)) {
            Ok(n) => {
                self.after_push(queue, n);
                Ok(n)
            }
            Err(refused) => {
                if refused == Refused::NoMemory {
                    // For a moment there was less room.
                    self.after_pop(queue, items.len());
                }
                Err(refused)
            }
        }
    }

    #[inline(always)]
    fn pop(self, queue: &Queue) -> Result<*mut c_void, Refused> {
        let item = on_store!(queue, store => store.pop())?;
        self.happens_after();
        self.after_pop(queue, 1);
        Ok(item)
    }

    /// Takes as many items as it can in one step, and wakes as many threads.
    #[inline(always)]
    fn pop_many(self, queue: &Queue, most: usize, take: impl FnMut(*mut c_void)) -> Result<usize, Refused> {
        let n = on_store!(queue, store => store.pop_many(most, take))?;
        self.happens_after();
        self.after_pop(queue, n);
        Ok(n)
    }

    #[inline(always)]
    fn after_push(self, queue: &Queue, n: usize) {
        // What was pushed comes before the look at who waits for it; see `Side::register`.
        fence::light();
        if queue.items.is_awaited() || queue.room.is_awaited() {
            self.wake_after_push(n);
        }
    }

    #[inline(always)]
    fn after_pop(self, queue: &Queue, n: usize) {
        // As above.
        fence::light();
        if queue.items.is_awaited() || queue.room.is_awaited() {
            self.wake_after_pop(n);
        }
    }

    #[cold]
    fn wake_after_push(self, n: usize) {
        // Freed meanwhile: nobody waits.
        let Ok(queue) = self.reside() else { return };
        self.call(&queue, ITEMS, n, News::More);
        // The room that a wake was for may have been hidden until now.
        if !queue.is_full() {
            self.call(&queue, ROOM, 1, News::More);
        } else {
            self.lull_side(&queue, ROOM);
        }
    }

    #[cold]
    fn wake_after_pop(self, n: usize) {
        // As above.
        let Ok(queue) = self.reside() else { return };
        self.call(&queue, ROOM, n, News::More);
        // And so may the next item, or that this was the last one of a closed queue.
        if on_store!(queue, store => store.length()) > 0 {
            self.call(&queue, ITEMS, 1, News::More);
        } else if on_store!(queue, store => store.is_closed()) {
            self.call(&queue, ITEMS, usize::MAX, News::More);
        } else {
            self.lull_side(&queue, ITEMS);
        }
    }

    /// Wakes up to `n` of those who wait on a side, and tells as many of those who watch it.
    fn call(self, queue: &Queue, side: Sides, n: usize, news: News) {
        let here = queue.side(side);
        here.wake(n);
        if here.is_watched() {
            watchers::tell(self.key(), side, n, news, &|| {
                queue.items.set_unwatched();
                queue.room.set_unwatched();
            });
        }
    }

    /// There is no item, or no room: tells those who watch that.
    #[inline]
    fn lull_side(self, queue: &Queue, side: Sides) {
        if queue.side(side).is_watched() {
            watchers::lull(self.key(), side, &|| self.is_open(side) == Ok(true));
        }
    }

    /// Says that somebody watches that side: who is in the list of `base::watchers` by now. To be fenced, and looked
    /// at, after. A resident, as long as it watches.
    pub fn watch(self, side: Sides) -> Result<Resident<Queue>, Error> {
        let queue = self.reside()?;
        queue.side(side).set_watched();
        Ok(queue)
    }

    /// Whether a get that does not wait would have an item, or a put would find room; or the queue is closed. Whoever
    /// is in the middle of something that hides either tells when that is done.
    pub fn is_open(self, side: Sides) -> Result<bool, Error> {
        let queue = self.reside()?;
        let found = if side == ROOM {
            on_store!(queue, store => store.find_room())
        } else {
            on_store!(queue, store => store.find_item())
        };
        Ok(matches!(found, Ok(()) | Err(Refused::Closed)))
    }

    /// Counts items that are done with; no more than were put.
    fn add_done(self, queue: &Queue, n: u64) -> Result<(), Error> {
        let more = |done: u64| {
            let done = done.checked_add(n)?;
            (done <= on_store!(queue, store => store.puts())).then(|| {
                // What is refused orders nothing.
                race::before(&raw const queue.done);
                done
            })
        };
        // SeqCst: see `join_within`.
        let counted = queue.done.fetch_update(Ordering::SeqCst, Ordering::Relaxed, more);
        counted.map_err(|_| Error::NothingToBeDone)?;
        if queue.joiners.load(Ordering::SeqCst) > 0 {
            self.wake_joiners();
        }
        Ok(())
    }

    #[cold]
    fn wake_joiners(self) {
        // As above.
        let Ok(queue) = self.reside() else { return };
        if queue.all_done() {
            queue.rests.fetch_add(1, Ordering::Release);
            wait::wake_all(&queue.rests);
        }
    }
}

impl Queue {
    #[inline]
    fn store(&self) -> &Store {
        // SAFETY: replaced only while nobody else knows the handle.
        unsafe { &*self.store.get() }
    }

    fn replace(&self, store: Store) {
        // SAFETY: called while nobody else knows the handle.
        drop(core::mem::replace(unsafe { &mut *self.store.get() }, store));
    }

    fn is_full(&self) -> bool {
        let capacity = on_store!(self, store => store.capacity());
        capacity != 0 && on_store!(self, store => store.length()) >= capacity
    }

    fn side(&self, side: Sides) -> &Side {
        if side == ROOM { &self.room } else { &self.items }
    }

    fn all_done(&self) -> bool {
        // SeqCst: see `join_within`. What was done with the items happens before the return of a join.
        self.done.load(Ordering::SeqCst) == on_store!(self, store => store.puts())
    }

    /// Sleeps on a side, seen by who wants to free the queue if it is a user's. Not while it may be about to do
    /// what another thread waits for, and then frees the queue after: so not before the sleep, nor after it.
    fn sleep(&self, side: &Side, block: &Block, sleeper: Sleeper) -> Result<(), Wake> {
        let seen = match sleeper {
            Sleeper::User => 1,
            Sleeper::Guest => 0,
        };
        // SeqCst, in the look at it too: of a sleeper and a free that come together, one sees the other, or
        // the sleeper is woken by the close that the free begins with.
        let process = registry::forks();
        self.asleep.fetch_add(seen, Ordering::SeqCst);
        let slept = side.sleep(block);
        // In a child that was forked meanwhile it was forgotten.
        if process == registry::forks() {
            self.asleep.fetch_sub(seen, Ordering::SeqCst);
        }
        slept
    }

    /// The same for one that sleeps elsewhere, and watches: it falls asleep, or is awake again.
    pub fn set_asleep(&self, asleep: bool) {
        if asleep {
            self.asleep.fetch_add(1, Ordering::SeqCst);
        } else {
            self.asleep.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn is_awaited(&self) -> bool {
        self.asleep.load(Ordering::SeqCst) > 0 || self.joiners.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::without_provenance_mut as item;

    fn free(queue: Handle<Queue>) -> Result<(), Error> {
        // SAFETY: no drop function is set.
        unsafe { queue.free() }
    }

    fn close(queue: Handle<Queue>, immediate: bool) -> Result<(), Error> {
        // SAFETY: as above.
        unsafe { queue.close(immediate) }
    }

    #[test]
    fn first_in_first_out_within_its_bound() {
        for capacity in [2, ring::LARGEST + 1] {
            let queue = Handle::<Queue>::new(capacity).unwrap();
            assert_eq!(queue.try_get(), Err(Error::Empty));
            for i in 1..=capacity {
                queue.put(item(i)).unwrap();
            }
            assert_eq!(queue.try_put(item(9)), Err(Error::Full));
            assert_eq!(queue.put_timeout(item(9), 1e-4), Err(Error::TimedOut));
            assert_eq!(queue.is_full(), Ok(true));
            for i in 1..=capacity {
                assert_eq!(queue.get_timeout(0.0), Ok(item(i)));
            }
            assert_eq!(queue.get_timeout(1e-4), Err(Error::TimedOut));
            free(queue).unwrap();
            assert_eq!(queue.size(), Err(Error::StaleHandle(Kind::Queue)));
        }
    }

    #[test]
    fn a_closed_queue_is_drained_and_then_says_so() {
        for capacity in [0, 3] {
            let queue = Handle::<Queue>::new(capacity).unwrap();
            queue.put(item(1)).unwrap();
            close(queue, false).unwrap();
            assert_eq!(queue.put(item(2)), Err(Error::Closed));
            assert_eq!(queue.get(), Ok(item(1)));
            assert_eq!(queue.get(), Err(Error::Closed));
            free(queue).unwrap();
        }
    }

    fn ring(queue: Handle<Queue>) -> &'static Ring {
        match queue.alive().unwrap().store() {
            Store::Ring(ring) => ring,
            Store::Chain(_) => panic!("no ring"),
        }
    }

    /// Gets by each way that does not wait: what is told instead.
    fn get_nothing(queue: Handle<Queue>) -> Error {
        assert_eq!(queue.get_timeout(0.0), Err(Error::TimedOut));
        let mut items = [item(0); 2];
        // SAFETY: there is room for two.
        let many = unsafe { queue.get_many(items.as_mut_ptr(), 2, 0.0) };
        assert_eq!(many, Ok((0, Err(Error::TimedOut))));
        assert!(queue.get_at_once().is_none());
        queue.try_get().unwrap_err()
    }

    #[test]
    fn who_does_not_wait_does_not_wait_for_a_put_that_another_thread_is_in() {
        let queue = Handle::<Queue>::new(4).unwrap();
        queue.put(item(1)).unwrap();
        let position = ring(queue).begin_push();
        // Behind it.
        queue.put(item(3)).unwrap();
        assert_eq!(queue.try_get(), Ok(item(1)));
        assert_eq!(get_nothing(queue), Error::Empty);
        assert_eq!(queue.size(), Ok(2));
        ring(queue).end_push(position, item(2));
        assert_eq!(queue.try_get(), Ok(item(2)));
        assert_eq!(queue.try_get(), Ok(item(3)));
        free(queue).unwrap();
    }

    #[test]
    fn who_does_not_wait_does_not_wait_for_a_get_that_another_thread_is_in() {
        let queue = Handle::<Queue>::new(2).unwrap();
        queue.put(item(1)).unwrap();
        queue.put(item(2)).unwrap();
        ring(queue).begin_pop();
        assert_eq!(queue.try_put(item(3)), Err(Error::Full));
        assert_eq!(queue.put_timeout(item(3), 0.0), Err(Error::TimedOut));
        assert_eq!(queue.put_many(&[item(3)], 0.0), Ok((0, Err(Error::TimedOut))));
        assert!(!queue.put_at_once(item(3)));
        assert_eq!(queue.try_get(), Ok(item(2)));
        free(queue).unwrap();
    }

    #[test]
    fn a_close_waits_asleep_for_the_put_that_it_must_discard() {
        let queue = Handle::<Queue>::new(4).unwrap();
        let position = ring(queue).begin_push();
        std::thread::scope(|threads| {
            let closer = threads.spawn(|| close(queue, true).unwrap());
            while queue.alive().unwrap().asleep.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            assert_eq!(queue.put(item(2)), Err(Error::Closed));
            assert_eq!(get_nothing(queue), Error::Empty);
            ring(queue).end_push(position, item(1));
            queue.after_push(queue.alive().unwrap(), 1);
            closer.join().unwrap();
        });
        assert_eq!(queue.try_get(), Err(Error::Closed));
        assert_eq!(queue.try_join(), Ok(()));
        free(queue).unwrap();
    }

    #[test]
    fn what_was_freed_under_a_thread_on_its_way_out_stays_until_the_slot_is_used_again() {
        let queue = Handle::<Queue>::new(4).unwrap();
        let late = queue.reside().unwrap();
        assert_eq!(free(queue), Ok(()));
        assert!(matches!(late.store(), Store::Ring(_)));
        drop(late);
        // One that is too late finds nothing to stay in.
        assert!(queue.reside().is_err());
        queue.wake_after_push(1);
    }

    #[test]
    fn a_join_waits_for_as_many_as_were_put() {
        let queue = Handle::<Queue>::new(4).unwrap();
        assert_eq!(queue.join(), Ok(()));
        assert_eq!(queue.task_done(), Err(Error::NothingToBeDone));
        assert_eq!(queue.put_many(&[item(1), item(2), item(3)], -1.0), Ok((3, Ok(()))));
        assert_eq!(queue.try_join(), Err(Error::Busy));
        assert_eq!(queue.join_timeout(1e-4), Err(Error::TimedOut));
        std::thread::scope(|threads| {
            threads.spawn(|| queue.join().unwrap());
            for _ in 0..3 {
                queue.get().unwrap();
                queue.task_done().unwrap();
            }
        });
        queue.put(item(4)).unwrap();
        close(queue, true).unwrap();
        assert_eq!(queue.try_join(), Ok(()));
        free(queue).unwrap();
    }

    #[test]
    fn a_side_that_nobody_watches_any_more_is_left_alone_again() {
        let queue = Handle::<Queue>::new(2).unwrap();
        for side in [ITEMS, ROOM] {
            drop(queue.watch(side).unwrap());
            let body = queue.alive().unwrap();
            assert!(body.items.is_awaited() || body.room.is_awaited());
            queue.put(item(1)).unwrap();
            queue.get().unwrap();
            assert!(!body.items.is_awaited() && !body.room.is_awaited());
        }
        free(queue).unwrap();
    }

    #[test]
    fn nothing_is_lost_between_many_threads() {
        for capacity in [0, 1, 3, 1024] {
            let queue = Handle::<Queue>::new(capacity).unwrap();
            let sum = core::sync::atomic::AtomicUsize::new(0);
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
                close(queue, false).unwrap();
            });
            assert_eq!(sum.into_inner(), 3 * 10_000 * 10_001 / 2);
            free(queue).unwrap();
        }
    }
}
