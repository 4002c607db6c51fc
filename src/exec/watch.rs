//! Waiting for many futures at once.
//!
//! Who waits puts a watcher into each future that is not over. The end of a future tells its watchers,
//! under the future's lock; the same lock takes a watcher out, so none is told after it has gone.

use crate::base::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::base::awaited::Waiting;
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::Handle;
use crate::base::heap;
use crate::base::registry;
use crate::base::status::Error;
use crate::base::wait;
use crate::base::waiting::{Verb, What};
use crate::exec::future::Future;
use crate::exec::help::Help;
use core::cell::Cell;
use core::ptr;

/// When a wait for many is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    All,
    Any,
    FirstError,
}

/// What the watchers of one wait tell it.
struct Tally {
    mode: Mode,
    /// How many futures are not over, without those that wait for their own end here.
    left: AtomicUsize,
    over: AtomicUsize,
    failed: AtomicUsize,
    /// Changes when the wait may be over; the futex.
    changes: AtomicU32,
    /// In which its watchers are in lists.
    process: u32,
}

impl Tally {
    fn is_met(&self) -> bool {
        // Acquire: what the tasks did happens before the end of the wait.
        let left = self.left.load(Ordering::Acquire);
        left == 0
            || match self.mode {
                Mode::All => false,
                Mode::Any => self.over.load(Ordering::Acquire) > 0,
                Mode::FirstError => self.failed.load(Ordering::Acquire) > 0,
            }
    }

    fn count(&self, failed: bool) {
        // Release: pairs with `is_met`. What is left comes last: it says that all has been counted.
        self.failed.fetch_add(usize::from(failed), Ordering::Release);
        self.over.fetch_add(1, Ordering::Release);
        self.left.fetch_sub(1, Ordering::Release);
    }
}

/// One wait's place in one future, under that future's lock.
pub struct Watcher {
    tally: *const Tally,
    /// Since it was put in, the thread waits for the future.
    waits: Cell<Option<Waiting<Future>>>,
    /// Whether it was not told or taken out since.
    watching: Cell<bool>,
    previous: Cell<*const Watcher>,
    next: Cell<*const Watcher>,
}

/// The watchers of one future.
#[derive(Debug)]
pub struct Watchers(Cell<*const Watcher>);

// SAFETY: the watchers stay where they are while they are in the list, which is used under a lock.
unsafe impl Send for Watchers {}

impl Watchers {
    pub const fn none() -> Watchers {
        Watchers(Cell::new(ptr::null()))
    }

    /// The future is over: tells them all, and forgets them.
    pub fn tell(&self, failed: bool) {
        let mut next = self.0.replace(ptr::null());
        // SAFETY: who is in the list stays until it is taken out, under the lock that is held.
        while let Some(watcher) = unsafe { next.as_ref() } {
            next = watcher.next.get();
            watcher.watching.set(false);
            // SAFETY: as old as its watchers.
            let tally = unsafe { &*watcher.tally };
            tally.count(failed);
            if tally.is_met() {
                // Release: who finds it changed finds the numbers that were just counted, and does not sleep on
                // older ones: there may be no further change.
                tally.changes.fetch_add(1, Ordering::Release);
                wait::wake_all(&tally.changes);
            }
        }
    }

    /// In a forked child: those who waited are gone.
    pub fn forget(&self) {
        self.0.set(ptr::null());
    }

    /// # Safety
    /// It stays where it is until it is told, or taken out.
    unsafe fn put_in(&self, watcher: &Watcher) {
        watcher.watching.set(true);
        watcher.previous.set(ptr::null());
        watcher.next.set(self.0.replace(watcher));
        // SAFETY: as in `tell`.
        if let Some(next) = unsafe { watcher.next.get().as_ref() } {
            next.previous.set(watcher);
        }
    }

