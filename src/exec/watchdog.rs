//! The watchdog: an alarm that interrupts the main thread, unless it is put off in time.

use crate::base::arena::{Arena, Kept};
use crate::base::atomic::AtomicU64;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::status::Error;
use crate::exec::alarm::{self, Alarm};
use crate::thread::interrupt;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// What a watchdog has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Watchdog {
    alarm: Kept<Alarm>,
    /// How long it waits to be fed. Set before the handle is known, like the signal.
    patience: Cell<Timeout>,
    signum: Cell<i32>,
}

// SAFETY: the cells change only while nobody else knows the handle.
unsafe impl Sync for Watchdog {}

impl Object for Watchdog {
    const KIND: Kind = Kind::Watchdog;

    fn arena() -> &'static Arena<Watchdog> {
        &WATCHDOGS
    }

    fn blank() -> Watchdog {
        Watchdog { alarm: Kept(Alarm::idle()), patience: Cell::new(Timeout::Forever), signum: Cell::new(0) }
    }

    fn reset(&self) {
        self.patience.set(Timeout::Forever);
        self.signum.set(0);
    }

    fn forget(&self, _word: &AtomicU64) {
        alarm::forget(&self.alarm);
    }
}

static WATCHDOGS: Arena<Watchdog> = Arena::new();

/// Starts a watchdog that interrupts the main thread with `signum` once it is not fed for so long.
pub fn start(seconds: f64, signum: i32) -> Result<Handle<Watchdog>, Error> {
    let patience = match Timeout::from_seconds(seconds)? {
        patience @ Timeout::Nanoseconds(_) => patience,
        _ => return Err(Error::NotPositiveSeconds),
    };
    interrupt::check_number(signum)?;
    let watchdog = Handle::make(0, |watchdog: &Watchdog| {
        watchdog.patience.set(patience);
        watchdog.signum.set(signum);
    })?;
    let fed = watchdog.feed();
    if fed.is_err() {
        watchdog.end(|_, _| Ok(()))?;
    }
    fed.map(|()| watchdog)
}

/// The action of a watchdog's alarm.
///
/// # Safety
/// The argument is a watchdog, which is not freed while this runs.
unsafe fn bark(watchdog: *const c_void) {
    // SAFETY: as the caller vouches.
    let signum = unsafe { &*watchdog.cast::<Watchdog>() }.signum.get();
    // The number was checked at the start.
    let _ = interrupt::interrupt_main(signum);
}

impl Handle<Watchdog> {
    /// Puts the interrupt off, or arms the watchdog again.
    pub fn feed(self) -> Result<(), Error> {
        let watchdog = self.alive()?;
        let action: alarm::Action = (bark, ptr::from_ref(watchdog).cast());
        alarm::put_off(self, &watchdog.alarm, watchdog.patience.get(), action)
    }

    pub fn cancel(self) -> Result<(), Error> {
        alarm::cancel(self, &self.alive()?.alarm)
    }

    /// Cancels the watchdog, and frees it. Interrupted, or while another thread waits for the end of its
    /// interrupt: cancelled, but not freed.
    pub fn free(self) -> Result<(), Error> {
        alarm::end(self, &self.alive()?.alarm)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    const LONG: f64 = 1000.0;

    /// What a feed does that has found the watchdog alive before.
    fn feed_late(freed: Handle<Watchdog>, body: &'static Watchdog) -> Result<(), Error> {
        let action: alarm::Action = (bark, ptr::from_ref(body).cast());
        alarm::put_off(freed, &body.alarm, Timeout::Nanoseconds(1 << 60), action)
    }

    #[test]
    fn a_feed_that_comes_too_late_arms_nothing() {
        let freed = start(LONG, 10).unwrap();
        let body = freed.alive().unwrap();
        freed.free().unwrap();
        assert_eq!(feed_late(freed, body), Err(Error::StaleHandle(Kind::Watchdog)));
        assert!(body.alarm.is_idle());
    }

    #[test]
    fn a_feed_that_comes_too_late_does_not_put_off_the_next_in_the_slot() {
        let freed = start(LONG, 10).unwrap();
        let body = freed.alive().unwrap();
        freed.free().unwrap();
        let next = start(LONG, 10).unwrap();
        assert!(ptr::eq(next.alive().unwrap(), body));
        let until = body.alarm.until();
        assert_eq!(feed_late(freed, body), Err(Error::StaleHandle(Kind::Watchdog)));
        assert_eq!(body.alarm.until(), until);
        next.free().unwrap();
    }
}