    /// Takes a watcher out, if it is still there: not in a child that was forked since it came.
    fn take_out(&self, watcher: &Watcher) {
        // SAFETY: as old as its watchers.
        let here = unsafe { &*watcher.tally }.process == registry::forks();
        if !watcher.watching.replace(false) || !here {
            return;
        }
        let (previous, next) = (watcher.previous.get(), watcher.next.get());
        // SAFETY: as in `tell`.
        unsafe {
            match previous.as_ref() {
                Some(previous) => previous.next.set(next),
                None => self.0.set(next),
            }
            if let Some(next) = next.as_ref() {
                next.previous.set(previous);
            }
        }
    }
}

/// How many of the futures are over.
pub fn count_over(futures: &[Handle<Future>]) -> Result<usize, Error> {
    futures.iter().try_fold(0, |count, future| Ok(count + usize::from(future.is_over()?)))
}

/// Waits until so many of the futures are over as the mode says.
pub fn wait_many(futures: &[Handle<Future>], mode: Mode, timeout: Timeout) -> Result<(), Error> {
    let is_met = || -> Result<bool, Error> {
        let over = count_over(futures)?;
        Ok(over == futures.len()
            || match mode {
                Mode::All => false,
                Mode::Any => over > 0,
                Mode::FirstError => {
                    futures.iter().try_fold(false, |any, future| Ok(any || future.has_failed()?))?
                }
            })
    };
    if is_met()? {
        return Ok(());
    }
    if timeout == Timeout::Poll {
        return Err(Error::TimedOut);
    }
    let deadline = timeout.start();
    let mut own = 0;
    // What needs another worker is waited for when all that this one can run is done.
    let mut beyond = None;
    for future in futures {
        match future.help() {
            Ok(Help::Ran) if is_met()? => return Ok(()),
            Ok(Help::NoRoom) => beyond = beyond.or(Some(*future)),
            Ok(Help::Ran | Help::NotNeeded) => (),
            // The others may do.
            Err(Error::WaitsForItself) if mode != Mode::All => own += 1,
            Err(error) => return Err(error),
        }
    }
    let _aside = beyond.map(Handle::<Future>::stand_aside).transpose()?;
    watch(futures, own, mode, deadline.rest())?;
    if own == 0 || is_met()? { Ok(()) } else { Err(Error::WaitsForItself) }
}

/// `own` of the futures cannot end before this does.
fn watch(futures: &[Handle<Future>], own: usize, mode: Mode, timeout: Timeout) -> Result<(), Error> {
    let tally = Tally {
        mode,
        left: AtomicUsize::new(futures.len() - own),
        over: AtomicUsize::new(0),
        failed: AtomicUsize::new(0),
        changes: AtomicU32::new(0),
        process: registry::forks(),
    };
    let mut watchers = Vec::new();
    heap::reserve(|| watchers.try_reserve_exact(futures.len()))?;
    let new = |_: &Handle<Future>| Watcher {
        tally: &tally,
        waits: Cell::new(None),
        watching: Cell::new(false),
        previous: Cell::new(ptr::null()),
        next: Cell::new(ptr::null()),
    };
    watchers.extend(futures.iter().map(new));
    let mut result = Ok(());
    for (future, watcher) in futures.iter().zip(&watchers) {
        // SAFETY: the watchers do not move, and are all taken out below.
        match future.watch(|watching| unsafe { watching.put_in(watcher) }) {
            Ok(waits @ Some(_)) => watcher.waits.set(waits),
            Ok(None) => tally.count(future.has_failed().unwrap_or(false)),
            Err(error) => result = result.and(Err(error)),
        }
    }
    // In a child that was forked meanwhile all that it waits for is over.
    let is_over = || tally.is_met() || tally.process != registry::forks();
    let result =
        result.and_then(|()| Block::until(What::plain(Verb::Wait), &tally.changes, timeout, is_over));
    for watcher in &watchers {
        if let Some(future) = watcher.waits.take() {
            future.unwatch(|watching| watching.take_out(watcher));
        }
    }
    result
}
